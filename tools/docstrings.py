"""A Sphinx extension for the page of the API: docstrings are read as plain text, not as markup.

``[n, *image_shape]`` and ``|KL − C|`` mean what they say; what stands in double backquotes is code.
"""

import re


def escape(app, what, name, obj, options, lines):
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"(``.*?``)|([*|])", lambda m: m[1] or f"\\{m[2]}", line)


def setup(app):
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon's own markup
    return {"parallel_read_safe": True, "parallel_write_safe": True}

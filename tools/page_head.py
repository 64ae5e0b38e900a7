"""A Sphinx extension for the book: what a shared link shows, and icons without a large script.

The addresses come from ``repository.url`` in _config.yml. Nothing here makes a page ask another host.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

PICTURE = "_static/social.jpg"  # tools/make_pictures.py
PICTURE_ALT = (
    "Pictures of garments on two square grids: what two models draw at the points of a plane."
)


def site_address(repository):
    """Where GitHub Pages publishes a repository."""
    owner, name = repository.removeprefix("https://github.com/").split("/")
    return f"https://{owner.lower()}.github.io/{name}"


def description(doctree):
    """What the page's front matter says (myst: html_meta: description), or its first promise.

    A chapter begins with "In this chapter you" and a list: the first item completes the sentence.
    """
    for node in doctree.findall(nodes.meta):
        if node.get("name") == "description":
            return node["content"]
    for node in doctree.findall(nodes.bullet_list):
        before = node.previous_sibling()
        if isinstance(before, nodes.paragraph) and before.astext() == "In this chapter you":
            return f"{before.astext()} {node[0].astext().rstrip('.;')}."
    return None


def add_tags(app, pagename, templatename, context, doctree):
    if doctree is None:  # the search page, the index
        return
    site = site_address(app.config.html_theme_options["repository_url"])
    text = description(doctree)
    title = re.sub("<[^>]*>", "", context["title"])  # escaped already
    context["metatags"] = re.sub(r'<meta [^>]*name="description"[^>]*>\s*', "", context["metatags"])
    if text:
        context["metatags"] += f'\n    <meta name="description" content="{escape(text)}" />'
    tags = {
        "og:type": "article",
        "og:site_name": escape(app.config.html_title),
        "og:title": title,
        "og:description": escape(text or ""),
        "og:url": f"{site}/{pagename}.html",
        "og:image": f"{site}/{PICTURE}",
        "og:image:alt": PICTURE_ALT,
        "og:image:width": 1200,
        "og:image:height": 630,
    }
    for name, value in tags.items():
        context["metatags"] += f'\n    <meta property="{name}" content="{value}" />'
    context["metatags"] += '\n    <meta name="twitter:card" content="summary_large_image" />\n'


def drop_icon_script(app, error):
    """The theme draws its icons from its fonts; this script (half a megabyte, compressed) would do
    it once more."""
    script = Path(app.outdir) / "_static" / "scripts" / "fontawesome.js"
    if script.exists():
        script.write_text("// The icon fonts draw the icons.\n")


def setup(app):
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", drop_icon_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

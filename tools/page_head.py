"""A Sphinx extension for the book: what a shared link shows, what a page may do, and icons without a
large script.

The addresses come from ``repository.url`` in _config.yml. Nothing here makes a page ask another host.
"""

import base64
import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes

from vae_helpers.widgets import page as explorer_page

PICTURE = "_static/social.jpg"  # tools/make_pictures.py
PICTURE_ALT = (
    "Pictures of garments on two square grids: what two models draw at the points of a plane."
)

# What a page may load and run. GitHub Pages lets nobody set headers, so it stands in each page's head.
# Widgets, MathJax and the theme write styles into the page, and only scripts are dangerous.
POLICY = {
    "default-src": ["'none'"],
    # anywidget imports a widget's module from a blob, which may compile WebAssembly but evaluate no
    # text; digests count for handlers as well.
    "script-src": ["'self'", "blob:", "'wasm-unsafe-eval'", "'unsafe-hashes'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],  # the search page shows the sentences around a hit
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
}
# Of the theme's buttons. On every page, for the search page reads the others, buttons included.
HANDLERS = ("toggleFullScreen()", "window.print()")
RUN = {None, "", "module", "text/javascript", "application/javascript"}  # other scripts are data


def site_address(repository):
    """Where GitHub Pages publishes a repository."""
    owner, name = repository.removeprefix("https://github.com/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}" if name.lower() == host else f"https://{host}/{name}"


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


def drop_rocket(app, pagename, templatename, context, doctree):
    """The theme offers Colab for all pages that run code; Colab opens notebooks only.

    And where the repository's address is not set yet (tools/repository.py), nothing is there.
    """
    dead = () if str(app.env.doc2path(pagename)).endswith(".ipynb") else ("launch-",)
    if "/-unset-/" in app.config.html_theme_options["repository_url"]:
        dead = ("launch-", "source-")
    buttons = context.get("header_buttons", [])
    buttons[:] = [button for button in buttons if not button.get("label", "").startswith(dead)]


def policy(page):
    """The content-security policy of an HTML page. Its inline scripts may run, by their digests."""
    scripts = [
        tag.string or ""
        for tag in BeautifulSoup(page, "html.parser").find_all("script")
        if not tag.has_attr("src") and tag.get("type") in RUN
    ]
    digests = dict.fromkeys(map(_digest, [*HANDLERS, *scripts]))
    directives = POLICY | {"script-src": [*POLICY["script-src"], *digests]}
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())


def _digest(script):
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def with_policy(page):
    """The page with its policy in front of all but its encoding, which must come first."""
    page = re.sub(r'\s*<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}">'
    encoding = re.search(r'<meta charset="utf-8" ?/?>', page)
    at = encoding.end() if encoding else 0
    return f"{page[:at]}\n    {tag}{page[at:]}"


def name_theme(app, pagename, templatename, context, doctree):
    """Without a name for the theme before anyone chooses, its script complains on every page."""
    context["default_mode"] = context.get("default_mode") or "auto"


def tidied(page):
    """The page without what its theme does twice, and what its policy would refuse."""
    thebe = re.findall(r"\s*<script>const THEBE_JS_URL[^<]*</script>", page)
    for twice in thebe[1:]:
        first = page.index(twice) + len(twice)
        page = page[:first] + page[first:].replace(twice, "", 1)
    # Firefox would fetch the next page beforehand, which default-src forbids.
    return widgets_first(re.sub(r'\s*<link rel="next"[^>]*>', "", page))


def widgets_first(page):
    """A page with widgets whose config.js loads MathJax, and whose state comes after all that is read."""
    if "/embed-amd.js" in page:
        mathjax = r'<script [^>]*(src="[^"]*/tex-mml-chtml\.js[^"]*")[^>]*>'
        page = re.sub(mathjax, r'<script type="text/plain" id="mathjax" \1>', page)
    if state := STATE.search(page):
        before, after = page.replace(state[0], "", 1).rsplit("</body>", 1)
        page = f"{before}{state[0]}\n</body>{after}"
    return page


# A cell's output that is a widget, and the state of the page's widgets.
VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">(\{[^<]*\})</script>'
)
STATE = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>', re.DOTALL
)


def with_places(page):
    """The page with room for each explorer, and what stands there until JavaScript draws it.

    Without it links to a section, and reloads, land where the section is no more a second later.
    """
    found = STATE.search(page)
    widgets = json.loads(found[1])["state"] if found else {}

    def place(view):
        children = widgets.get(json.loads(view[1])["model_id"], {}).get("state", {}).get("children")
        for child in children or []:
            held = widgets[child.removeprefix("IPY_MODEL_")]["state"]
            if "place" in held:
                return held["place"].replace("</div>", f"{view[0]}</div>", 1)
        return view[0]

    return VIEW.sub(place, page)


def add_policies(app, error):
    if error:
        return
    for path in Path(app.outdir).rglob("*.html"):
        # In _static lie pieces of pages, which none asks for.
        if "_static" not in path.relative_to(app.outdir).parts:
            path.write_text(with_policy(with_places(tidied(path.read_text()))))


def add_explorer(app, error):
    """The explorer's own code, for pages that have it without ipywidgets (front_page.py)."""
    if not error:
        static = Path(app.outdir) / "_static"
        (static / "explorer.js").write_text(explorer_page.script())
        shutil.copyfile(explorer_page.STYLE, static / "explorer.css")


def drop_icon_script(app, error):
    """The theme draws its icons from its fonts; this script (half a megabyte, compressed) would do
    it once more."""
    script = Path(app.outdir) / "_static" / "scripts" / "fontawesome.js"
    if script.exists():
        script.write_text("// The icon fonts draw the icons.\n")


def setup(app):
    app.connect("html-page-context", add_tags)
    app.connect("html-page-context", drop_rocket, priority=900)  # after the theme's
    app.connect("html-page-context", name_theme, priority=900)
    app.connect("build-finished", add_explorer)
    app.connect("build-finished", drop_icon_script)
    app.connect("build-finished", add_policies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

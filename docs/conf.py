"""The site: `nox -s site` writes it to build/site from the pages as they stand."""  # noqa: INP001 - read by Sphinx

import importlib.metadata
import re

project = "pixroute"
copyright = "the pixroute authors"  # noqa: A001 - Sphinx's name
release = importlib.metadata.version("pixroute")

extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["generator", "generate.py"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"pixroute {release}"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}

_PART = re.compile(r"^(.+):\n\n((?:[* ] .*\n)+)", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:]+\.md)\)")
_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+((?!docs/)[^)]*)\)")


def setup(app):  # noqa: ANN001, ANN201 - Sphinx is no dependency of the types
    """Let the index's lists be the site's table of contents; what lies outside docs/ is named, not linked."""
    app.connect("source-read", _adapt)


def _adapt(_app, page, source):  # noqa: ANN001, ANN202 - as above
    text = _OUTSIDE.sub(r"\1", source[0])
    if page == root_doc:
        text += "".join(_contents(caption, entries) for caption, entries in _PART.findall(text))
    source[0] = text


def _contents(caption, entries):  # noqa: ANN001, ANN202 - as above
    pages = "\n".join(f"{name} <{path}>" for name, path in _LINK.findall(entries))
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"

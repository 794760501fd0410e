"""What README.md and docs/ show is run: a page is a story, told in one folder from its first block to its last."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from pixroute.cli import main
from pixroute.config.load import structure
from pixroute.plugins import load_plugins

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
SHOWN_ONLY = {"text", "sh"}
RUN = {"python", "toml", "console"}
OTHERS = {"first-hour.md", "tutorial-your-provider.md"}  # followed by a test of their own
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if page.name not in OTHERS)]
DEFAULT = """
[chains]
default = ["banana-https", "seedream"]
[providers.banana-https]
type = "nano-banana-pro-https"
api_key = { env = "APIYI_API_KEY" }
[providers.seedream]
type = "seedream"
api_key = { env = "APIYI_API_KEY" }
"""


class Block(NamedTuple):
    """A fenced block; `why` it is not run, if it is not."""

    language: str
    text: str
    why: str | None


def blocks_of(page: Path) -> list[Block]:
    """Find the fenced blocks of a page."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["language"], match["text"], match["why"]) for match in found]


def title(page: Path) -> str:
    """Name a page as the repository does."""
    return str(page.relative_to(ROOT))


STORIES = [page for page in PAGES if any(block.language in RUN for block in blocks_of(page))]


@pytest.mark.slow  # paints pictures of 4K and imports what commands need
@pytest.mark.parametrize("page", STORIES, ids=title)
def test_what_a_page_shows_works(page, folder, pointed, emulator, monkeypatch, capsys):
    """Python runs, configurations are right, commands print what stands below them."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{emulator.http_url}/v1")
    (folder / "apiyi.key").write_text("any-key-will-do")
    for block in blocks_of(page):
        if block.why is None and block.language == "python":
            exec(compile(block.text, title(page), "exec"), {"__name__": "story"})
        elif block.why is None and block.language == "toml":
            write_config(block.text, pointed, folder)
        elif block.why is None and block.language == "console":
            capsys.readouterr()
            follow(block.text, capsys)


def write_config(text, pointed, folder):
    """Check a configuration, or a part of one beside the default; write a whole one for what follows."""
    said = tomllib.loads(text)
    base = tomllib.loads(DEFAULT)
    whole = {**base, **said, "providers": {**base["providers"], **said.get("providers", {})}}
    structure(whole, load_plugins(), base=folder, clear_keys=False)
    if "chains" in said:
        structure(said, load_plugins(), base=folder, clear_keys=False)
        (folder / "pixroute.toml").write_text(pointed(text))


def follow(text, capsys):
    """Run the pixroute commands of a console, and compare what they print, up to a line of … alone."""
    for line, expected in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        for command in line.split(" && "):
            name, *arguments = shlex.split(command)
            if Path(name).name == "pixroute":
                assert main(arguments) == 0
        told = flat(expected)
        printed = flat(capsys.readouterr().out)
        if told.endswith(" …"):
            told = told.removesuffix(" …")
            printed = printed[: len(told)]
        assert printed == told


def flat(text: str) -> str:
    """Leave out what differs from run to run and from screen to screen: times, widths of columns."""
    text = re.sub(r"(?<![$\d.])(-?\d+\.\d+|0)(?=\s)", "N", text)
    return re.sub(r"[\s─]+", " ", text).strip()


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_block_is_run_or_says_why_not(page):
    """No block is in a language that nobody runs."""
    assert [block.language for block in blocks_of(page) if block.language not in RUN | SHOWN_ONLY] == []
    assert page.read_text(encoding="utf-8").count("\n```") == 2 * len(blocks_of(page))


def anchors_of(page: Path) -> set[str]:
    """Give the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_links_lead_somewhere(page):
    """A link inside the repository names a file, and a heading of it."""
    dead = []
    written = re.sub(r"``.*?``|`[^`\n]*`", "", page.read_text(encoding="utf-8"))  # no link stands in code
    for link in re.findall(r"\]\(([^)\s]+)\)", written):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            dead.append(link)

    assert dead == []


def test_every_page_is_in_the_index():
    """Whoever begins at the index finds every page."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS) for page in DOCS.rglob("*.md") if page.name != "index.md"]

    assert [str(page) for page in pages if f"({page})" not in index] == []


def test_every_dependency_says_why():
    """A dependency without a reason is not there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} - {"pixroute"}

    assert sorted(name for name in names if name not in page) == []


def test_the_page_on_modules_counts_right():
    """The figure of the first decision holds within a tenth."""
    modules = [path for root in ("router", "plugins") for path in (ROOT / root).rglob("*.py")]
    told = int(
        re.search(r"(\d+) modules", (DOCS / "decisions/0001-two-source-roots.md").read_text(encoding="utf-8"))[1]
    )

    assert told == pytest.approx(len(modules), rel=0.1)

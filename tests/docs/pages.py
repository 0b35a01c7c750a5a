"""The pages of the documentation as data: blocks of code, commands, links, anchors."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TOP = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = *TOP, *sorted((ROOT / "docs").glob("*.md"))

FENCE = re.compile(r"^( *)(`{3,})(.*)$")
MARKER = re.compile(r"^ *<!-- (not run|saved as|part of|install|test)(?:: (.+))? -->$")
COMMAND = re.compile(
    r"`((?:python\s+(?:-m baselines_her|experiment/|data_generation/|bench/|tests/)"
    r"|baselines-her |make |mpirun |pip install )[^`]+)`"
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A block of code, or of anything else between fences."""

    page: Path
    line: int  # of its fence, from 1
    language: str  # what follows the fence; "{name}" for a directive of the site
    text: str
    marker: str  # "not run", "saved as", "part of" or "": of the comment before it
    reason: str  # what the comment says after that

    @property
    def place(self):
        """As in "docs/faq.md:12"."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page):
    """All blocks of a page, in order; those within another block belong to it."""
    lines, n = page.read_text().splitlines(), 0
    while n < len(lines):
        opened = FENCE.match(lines[n])
        if not opened:
            n += 1
            continue
        indent, fence, language = opened.groups()
        end = n + 1
        while not re.fullmatch(f" *{fence}`*", lines[end]):
            end += 1
        marked = MARKER.match(lines[n - 1]) if n else None
        kind, reason = marked.groups() if marked else ("", "")
        text = "\n".join(line.removeprefix(indent) for line in lines[n + 1 : end])
        yield Block(page, n + 1, language.strip(), text, kind, reason or "")
        n = end + 1


def prose(page):
    """The page without its blocks of code."""
    lines = page.read_text().splitlines()
    for block in blocks(page):
        first = block.line - 1
        size = block.text.count("\n") + 1 if block.text else 0
        lines[first : first + size + 2] = [""] * (size + 2)
    return "\n".join(lines)


def inline_commands(page):
    """Commands between backticks; an ellipsis at the end stands for more."""
    found = COMMAND.findall(prose(page))
    return [" ".join(words.split()) for words in found]


def links(page):
    """The targets of all links and images that are not on another server."""
    targets = LINK.findall(re.sub(r"`[^`]*`(?!\])", "", prose(page)))
    return [t for t in targets if not t.startswith(("http:", "https:", "mailto:"))]


def anchors(page):
    """What `#...` may name on a page: GitHub's names of its headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {anchor(heading) for heading in headings}


def anchor(heading):
    """GitHub's name of a heading: lower case, hyphens, no punctuation."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")

"""The written pages: their links, headings, code blocks and tables, read as a reader would."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file; `name` is its path in the checkout."""

    name: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """The code blocks of this language."""
        return [m[2] for m in _FENCE.finditer(self.text) if m[1] == language]

    def links(self) -> Iterator[tuple[bool, str]]:
        """Whether it is a picture, and where it leads; addresses on the web left out."""
        for picture, target in _LINK.findall(self.prose):
            if "://" not in target and not target.startswith("mailto:"):
                yield bool(picture), target

    def anchors(self) -> set[str]:
        """What a link may name behind `#`, as GitHub derives it from the headings."""
        slugs = (re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in _HEADING.findall(self.prose))
        return set(slugs)

    def section(self, title: str) -> str:
        """The text below the heading of this title, up to the next heading of its level or above."""
        found = list(_HEADING.finditer(self.text))
        start = next((h for h in found if h[2] == title), None)
        if start is None:
            return ""
        end = next((h.start() for h in found if h.start() > start.start() and len(h[1]) <= len(start[1])), None)
        return self.text[start.end() : end]

    def rows(self, title: str) -> list[tuple[str, ...]]:
        """The rows of the first table below a heading, without the two of its head."""
        lines = [line for line in self.section(title).split("\n\n| ", 1)[-1].split("\n\n", 1)[0].splitlines()]
        cells = re.compile(r"(?<!\\)\|")
        return [tuple(c.strip().replace("\\|", "|") for c in cells.split(line.strip("| "))) for line in lines[2:]]


def pages() -> list[Page]:
    """Every page that a reader of the checkout meets."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [Page(p.relative_to(ROOT).as_posix()) for p in sorted(found)]

"""Reading the project's documents: their tables, their code blocks, their links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CONFORMANCE = ROOT / "docs" / "conformance.md"
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")

Row = tuple[str, ...]


def documents() -> list[Path]:
    """Every document of the project that is not the model's own."""
    in_docs = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "model" not in path.relative_to(ROOT).parts]
    viewer = ROOT / "android_viewer"
    return [ROOT / "README.md", viewer / "README.md", viewer / "android" / "README.md", *in_docs]


def tables(text: str) -> dict[Row, list[Row]]:
    """Every table of a document: its header, and the rows below; tables with one header are joined."""
    found: dict[Row, list[Row]] = {}
    header: Row | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = tuple(cell.strip().strip("`") for cell in line.strip().strip("|").split("|"))
        if header is None:
            header = cells
            found.setdefault(header, [])
        elif set("".join(cells)) - set("-: "):
            found[header].append(cells)
    return found


def blocks(text: str, language: str) -> Iterator[str]:
    """The fenced blocks in a language."""
    for fence in _FENCE.finditer(text):
        if fence["language"] == language:
            yield fence["text"]


def inline_code(text: str) -> list[str]:
    """What stands between backticks within a line, outside fenced blocks."""
    return _INLINE.findall(_FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Where the links and pictures of a document lead."""
    return [found["target"] for found in _LINK.finditer(_FENCE.sub("", text))]


def anchors(document: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

"""The viewer's built files are in the repository: they must be those of the sources beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from android_viewer.shell import DIST

WEB = DIST.parent
# As in vite.config.ts.
SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src", "public")
BUILT = json.loads((DIST / "built.json").read_text("utf-8"))
TEXT_BETWEEN_TAGS = re.compile(r">\s*([^<>{}\n]*[A-Za-z]{2,}[^<>{}\n]*)\s*</")
TEXT_IN_ATTRIBUTE = re.compile(r"""\b(?:aria-label|title|alt|placeholder)=["']([^"']+)["']""")
THIRD_PARTY = re.compile(rb"https?://(?!www\.w3\.org/)[\w.-]+")


def test_the_built_files_are_those_of_the_sources_else_run_make_viewer() -> None:
    lines = sorted(f"{path.relative_to(WEB)} {_sum(path)}\n" for path in _sources())
    assert BUILT["sources"] == sha256("".join(lines).encode()).hexdigest()


def test_no_built_file_was_changed_by_hand_and_none_is_left_over() -> None:
    found = {str(path.relative_to(DIST)) for path in DIST.rglob("*") if path.is_file()}
    compressed = {name for name in found if name.endswith(".br")}
    assert found - compressed - {"built.json"} == set(BUILT["files"])
    assert {name.removesuffix(".br") for name in compressed} <= set(BUILT["files"])
    assert {name: _sum(DIST / name) for name in BUILT["files"]} == BUILT["files"]


def test_the_page_needs_less_than_30_kilobytes_before_it_shows_something() -> None:
    needed = [name for name in BUILT["files"] if name == "index.html" or re.match(r"assets/main-.*\.(js|css)$", name)]
    assert len(needed) == 3
    assert sum((DIST / f"{name}.br").stat().st_size for name in needed) < 30_000


def test_no_built_file_knows_another_host() -> None:
    assert {name: hosts for name in BUILT["files"] if (hosts := _hosts(DIST / name))} == {}


def test_every_text_for_people_is_in_the_catalogue() -> None:
    loose = {}
    for file in sorted((WEB / "src").rglob("*.tsx")):
        text = file.read_text("utf-8")
        found = [*TEXT_BETWEEN_TAGS.findall(text), *TEXT_IN_ATTRIBUTE.findall(text)]
        if found:
            loose[file.name] = found
    assert loose == {}


def _hosts(file: Path) -> list[bytes]:
    # In the decoder, names of places where it was built.
    return [] if file.suffix == ".wasm" else THIRD_PARTY.findall(file.read_bytes())


def _sources() -> Iterator[Path]:
    for name in SOURCES:
        path = WEB / name
        yield from [path] if path.is_file() else (below for below in path.rglob("*") if below.is_file())


def _sum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()

"""What a run found, as a table against the goals: for a terminal, and for the viewer's document."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from android_viewer.shell import DIST
from benchmarks.failure import BenchmarkFailed
from benchmarks.machine import Machine
from benchmarks.tables import markdown_table, number
from benchmarks.viewer.focused import Focused
from benchmarks.viewer.lines import FAST, PROCESSOR_SLOWDOWN, Line
from benchmarks.viewer.opening import Opening

BEGIN: Final = "<!-- python -m benchmarks.viewer --write: begin -->"
END: Final = "<!-- python -m benchmarks.viewer --write: end -->"
FIRST_GOAL_MS: Final = 500
FOUR_GOAL_MS: Final = 800
BYTES_GOAL: Final = 200_000
SHELL_GOAL: Final = 30_000
FRAME_GOAL_MS: Final = 16.7
MEMORY_GOAL_MB: Final = 250


@dataclass(frozen=True)
class Findings:
    """All that a run found."""

    openings: Mapping[Line, Sequence[Opening]]
    focused: Focused
    shell: int
    machine: Machine

    def text(self) -> str:
        """The table, and what it was measured on."""
        return f"{self.table()}\n\n{self.conditions()}"

    def table(self) -> str:
        """Every figure with its goal, and the ratio to it where there is one; above 1 the goal is missed."""
        rows = []
        for line, openings in self.openings.items():
            is_goal = line == FAST
            for what, of, goal in _OF_OPENING:
                rows.append(_row(f"{what}, {line.title}", [of(one) for one in openings], goal if is_goal else None))
        rows.append(_row("page, script and style, compressed, kB", [self.shell / 1000], SHELL_GOAL / 1000))
        rows.append(_row("a frame while fingers move, p95, ms", [self.focused.frame_p95_ms], FRAME_GOAL_MS))
        rows.append(_row("a frame while nothing moves, p95, ms", [self.focused.still_p95_ms], None))
        rows.append(_row("renderer with a lossless image, MB", [self.focused.megabytes], MEMORY_GOAL_MB))
        return markdown_table(["", "median (least-most)", "goal", "ratio"], rows)

    def conditions(self) -> str:
        """What the figures come from, in a sentence or two."""
        one = next(iter(self.openings.values()))
        said = " and ".join(f'"{words}"' for words in sorted({words for opening in one for words in opening.sharpness}))
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        return (
            f"{day}: {len(one)} openings a line of the demonstration study from the reading list; the shell was on the "
            f"phone, the study was not. {self.machine.sentence} Chromium as a phone, its main thread slowed down "
            f"{PROCESSOR_SLOWDOWN} times; there is no graphics card, so the processor draws too, and gateway and "
            f"browser share it. An image counts when it is as sharp as its pane shows it ({said}) and can be windowed. "
            "Times run from the tap to the frame after."
        )


_OF_OPENING: Final[Sequence[tuple[str, Callable[[Opening], float], float | None]]] = (
    ("first image, however coarse, ms", lambda one: one.first_drawn_ms, None),
    ("first image, ms", lambda one: one.first_ms, FIRST_GOAL_MS),
    ("four images, ms", lambda one: one.four_ms, FOUR_GOAL_MS),
    ("received for four images, kB", lambda one: one.bytes / 1000, BYTES_GOAL / 1000),
    ("requests for four images", lambda one: one.requests, None),
)


def shell_bytes(dist: Path = DIST) -> int:
    """Compressed bytes of what the page needs before it shows something."""
    names = json.loads((dist / "built.json").read_text("utf-8"))["files"]
    needed = [name for name in names if name == "index.html" or re.match(r"assets/main-.*\.(js|css)$", name)]
    return sum((dist / f"{name}.br").stat().st_size for name in needed)


def write_table(document: Path, findings: Findings) -> None:
    """Put the table between the two marks of a document.

    Raises:
        BenchmarkFailed: the document has not both marks.

    """
    before, begin, rest = document.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchmarkFailed(f"{document} has no place for the table: it needs the lines {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n\n{findings.text()}\n\n{END}{after}", "utf-8")


def _row(what: str, values: Sequence[float], goal: float | None) -> list[str]:
    middle = median(values)
    spread = f" ({number(min(values))}-{number(max(values))})" if len(values) > 1 else ""
    if goal is None:
        return [what, f"{number(middle)}{spread}", "", ""]
    return [what, f"{number(middle)}{spread}", f"at most {goal:g}", f"{middle / goal:.2f}"]

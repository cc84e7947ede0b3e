"""Processors that several tasks share at once, as an operating system shares them: nobody waits, all are slower."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Task:
    """`left`: processor seconds still to do; `width`: how many cores it can use at once."""

    left: float
    width: float


def speeds(tasks: Iterable[Task], cores: float) -> list[float]:
    """Return how many cores each task has: equal shares, but nobody has more than its width (max-min fair)."""
    widths = [task.width for task in tasks]
    given = [0.0] * len(widths)
    open_ones, free = set(range(len(widths))), cores
    while open_ones and free > 1e-12:
        share = free / len(open_ones)
        content = {number for number in open_ones if widths[number] - given[number] <= share + 1e-12}
        for number in content or open_ones:
            more = widths[number] - given[number] if content else share
            given[number] += more
            free -= more
        if not content:
            break
        open_ones -= content
    return given

"""Where things are written: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_WIDE = 160  # for a file or a pipe, where Rich would assume 80 columns
out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, highlight=False)
RESEARCH_USE = "Research use only, not a medical device."


def print_json(value: Any) -> None:
    """Write a value as JSON on stdout, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))  # noqa: T201 - stdout is for results


def table(*columns: str, title: str | None = None) -> Table:
    """Return a table with these columns."""
    made = Table(title=title, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def shown_as(value: object) -> str:
    """Return a value as a cell for a person: times to the second in this machine's zone, a dash for nothing."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)


def progress() -> Progress:
    """Return a progress display on stderr."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    )

"""One part of the gateway as a process of its own: `python -m gateway.processes.part --only receive`.

The supervisor starts parts so, and `mammogate serve --only` becomes one. Each imports its own part only, and nothing of
the command line: together they would triple the memory and the time to start.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.processes.leaving_out import HTTP, PAINTING, PIXELS, leave_out
from gateway.processes.stopping import EXIT_REFUSED, StartRefused, die_with_parent, stop_on_signals

if TYPE_CHECKING:
    from gateway.parts import Parts

_M_ARENA_MAX = -8  # <malloc.h>
PATIENT_SECONDS = 24 * 3600.0
"""A part outlives a database that restarts: it waits for it instead of ending."""


@dataclass(frozen=True)
class Place:
    """One process to run: the `number`th of a part, from 1."""

    part: str
    number: int = 1


def part_command(
    place: Place, *, config: Path | None, parent: int | None = None, listening: int | None = None
) -> list[str]:
    """Return the command of a part.

    `parent`: the process whose death is its own; None: it stands alone.
    `listening`: the descriptor of an inherited socket that listens at the DICOM port.
    """
    given = {"--number": place.number, "--parent": parent, "--listening": listening, "--config": config}
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return [sys.executable, "-m", "gateway.processes.part", "--only", place.part, *options]


def main(words: Sequence[str]) -> None:
    """Run a part until it is told to stop, or exit with EXIT_REFUSED where a supervisor has to know."""
    asked = _parse(words)
    if asked.parent is not None:
        die_with_parent(asked.parent)
    os.umask(0o077)  # what it writes are patients' data: nobody else on this machine reads them
    leave_out(PAINTING)
    from config.loading import load_settings

    settings = load_settings(asked.config)
    if asked.only == "receive":
        _share_one_heap()
        leave_out(PIXELS)
        if not settings.sources and settings.traces.endpoint is None:
            leave_out(HTTP)
    import structlog

    from gateway.logs import configure_logs
    from gateway.parts import open_parts
    from gateway.slots import SlotName

    configure_logs(settings.log_level, SlotName(asked.only, asked.number, settings.resolved_node).local)
    stop = stop_on_signals()
    try:
        _run(asked, open_parts(settings, wait_seconds=PATIENT_SECONDS), stop)
    except StartRefused as refusal:
        if asked.parent is None:
            sys.exit(f"mammogate: {refusal}")
        structlog.get_logger(__name__).error("serve.refused", part=asked.only, reason=str(refusal))
        sys.exit(EXIT_REFUSED)


def _share_one_heap() -> None:
    """Have all threads allocate from one heap, since each would keep free pages of its own."""
    with suppress(AttributeError):  # a C library without mallopt(3) has its own ways
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _run(asked: argparse.Namespace, parts: Parts, stop: threading.Event) -> None:
    if asked.only == "receive":
        from gateway.processes.receive import receive

        shared = None if asked.listening is None else socket.socket(fileno=asked.listening)
        receive(parts, stop, asked.number, shared)
    elif asked.only == "work":
        from gateway.processes.work import work

        work(parts, stop)
    else:
        from gateway.processes.api import serve_api

        serve_api(parts, stop)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.processes.part")
    parser.add_argument("--only", choices=("receive", "work", "api"), required=True)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--parent", type=int)
    parser.add_argument("--listening", type=int)
    parser.add_argument("--config", type=Path)
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])

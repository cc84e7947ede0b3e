"""Stopping: SIGTERM and SIGINT set an event, once for each process."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StartRefused(Exception):
    """The process can't start as configured, and trying again changes nothing; the sentence says what to do."""


EXIT_REFUSED = 78
"""Exit code of a process that refused to start (EX_CONFIG of sysexits): the supervisor then ends the others too."""


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop

"""Stopping: SIGTERM and SIGINT set an event, once for each process; and what ends with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from types import FrameType

_PR_SET_PDEATHSIG = 1


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


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when `parent` dies, however it dies (prctl PR_SET_PDEATHSIG).

    Only for a process that the main thread of `parent` started: the kernel looks at the thread, not the process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)

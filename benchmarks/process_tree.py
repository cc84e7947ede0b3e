"""What a receiver and all its child processes use, from /proc."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.01


def process_tree(pid: int) -> list[int]:
    """The process and everything below it that lives now."""
    found = [pid]
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            for child in (thread / "children").read_text().split():
                found += process_tree(int(child))
    except OSError:
        pass  # it ended meanwhile
    return found


def resident_megabytes(pid: int) -> float:
    """Resident memory of the tree, in MB (10**6); pages that two processes share count twice."""
    pages = 0
    for process in process_tree(pid):
        try:
            pages += int((_PROC / str(process) / "statm").read_text().split()[1])
        except OSError:
            continue  # it ended meanwhile
    return pages * _PAGE_BYTES / 1e6


def cpu_seconds(pid: int) -> float:
    """Processor time that the tree has used so far, user and system."""
    ticks = 0
    for process in process_tree(pid):
        try:
            # The program's name, in brackets, may hold spaces; fields 14 and 15 are counted from behind it.
            fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_A_SECOND


class PeakMemory:
    """The largest resident memory of a tree while the block runs, sampled each 10 ms, in MB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory")
        self.megabytes = 0.0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self.megabytes = max(self.megabytes, resident_megabytes(self._pid))

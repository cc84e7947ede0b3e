"""The machine that the figures come from."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_SYNCS = 50
_SYNCED_BYTES = 4096


@dataclass(frozen=True)
class Machine:
    """What decides how fast a receiver can be."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    file_system: str
    fsync_milliseconds: float
    """Median time of writing 4 KiB to a new file and syncing it: the floor under every durable answer."""

    load_average: float
    """Processes that wanted to run in the last minute before the benchmark began."""

    @property
    def sentence(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB of memory, Linux {self.kernel}; "
            f"stores on {self.file_system}, where a new file of 4 KiB is on disk after "
            f"{self.fsync_milliseconds:.2f} ms (median of {_SYNCS}). "
            f"Before the start the machine's load was {self.load_average:.1f}. "
            "Senders and receivers are on this one machine and talk over loopback."
        )


def this_machine(folder: Path) -> Machine:
    """Describe the machine, and the file system that `folder` is on."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        kernel=platform.release(),
        file_system=file_system(folder, Path("/proc/self/mountinfo").read_text()),
        fsync_milliseconds=_fsync_milliseconds(folder),
        load_average=os.getloadavg()[0],
    )


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def file_system(folder: Path, mount_info: str) -> str:
    """The type of the file system that holds `folder`, by the mount point nearest above it (proc_pid_mountinfo(5))."""
    above = {str(folder.resolve()), *map(str, folder.resolve().parents)}
    best, kind = "", "an unknown file system"
    for line in mount_info.splitlines():
        mount, _, rest = line.partition(" - ")
        point = mount.split()[4]
        # Of two mounts at one point the later one is seen.
        if point in above and len(point) >= len(best):
            best, kind = point, rest.split()[0]
    return kind


def _fsync_milliseconds(folder: Path) -> float:
    path, content, taken = folder / "sync", bytes(_SYNCED_BYTES), []
    for _ in range(_SYNCS):
        started = time.perf_counter()
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        taken.append(1e3 * (time.perf_counter() - started))
        path.unlink()
    return median(taken)

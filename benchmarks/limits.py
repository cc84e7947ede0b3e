"""What a receiver needs at its limits: memory for the largest objects, a hundred senders at once, idling with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

from benchmarks.data_sets import DataSets
from benchmarks.image_file import ImageFile
from benchmarks.load import send
from benchmarks.process_tree import PeakMemory, cpu_seconds
from benchmarks.raw_sender import Address, SendingAssociation, SendingFailed
from benchmarks.receivers import DCMTK_16K, ORTHANC, OURS, Receiver, ReceiverKind, running

ASSOCIATIONS = 100
IDLE_SECONDS = 5.0
MEMORY_GOAL_MB = 100
ACCEPTED_GOAL_SECONDS = 1.0
IDLE_GOAL_PERCENT = 5


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of the receiver's processes, MB."""

    load: str
    megabytes: float


@dataclass(frozen=True)
class Crowd:
    """How a hundred simultaneous associations went."""

    accepted: int
    seconds: float
    """From the first attempt until the last one that was accepted."""
    idle_percent: float
    """Of one core, while all of them are open and silent."""


@dataclass(frozen=True)
class Limits:
    """One receiver's."""

    kind: ReceiverKind
    memory: Sequence[Memory]
    crowd: Crowd


def measure_limits(data_sets: DataSets, folder: Path, *, large: bool, say: Callable[[str], None]) -> list[Limits]:
    """Measure ours and two peers; the loads of 1 GB only with `large`, and only ours."""
    found = []
    for kind in (OURS, ORTHANC, DCMTK_16K):
        loads: list[tuple[str, list[ImageFile], int]] = [("340 MB", data_sets["D"], 1)]
        if large and kind is OURS:
            loads += [("1 GB", data_sets["L"], 1), ("two of 1 GB at once", data_sets["L"], 2)]
        with running((kind,), folder) as receivers:
            receiver = receivers[kind.key]
            memory = [Memory("idle", _peak_while(receiver, lambda: time.sleep(0.5)))]
            memory += [
                Memory(name, _peak_of_load(receiver, images, associations)) for name, images, associations in loads
            ]
            crowd = _crowd(receiver, data_sets["S"])
        say(
            f"{kind.title}: " + ", ".join(f"{item.load} {item.megabytes:.0f} MB" for item in memory) + f"; "
            f"{crowd.accepted} associations in {crowd.seconds:.2f} s, idle {crowd.idle_percent:.1f} %"
        )
        found.append(Limits(kind, memory, crowd))
    return found


def _peak_while(receiver: Receiver, act: Callable[[], object]) -> float:
    with PeakMemory(receiver.pid) as peak:
        act()
    return peak.megabytes


def _peak_of_load(receiver: Receiver, images: Sequence[ImageFile], associations: int) -> float:
    """One image an association, all at once."""

    def load() -> None:
        with ThreadPoolExecutor(associations) as pool:
            for sending in [pool.submit(send, receiver.address, images, 1) for _ in range(associations)]:
                sending.result()
        receiver.settle()

    peak = _peak_while(receiver, load)
    receiver.check_stored(associations, associations * images[0].size)
    receiver.clear()
    return peak


def _crowd(receiver: Receiver, images: Sequence[ImageFile]) -> Crowd:
    ready = Barrier(ASSOCIATIONS + 1)

    def associate(address: Address) -> tuple[SendingAssociation, float] | None:
        ready.wait()
        try:
            association = SendingAssociation(address, images)
        except (SendingFailed, OSError):
            return None
        return association, time.perf_counter()

    with ThreadPoolExecutor(ASSOCIATIONS) as pool:
        attempts = [pool.submit(associate, receiver.address) for _ in range(ASSOCIATIONS)]
        ready.wait()
        started = time.perf_counter()
        accepted = [result for attempt in attempts if (result := attempt.result()) is not None]
        receiver.settle(seconds=5.0)
        used, since = cpu_seconds(receiver.pid), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        idle = (cpu_seconds(receiver.pid) - used) / (time.perf_counter() - since)
        # All at once: Orthanc looks at each of so many associations only every 25 seconds.
        for closing in [pool.submit(association.close) for association, _ in accepted]:
            closing.result()
    seconds = max((when for _, when in accepted), default=started) - started
    return Crowd(len(accepted), seconds, 100 * idle)

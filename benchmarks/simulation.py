"""A gateway in discrete events: studies come, workers take one each, and its steps share the machine's cores.

What is simulated is the queue `process`: from complete to reported, and the pictures after it. A worker looks for work
each 0.25 s (`gateway/workflow/engine.py`), takes one study at a time, and does its steps one after the other.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.shared_cores import Task, speeds

POLL_SECONDS: Final = 0.25
_NEVER: Final = float("inf")


@dataclass(frozen=True)
class Step:
    """`seconds` of processor on the worker's machine, on at most `width` cores at once."""

    seconds: float
    width: float = 1.0
    reports: bool = False
    """The study is reported when this step is over; what comes after only holds up the next one."""


@dataclass(frozen=True)
class Outcome:
    """`waited`: seconds from complete to reported, of each study; `ended`: when the last one was."""

    waited: Sequence[float]
    first: float
    ended: float

    @property
    def per_hour(self) -> float:
        """Studies an hour between the first report and the last."""
        return 3600 * (len(self.waited) - 1) / (self.ended - self.first)

    def quantile(self, share: float) -> float:
        """The wait that so many studies do not exceed."""
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class _Worker:
    came: float = 0.0
    steps: deque[Step] = field(default_factory=deque)
    task: Task | None = None
    looks_at: float | None = None


def simulate(arrivals: Sequence[float], steps: Sequence[Step], *, workers: int, cores: float, seed: int = 0) -> Outcome:
    """Run studies that are complete at `arrivals` (seconds, ascending) to the end."""
    dice = random.Random(seed)  # noqa: S311 - of a simulation
    crew = [_Worker(looks_at=dice.uniform(0, POLL_SECONDS)) for _ in range(workers)]
    queue: deque[float] = deque()
    coming = deque(arrivals)
    moment, reported, waited = 0.0, [], []
    while coming or queue or any(worker.task for worker in crew):
        busy = [worker for worker in crew if worker.task is not None]
        rates = _rates(busy, cores)
        moment, spent = _next(moment, coming, queue, crew, rates)
        for worker, rate in zip(busy, rates, strict=True):
            assert worker.task is not None  # noqa: S101 - that is what busy means
            worker.task.left -= spent * rate
        while coming and coming[0] <= moment:
            queue.append(coming.popleft())
        for worker in busy:
            if worker.task is not None and worker.task.left <= 1e-9:
                if worker.steps.popleft().reports:
                    reported.append(moment)
                    waited.append(moment - worker.came)
                worker.task = _begun(worker)
                if worker.task is None:
                    worker.looks_at = moment + POLL_SECONDS
        for worker in crew:
            if worker.looks_at is not None and worker.looks_at <= moment + 1e-12:
                worker.looks_at = moment + POLL_SECONDS
                if queue:
                    worker.came, worker.looks_at = queue.popleft(), None
                    worker.steps = deque(steps)
                    worker.task = _begun(worker)
    return Outcome(waited, reported[0], reported[-1])


def poisson(per_hour: float, hours: float, seed: int) -> list[float]:
    """Arrivals at random, so many an hour on average."""
    dice = random.Random(seed)  # noqa: S311 - of a simulation
    return list(_poisson(dice, per_hour / 3600, hours * 3600))


def _poisson(dice: random.Random, rate: float, end: float) -> Iterator[float]:
    moment = dice.expovariate(rate)
    while moment < end:
        yield moment
        moment += dice.expovariate(rate)


def _begun(worker: _Worker) -> Task | None:
    return Task(worker.steps[0].seconds, worker.steps[0].width) if worker.steps else None


def _rates(busy: Sequence[_Worker], cores: float) -> list[float]:
    """How much of its task each does in a second."""
    return list(speeds((worker.task for worker in busy if worker.task), cores))


def _next(
    moment: float, coming: deque[float], queue: deque[float], crew: Sequence[_Worker], rates: Sequence[float]
) -> tuple[float, float]:
    busy = [worker.task for worker in crew if worker.task is not None]
    ends = [moment + task.left / rate for task, rate in zip(busy, rates, strict=True) if rate > 0]
    looks = [worker.looks_at for worker in crew if worker.looks_at is not None] if queue else []
    arrival = coming[0] if coming else _NEVER
    if not queue:
        # Nobody finds anything before it comes: idle looks are skipped, their rhythm is kept.
        for worker in crew:
            if worker.looks_at is not None and worker.looks_at < arrival < _NEVER:
                missed = int((arrival - worker.looks_at) / POLL_SECONDS) + 1
                worker.looks_at += missed * POLL_SECONDS
    upcoming = max(moment, min([arrival, *ends, *looks]))
    return upcoming, upcoming - moment

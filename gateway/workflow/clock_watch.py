"""How long ago something was, on a machine whose clock may be set meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.database.columns import now

log = structlog.get_logger(__name__)
# Less is what a time service corrects now and then, and what no study notices.
_LEAST_SECONDS = 5.0


Reading = tuple[datetime, float]
"""What a clock shows, and the steady clock's seconds at that moment."""


def seconds_set(earlier: Reading, later: Reading) -> float:
    """Return by how many seconds a clock was set between two looks, back if negative; 0 for what is too little."""
    set_by = (later[0] - earlier[0]).total_seconds() - (later[1] - earlier[1])
    return set_by if abs(set_by) >= _LEAST_SECONDS else 0.0


class ClockWatch:
    """Notices that the clock was set, by the kernel's steady clock, which nobody sets. Called from any thread.

    Rows hold times of the clock. A clock that is set forward makes them seem older than they are: `since` knows better
    of times up to the last jump forward that this process saw. A clock that is set back makes them times to come, which
    whoever judges them has to bring back to the present: nobody knows which they are.
    """

    def __init__(self, clock: Callable[[], datetime] = now, steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady = steady
        self._last = (clock(), steady())
        self._skipped: list[tuple[datetime, float]] = []
        """Up to which time the clock had not yet been set forward, and the seconds by which it then was."""
        self._lock = threading.Lock()
        self.setbacks = 0
        """How often it was seen to be set back."""

    def look(self) -> datetime:
        """Return the time by the clock; whoever looks seldom learns late, and less exactly, that it was set."""
        with self._lock:
            last, self._last = self._last, (self._clock(), self._steady())
            moment = self._last[0]
            set_by = seconds_set(last, self._last)
            if not set_by:
                return moment
            if set_by > 0:
                self._skipped.append((moment - timedelta(seconds=set_by), set_by))
            else:
                self._skipped.clear()
                self.setbacks += 1
        log.warning("clock.was_set", seconds=round(set_by), advice="have a time service keep the machine's clock")
        return moment

    def since(self, moment: datetime) -> float:
        """Return how many seconds ago `moment` was."""
        present = self.look()
        with self._lock:
            skipped = sum(seconds for until, seconds in self._skipped if moment <= until)
        return (present - moment).total_seconds() - skipped

"""Adopting: what a process that is gone was doing goes on in those that live, on whichever machine.

A process that was only frozen, and wakes, may go on with what was adopted: the engine refuses its checkpoints, and
every step may run twice and leaves one result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from gateway.abandoned import close_of_the_dead
from gateway.database.clock import database_now
from gateway.database.engine import Database
from gateway.database.sole import ADOPTING, is_sole
from gateway.heartbeat import BEAT_SECONDS, alive
from gateway.workflow.clock_watch import Reading, seconds_set
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)
LOOK_SECONDS = 5.0
# After the database was away or its clock set, or this process frozen, nobody has been seen lately: let them show up.
GRACE_SECONDS = 2 * BEAT_SECONDS


class Adoption:
    """Runs in each working process."""

    def __init__(self, database: Database, jobs: Jobs, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._looked_at = clock()
        self._not_before = 0.0
        self._database_time: Reading | None = None

    def run(self, stop: threading.Event) -> None:
        """Look each `LOOK_SECONDS` until `stop` is set; a database that is away is no reason to end."""
        while not stop.wait(LOOK_SECONDS):
            try:
                self.look_if_sure()
            except Exception as error:  # noqa: BLE001 - mostly the database, which comes back; the next look tries again
                self._not_before = self._clock() + GRACE_SECONDS
                log.warning("adoption.failed", error=type(error).__name__)

    def look(self) -> None:
        """Take over what the dead have left: jobs go back into their queues, associations are closed."""
        # The lock is held on a connection of its own: the engine has transactions of its own, too.
        with self._database.read() as session:
            if not is_sole(session, ADOPTING):
                return
            running = self._jobs.executors()
            for executor_id in sorted(running - alive(session)):  # in this order: who runs jobs has beaten before
                adopted = self._jobs.adopt(executor_id)
                log.warning("adoption.adopted", executor=executor_id, jobs=adopted)
        close_of_the_dead(self._database, self._jobs)

    def look_if_sure(self) -> None:
        """Look, unless this process has just been away itself, or the clock of the signs of life was set."""
        moment = self._clock()
        was_away = moment - self._looked_at > GRACE_SECONDS
        if self._clock_was_set(moment) or was_away:
            self._not_before = moment + GRACE_SECONDS
        self._looked_at = moment
        if moment >= self._not_before:
            self.look()

    def _clock_was_set(self, moment: float) -> bool:
        with self._database.read() as session:
            shown = database_now(session)
        last, self._database_time = self._database_time, (shown, moment)
        return last is not None and seconds_set(last, self._database_time) != 0

"""Whether the gateway can do its work: database, disk, workers, and whatever else it is told to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog
from sqlalchemy import text

from config.synthetic_settings import SyntheticSettings
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.feed.availability import reading
from gateway.folders import Folders
from gateway.heartbeat import alive, alive_of
from gateway.synthetic.telling import tell_of_settings
from reporting.feed.schemas import DependencyStatus
from reporting.feed.stores import StoreUnavailableError

log = structlog.get_logger(__name__)
_KEEP_SECONDS = 1.0


class NotReady(Exception):
    """What is missing, in a sentence that anybody may read."""


Check = Callable[[], str]
"""Returns a word on how things are, or raises `NotReady`."""


class Readiness:
    """Implements `reporting.feed.stores.Readiness`: all checks at once, each with `timeout` seconds at most.

    The answer is kept for a second, so that asking often costs nothing: the path is open to everybody.
    """

    def __init__(self, checks: Mapping[str, Check], timeout: float = 3.0) -> None:
        self._checks = dict(checks)
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="readiness")
        self._lock = threading.Lock()
        self._running: dict[str, Future[DependencyStatus]] = {}
        self._last: tuple[float, Sequence[DependencyStatus]] | None = None

    def check(self) -> Sequence[DependencyStatus]:
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > _KEEP_SECONDS:
                answers = self._look()
                self._last = (time.monotonic(), answers)
            return self._last[1]

    def _look(self) -> list[DependencyStatus]:
        for name, check in self._checks.items():
            # One that still hangs from the last time is waited for, not started again beside itself.
            if name not in self._running:
                self._running[name] = self._pool.submit(_outcome, name, check)
        wait(self._running.values(), timeout=self._timeout)
        answers = []
        for name in self._checks:
            future = self._running[name]
            if future.done():
                answers.append(self._running.pop(name).result())
            else:
                detail = f"No answer within {self._timeout:g} seconds."
                answers.append(DependencyStatus(name=name, ok=False, detail=detail))
        return answers


def _outcome(name: str, check: Check) -> DependencyStatus:
    try:
        return DependencyStatus(name=name, ok=True, detail=check())
    except NotReady as error:
        return DependencyStatus(name=name, ok=False, detail=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a check stumbles over, the gateway is not ready
        log.warning("readiness.check_failed", check=name, error=type(error).__name__)
        return DependencyStatus(name=name, ok=False, detail=f"Failed ({type(error).__name__}); the log says more.")


def database_check(database: Database) -> Check:
    """Return a check that the database answers."""

    def check() -> str:
        try:
            with reading(database) as session:
                session.execute(text("SELECT 1"))
        except StoreUnavailableError as error:
            raise NotReady("It does not answer.") from error
        return "SQLite" if database.is_sqlite else "PostgreSQL"

    return check


def disk_check(folders: Folders, reserve_bytes: int) -> Check:
    """Return a check that there is room for more images; below the reserve, senders are refused."""

    def check() -> str:
        free = folders.free_bytes()
        if free < reserve_bytes:
            raise NotReady(f"Only {free // 2**20} MiB are free, below the reserve: nothing is received.")
        return f"{free // 2**30} GiB free"

    return check


def worker_check(database: Database) -> Check:
    """Return a check that a worker, on whichever machine, has given a sign of life lately."""

    def check() -> str:
        with database.read() as session:
            at_work = alive_of(alive(session), "work")
        if not at_work:
            raise NotReady("No worker is running: images are received, and read once one is started.")
        return f"{len(at_work)} at work"

    return check


def synthetic_check(database: Database, section: SyntheticSettings) -> Check:
    """Return a check that tells how the synthetic study stands.

    One that is late makes nothing unready: the gateway still receives, and what is late is an alarm's business.
    """

    def check() -> str:
        with database.read() as session:
            told = tell_of_settings(session, now(), section)
        if told is None:
            return "off"
        return f"LATE: {told.sentence}" if told.late else told.sentence

    return check

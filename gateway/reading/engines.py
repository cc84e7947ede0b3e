"""Which engine reads the next image: the embedded one, or the remote one and, where the site allows, its stand-in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.tracing import open_span
from inference.remote.failures import RemoteUnusable
from inference.remote.server import RemoteServer

log = structlog.get_logger(__name__)


_STUDIES_REMEMBERED: Final = 4096
_PERIODS_UNCONFIRMED: Final = 3


class Engines:
    """Reads images in a child process, for one thread at a time.

    How long the remote engine has been away counts twice, in this process (a restart counts anew). For all studies:
    from its first failure without a success since; one that nothing has confirmed for some retry periods is forgotten.
    For each study: from its first failure without a success of its own, since a server may fail for one image only.

    Once it was away for too long for all, the embedded engine reads, and the remote one is only looked at now and
    then, until it answers and reads again.
    """

    def __init__(
        self,
        child: Child,
        server: RemoteServer | None = None,
        fallback_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read with `server`, or the embedded engine when None.

        `fallback_seconds`: after so long away the embedded engine reads instead; None: never.
        """
        self._child = child
        self._server = server
        self._fallback_seconds = fallback_seconds
        self._clock = clock
        self._away: _Away | None = None
        self._failing: OrderedDict[str, float] = OrderedDict()
        self._stand_in: _StandIn | None = None

    def model_version(self) -> str:
        """The version of the model, which both engines have to have."""
        return self._child.run_patiently(tasks.model_version, self._server)

    def read(
        self, path: Path, sop_instance_uid: str, laterality: Any, view: str | None, *, study_uid: str
    ) -> tasks.ImageRead:
        """Read one image of a study.

        Raises:
            RemoteUnusable: the remote engine is away, and it is not yet, or never, the embedded one's turn.
            DiskAway: the folder of the image can't be listed.
            ChildCrashed, ChildTooSlow: the child was lost on this, again and again.

        """
        asked = path, sop_instance_uid, laterality, view
        if self._server is None:
            return self._child.run_patiently(tasks.read_image, *asked, None, None)
        if self._stand_in is not None and not self._may_be_back(self._server, self._stand_in):
            return self._read_here(asked, self._stand_in.reason)
        try:
            read = self._read_there(asked, self._server)
        except RemoteUnusable as failure:
            if not self._is_embedded_ones_turn(self._server, study_uid, failure):
                raise
            return self._read_here(asked, str(failure))
        if read.refusal is None:  # a refused image never came as far as the engine
            self._away = self._stand_in = None
            self._failing.pop(study_uid, None)
        return read

    def _read_there(self, asked: _Asked, server: RemoteServer) -> tasks.ImageRead:
        span = open_span.current()
        traceparent = span.call() if span is not None else None
        asking = time.time_ns()
        try:
            return self._child.run_patiently(tasks.read_image, *asked, server, traceparent)
        except RemoteUnusable as failure:
            if span is not None:
                span.called_in_vain(asking, time.time_ns(), type(failure).__name__)
            raise

    def _read_here(self, asked: _Asked, reason: str) -> tasks.ImageRead:
        log.warning("engine.fallback", reason=reason)
        return self._child.run_patiently(tasks.read_image, *asked, None, None)

    def _is_embedded_ones_turn(self, server: RemoteServer, study_uid: str, failure: RemoteUnusable) -> bool:
        """Note a failure, and say whether the embedded engine reads now."""
        now = self._clock()
        forget_after = _PERIODS_UNCONFIRMED * (server.longest_rest_seconds + server.deadline_seconds)
        if self._away is None or now - self._away.confirmed > forget_after:
            self._away = _Away(now, now)
        self._away = _Away(self._away.since, now)
        failing_since = self._failing.setdefault(study_uid, now)
        if len(self._failing) > _STUDIES_REMEMBERED:
            self._failing.popitem(last=False)
        if self._fallback_seconds is None:
            return False
        if self._stand_in is not None:
            self._stand_in = self._stand_in.for_longer(now, server.longest_rest_seconds, str(failure))
        elif now - self._away.since >= self._fallback_seconds:
            self._stand_in = _StandIn(now + server.rest_seconds, server.rest_seconds, str(failure))
        return self._stand_in is not None or now - failing_since >= self._fallback_seconds

    def _may_be_back(self, server: RemoteServer, stand_in: _StandIn) -> bool:
        """Look at the remote engine once its rest is over: cheaper than an image that is decoded in vain."""
        if self._clock() < stand_in.look_at:
            return False
        try:
            self._child.run_patiently(tasks.look, server)
        except RemoteUnusable as failure:
            self._stand_in = stand_in.for_longer(self._clock(), server.longest_rest_seconds, str(failure))
            return False
        return True


_Asked = tuple[Path, str, Any, str | None]


@dataclass(frozen=True)
class _Away:
    """The remote engine's first failure without a success since, and the last (seconds of the clock)."""

    since: float
    confirmed: float


@dataclass(frozen=True)
class _StandIn:
    """The embedded engine reads for the remote one, which rests until `look_at`."""

    look_at: float
    rest: float
    reason: str

    def for_longer(self, now: float, longest: float, reason: str) -> _StandIn:
        """Rest for twice as long, at most `longest`."""
        rest = max(self.rest, min(self.rest * 2, longest))
        return _StandIn(now + rest, rest, reason)

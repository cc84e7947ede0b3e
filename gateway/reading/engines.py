"""Which engine reads the next image: the embedded one, or the remote one and, where the site allows, its stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.tracing import open_span
from inference.remote.failures import RemoteUnusable
from inference.remote.server import RemoteServer

log = structlog.get_logger(__name__)


class Engines:
    """Reads images in a child process, for one thread at a time.

    How long the remote engine has been away counts from its first failure without a success since, in this process: a
    restart counts anew.
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
        self._away_since: float | None = None

    def model_version(self) -> str:
        """The version of the model, which both engines have to have."""
        return self._child.run_patiently(tasks.model_version, self._server)

    def read(self, path: Path, sop_instance_uid: str, laterality: Any, view: str | None) -> tasks.ImageRead:
        """Read one image.

        Raises:
            RemoteUnusable: the remote engine is away, and it is not yet, or never, the embedded one's turn.
            ChildCrashed, ChildTooSlow: the child was lost on this, again and again.

        """
        asked = path, sop_instance_uid, laterality, view
        span = open_span.current()
        traceparent = span.call() if span is not None and self._server is not None else None
        asking = time.time_ns()
        try:
            read = self._child.run_patiently(tasks.read_image, *asked, self._server, traceparent)
        except RemoteUnusable as failure:
            if span is not None:
                span.called_in_vain(asking, time.time_ns(), type(failure).__name__)
            self._away_since = self._clock() if self._away_since is None else self._away_since
            away = self._clock() - self._away_since
            if self._fallback_seconds is None or away < self._fallback_seconds:
                raise
            log.warning("engine.fallback", away_seconds=round(away), reason=str(failure))
            return self._child.run_patiently(tasks.read_image, *asked, None)
        if read.refusal is None:
            self._away_since = None  # a refused image never came as far as the engine
        return read

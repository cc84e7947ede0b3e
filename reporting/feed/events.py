"""Live events: what has changed, in order, without a gap, for as long as the client listens."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from reporting.feed.stores import EventSpan, FeedEvent, StoreUnavailableError, StudyFeed

log = structlog.get_logger(__name__)

BATCH = 100


class TooManyListeners(Exception):
    """This process has as many listeners as it takes, of everybody or of this user."""


class EventWatch:
    """Asks the store for its newest event at most once each `poll`, however many listen in this process.

    Several processes each ask for themselves: the store is where they meet. All methods run in one event loop,
    except `stop`, which may be called from anywhere.
    """

    def __init__(
        self,
        studies: StudyFeed,
        poll: timedelta,
        limit: int,
        limit_each: int,
        revocations: Callable[[], int] = lambda: 0,
    ) -> None:
        """`limit`: listeners in all, `limit_each`: of one user.

        `revocations`: a number that is another one after anybody may have lost access.
        """
        self._studies = studies
        self._ask_revocations = revocations
        self.revocations = -1
        self._poll = poll.total_seconds()
        self._limit = limit
        self._limit_each = limit_each
        self._lock = asyncio.Lock()
        self._span = EventSpan(1, 0)
        self._asked_at: float | None = None
        self._listeners: Counter[str] = Counter()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """End every stream within one poll, so that the server can stop without cutting anybody off."""
        self._stopped = True

    @property
    def listeners(self) -> int:
        return self._listeners.total()

    @contextmanager
    def listening(self, user: str) -> Iterator[None]:
        """Take one of `user`'s places for as long as the context lasts. Raises `TooManyListeners`."""
        if self.listeners >= self._limit:
            raise TooManyListeners("Too many listen already; try again soon.")
        if self._listeners[user] >= self._limit_each:
            raise TooManyListeners(f"You listen {self._limit_each} times already; close other windows of the viewer.")
        self._listeners[user] += 1
        try:
            yield
        finally:
            self._listeners[user] -= 1
            if not self._listeners[user]:
                del self._listeners[user]

    async def span(self) -> EventSpan:
        """Return the ids of the oldest and the newest event, at most one poll old."""
        async with self._lock:
            if self._asked_at is None or time.monotonic() - self._asked_at >= self._poll:
                self._span, self.revocations = await run_in_threadpool(self._ask)
                self._asked_at = time.monotonic()
            return self._span

    def _ask(self) -> tuple[EventSpan, int]:
        return self._studies.event_span(), self._ask_revocations()

    async def pause(self) -> None:
        await asyncio.sleep(self._poll)

    async def after(self, event_id: int) -> list[FeedEvent]:
        return list(await run_in_threadpool(self._studies.events_after, event_id, BATCH))


def written(event: FeedEvent) -> bytes:
    """Return an event as it goes over the wire; it has no `event:` field, so `onmessage` hears it."""
    data = {
        "id": event.id,
        "kind": event.kind,
        "study_instance_uid": event.study_instance_uid,
        "at": event.at.isoformat(),
        "data": dict(event.data),
    }
    return format_sse_event(data_str=json.dumps(data, separators=(",", ":")), id=str(event.id))


async def stream(
    watch: EventWatch, last_event_id: int | None, heartbeat: timedelta, still_allowed: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield everything behind `last_event_id` (None: from now on) until the server stops or access ends.

    The first block carries an id and no data, so that a client that hears nothing can resume all the same. A client
    whose place no longer exists (events erased, database restored) gets an event named `reset`: read the list anew.
    `still_allowed` decides whether the stream may go on: at its start, as soon as anybody's access was revoked, and at
    each heartbeat.
    """
    try:
        async for block in _blocks(watch, last_event_id, heartbeat, still_allowed):
            yield block
    except StoreUnavailableError as error:
        # The client comes back by itself with the last id it has seen.
        log.warning("event stream ended: store unavailable", error=str(error))


async def _blocks(
    watch: EventWatch, last_event_id: int | None, heartbeat: timedelta, still_allowed: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    position, first_block = await _start(watch, last_event_id)
    yield first_block
    written_at = checked_at = time.monotonic()
    seen = -1  # access may have been revoked between the first check of this request and here
    while not watch.stopped:
        full_batch = False
        span = await watch.span()
        if watch.revocations != seen:
            seen = watch.revocations
            if not await still_allowed():
                return
        if span.last > position:
            batch = await watch.after(position)
            for event in batch:
                position = event.id
                yield written(event)
            full_batch = len(batch) == BATCH
            written_at = time.monotonic()
        now = time.monotonic()
        if now - checked_at >= heartbeat.total_seconds():
            if not await still_allowed():
                return
            checked_at = now
        if now - written_at >= heartbeat.total_seconds():
            yield format_sse_event(comment="heartbeat")
            written_at = now
        if not full_batch:
            await watch.pause()


async def _start(watch: EventWatch, last_event_id: int | None) -> tuple[int, bytes]:
    span = await watch.span()
    position = span.last if last_event_id is None else last_event_id
    if position > span.last:
        # What we know may be one poll old, and the client's place right all the same.
        await watch.pause()
        span = await watch.span()
    if position > span.last or position < span.first - 1:
        return span.last, format_sse_event(event="reset", data_str="{}", id=str(span.last))
    return position, format_sse_event(comment="listening", id=str(position))

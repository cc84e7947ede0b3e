"""Live events over HTTP (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from reporting.feed.access import Right
from reporting.feed.caller import Caller, require
from reporting.feed.errors import ApiError
from reporting.feed.events import EventWatch, TooManyListeners, stream
from reporting.feed.gate import identify
from reporting.feed.sessions import Sessions
from reporting.feed.settings import FeedSettings

Listener = Annotated[Caller, Depends(require(Right.READ_STUDIES))]
_MAX_ID = 2**63 - 1
_LATER = {"Retry-After": "10"}


def parse_event_id(text: str) -> int:
    """Return an event's number. Raises `ApiError` (400)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _MAX_ID):
        raise ApiError(400, "invalid_event_id", "The last event id is the number of an event, or 0 for all.")
    return int(text)


def build_event_router(watch: EventWatch, sessions: Sessions, settings: FeedSettings) -> APIRouter:
    """Return the route /api/v1/events."""
    router = APIRouter(prefix="/api/v1", tags=["events"])

    @router.get(
        "/events",
        response_class=StreamingResponse,
        summary="What changes, as it changes; resumes behind Last-Event-ID",
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events(
        request: Request,
        caller: Listener,
        last_event_id: Annotated[str | None, Header()] = None,
        from_query: Annotated[str | None, Query(alias="last_event_id")] = None,
    ) -> StreamingResponse:
        # A browser that reconnects repeats its first address and adds the header: the header is the newer of the two.
        text = last_event_id or from_query
        start = parse_event_id(text) if text else None
        if watch.stopped:
            raise ApiError(503, "stopping", "The gateway is being stopped; try again soon.", _LATER)

        async def still_allowed() -> bool:
            principal = await run_in_threadpool(identify, request, sessions, settings, keep_alive=False)
            return principal is not None and Right.READ_STUDIES in principal.rights

        await watch.span()  # a store that is away is found out now, while a status can still be sent
        return _Listening(watch, caller.principal.name, stream(watch, start, settings.heartbeat, still_allowed))

    return router


class _Listening(StreamingResponse):
    """Has one of the user's places for as long as it is being sent: also one whose client has gone before the first
    block gives it back."""

    media_type = "text/event-stream"

    def __init__(self, watch: EventWatch, user: str, blocks: AsyncIterator[bytes]) -> None:
        super().__init__(blocks, headers={"X-Accel-Buffering": "no"})  # nginx would hold events back
        self._watch = watch
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._watch.listening(self._user):
                await super().__call__(scope, receive, send)
        except TooManyListeners as error:
            await ApiError(503, "too_many_listeners", str(error), _LATER).response()(scope, receive, send)

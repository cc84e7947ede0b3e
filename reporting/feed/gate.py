"""Nobody gets past without a login, except to the paths that are open: deny first, then look for the route."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from reporting.feed.access import Principal
from reporting.feed.caller import SCOPE_KEY, Caller
from reporting.feed.errors import ApiError, not_logged_in, store_unavailable
from reporting.feed.sessions import Sessions
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts, StoreUnavailableError

BACKGROUND = "mammogate-background"
"""A page that asks by itself, with nobody at it, says so in this header: its session then ends when nobody uses it."""
EVENTS = "/api/v1/events"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def client_address(request: Request) -> str:
    """Return the address of the client; behind a trusted proxy the server has already put the real one there."""
    return request.client.host if request.client else "unknown"


def identify(
    request: Request, sessions: Sessions, settings: FeedSettings, *, keep_alive: bool = True
) -> Principal | None:
    """Return who sent this request. A token goes before a cookie, and a wrong token is not made good by a cookie."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return sessions.by_token(token.strip()) if scheme.lower() == "bearer" else None
    session_id = request.cookies.get(settings.cookie_name)
    return sessions.by_session(session_id, keep_alive=keep_alive) if session_id else None


def is_cross_site(request: Request, settings: FeedSettings) -> bool:
    """Return whether a browser sent this from somebody else's page (Fetch Metadata, else Origin).

    A program that is no browser sends neither header and is let through: it holds the cookie because it logged in
    itself. SameSite=Strict on the cookie is the other half of this.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin in settings.allowed_origins:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


class Gate:
    """ASGI middleware that finds out who is calling and leaves a `Caller` for the routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        accounts: Accounts,
        sessions: Sessions,
        settings: FeedSettings,
        now: Callable[[], datetime],
    ) -> None:
        self.app = app
        self._accounts = accounts
        self._sessions = sessions
        self._settings = settings
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # we speak no WebSocket
            return
        request = Request(scope)
        try:
            await self._admit(request)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        except StoreUnavailableError:
            await store_unavailable().response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        # A browser adds the cookie by itself, a token it does not: only the former can be abused from elsewhere.
        changes = request.method not in SAFE_METHODS
        if changes and "authorization" not in request.headers and is_cross_site(request, self._settings):
            raise ApiError(403, "cross_site", "This was sent from another site's page.")
        if "\0" in request.scope["path"]:  # no database can keep or look for one
            raise ApiError(400, "invalid_request", "Correct the request: its path holds a NUL character.")
        # Not request.url: that is put together with the Host header, which the client writes.
        if self._settings.is_open(request.scope["path"]):
            return
        # A browser reconnects to the live events by itself, and can't add a header to that.
        used = BACKGROUND not in request.headers and request.scope["path"] != EVENTS
        principal = await run_in_threadpool(identify, request, self._sessions, self._settings, keep_alive=used)
        if principal is None:
            raise not_logged_in()
        request.scope[SCOPE_KEY] = Caller(principal, client_address(request), self._accounts, self._now)

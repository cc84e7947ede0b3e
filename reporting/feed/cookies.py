"""The two cookies: the session, and what binds the two steps of a login to one browser."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from reporting.feed.gate import client_address
from reporting.feed.sessions import Browser
from reporting.feed.settings import FeedSettings


def browser_of(request: Request) -> Browser:
    """Return where a request comes from."""
    return Browser(client_address(request), request.headers.get("user-agent", ""))


def set_session(response: Response, session_id: str, settings: FeedSettings) -> None:
    """Give the browser its session. Without Max-Age the cookie ends with the browser; the limits hold on the server."""
    response.set_cookie(
        settings.cookie_name, session_id, path="/", secure=settings.secure_cookies, httponly=True, samesite="strict"
    )


def clear_session(response: Response, settings: FeedSettings) -> None:
    response.delete_cookie(
        settings.cookie_name, path="/", secure=settings.secure_cookies, httponly=True, samesite="strict"
    )


def set_pending(response: Response, secret: str, settings: FeedSettings) -> None:
    """Give the browser what it shows in the second step. Lax: it comes back from the provider's page."""
    response.set_cookie(
        settings.pending_cookie_name,
        secret,
        max_age=int(settings.pending_lifetime.total_seconds()),
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def clear_pending(response: Response, settings: FeedSettings) -> None:
    response.delete_cookie(
        settings.pending_cookie_name, path="/", secure=settings.secure_cookies, httponly=True, samesite="lax"
    )

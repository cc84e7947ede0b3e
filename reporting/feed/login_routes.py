"""Login, logout, and who am I."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from reporting.feed.access import Principal
from reporting.feed.caller import Caller, require
from reporting.feed.gate import client_address
from reporting.feed.schemas import Login, LoginRequest
from reporting.feed.sessions import Browser, Sessions
from reporting.feed.settings import FeedSettings

Anyone = Annotated[Caller, Depends(require())]


def _login_of(principal: Principal) -> Login:
    return Login(
        name=principal.name,
        role=principal.role,
        rights=tuple(sorted(right.value for right in principal.rights)),
        expires_at=principal.expires_at,
    )


def build_login_router(sessions: Sessions, settings: FeedSettings) -> APIRouter:
    """Return the routes below /api/v1/auth."""
    router = APIRouter(prefix="/api/v1/auth", tags=["login"])

    @router.post("/login", summary="Name and password against a session cookie")
    def login(request: Request, response: Response, wanted: LoginRequest) -> Login:
        browser = Browser(client_address(request), request.headers.get("user-agent", ""))
        old = request.cookies.get(settings.cookie_name)
        session_id, principal = sessions.login(wanted.name, wanted.password, browser, old)
        # Without Max-Age the cookie ends with the browser; the session's own limits hold on the server.
        response.set_cookie(
            settings.cookie_name, session_id, path="/", secure=settings.secure_cookies, httponly=True, samesite="strict"
        )
        return _login_of(principal)

    @router.post("/logout", status_code=204, summary="Close the session")
    def logout(caller: Anyone) -> Response:
        sessions.logout(caller.principal, caller.address)
        response = Response(status_code=204)
        response.delete_cookie(
            settings.cookie_name, path="/", secure=settings.secure_cookies, httponly=True, samesite="strict"
        )
        return response

    @router.get("/me", summary="Who is logged in, and what they may do")
    async def me(caller: Anyone) -> Login:
        return _login_of(caller.principal)

    return router

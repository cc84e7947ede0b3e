"""Login, logout, who am I, and in which ways one can log in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from reporting.feed.access import Principal
from reporting.feed.caller import Caller, require
from reporting.feed.cookies import browser_of, clear_session, set_session
from reporting.feed.device_schemas import LoginMethods
from reporting.feed.schemas import Login, LoginRequest
from reporting.feed.sessions import Sessions
from reporting.feed.settings import FeedSettings

Anyone = Annotated[Caller, Depends(require())]


def login_of(principal: Principal) -> Login:
    """Return what somebody who is logged in is told of it."""
    return Login(
        name=principal.name,
        role=principal.role,
        rights=tuple(sorted(right.value for right in principal.rights)),
        expires_at=principal.expires_at,
    )


def build_login_router(sessions: Sessions, settings: FeedSettings, *, has_provider: bool) -> APIRouter:
    """Return the routes below /api/v1/auth that every gateway has."""
    router = APIRouter(prefix="/api/v1/auth", tags=["login"])

    @router.get("/methods", summary="The ways to log in")
    async def methods() -> LoginMethods:
        return LoginMethods(oidc=has_provider, passkey=settings.public_url is not None)

    @router.post("/login", summary="Name and password against a session cookie")
    def login(request: Request, response: Response, wanted: LoginRequest) -> Login:
        old = request.cookies.get(settings.cookie_name)
        session_id, principal = sessions.login(wanted.name, wanted.password, browser_of(request), old)
        set_session(response, session_id, settings)
        return login_of(principal)

    @router.post("/logout", status_code=204, summary="Close the session")
    def logout(caller: Anyone) -> Response:
        sessions.logout(caller.principal, caller.address)
        response = Response(status_code=204)
        clear_session(response, settings)
        return response

    @router.get("/me", summary="Who is logged in, and what they may do")
    async def me(caller: Anyone) -> Login:
        return login_of(caller.principal)

    return router

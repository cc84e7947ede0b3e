"""The two page loads of a login at the hospital's OpenID provider."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from reporting.feed.cookies import browser_of, clear_pending, set_pending, set_session
from reporting.feed.errors import ApiError
from reporting.feed.provider_login import LoginFailed, ProviderLogin
from reporting.feed.settings import FeedSettings

CALLBACK_PATH = "/api/v1/auth/oidc/callback"
_AT_ONCE = 4
Text = Annotated[str | None, Query(max_length=4096)]


def build_provider_router(login: ProviderLogin | None, settings: FeedSettings) -> APIRouter:
    """Return the routes below /api/v1/auth/oidc; 404 without a provider.

    They wait for the provider in a few threads of their own: one that hangs holds up nothing but logging in with it.
    """
    at_once = CapacityLimiter(_AT_ONCE)
    router = APIRouter(
        prefix="/api/v1/auth/oidc",
        tags=["login"],
        default_response_class=RedirectResponse,
        responses={303: {"description": "To the provider, or back to the viewer"}, 404: {"description": "None is set"}},
    )

    @router.get("/start", status_code=303, summary="Begin a login with the hospital's account")
    async def start(request: Request) -> Response:
        begin = partial(_configured(login).begin, browser_of(request))
        try:
            url, secret = await to_thread.run_sync(begin, limiter=at_once)
        except LoginFailed as failure:
            return _back(failure)
        response = RedirectResponse(url, 303)
        set_pending(response, secret, settings)
        return response

    @router.get("/callback", status_code=303, summary="Where the provider sends people back to")
    async def callback(request: Request, state: Text = None, code: Text = None) -> Response:
        secret = request.cookies.get(settings.pending_cookie_name, "")
        old = request.cookies.get(settings.cookie_name)
        finish = partial(_configured(login).finish, secret, state or "", code, browser_of(request), old)
        try:
            session_id, _ = await to_thread.run_sync(finish, limiter=at_once)
        except LoginFailed as failure:
            response = _back(failure)
        else:
            response = RedirectResponse("/", 303)
            set_session(response, session_id, settings)
        clear_pending(response, settings)
        return response

    return router


def _configured(login: ProviderLogin | None) -> ProviderLogin:
    if login is None:
        raise ApiError(404, "not_configured", "Logging in with the hospital's account is not set up here.")
    return login


def _back(failure: LoginFailed) -> RedirectResponse:
    return RedirectResponse(f"/#/login/{failure.code}", 303)

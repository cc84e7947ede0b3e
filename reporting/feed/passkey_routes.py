"""Passkeys over HTTP: adding, listing and removing them, and logging in with one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath

from reporting.feed.caller import Caller, require
from reporting.feed.cookies import browser_of, clear_pending, set_pending, set_session
from reporting.feed.device_schemas import NewPasskey, PasskeyAnswer, PasskeyList, ShownPasskey
from reporting.feed.errors import not_found
from reporting.feed.login_routes import login_of
from reporting.feed.login_stores import KeptPasskey
from reporting.feed.passkeys import Passkeys
from reporting.feed.schemas import Login
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts

Anyone = Annotated[Caller, Depends(require())]
PasskeyId = Annotated[int, InPath(ge=1, lt=2**31)]


def build_passkey_router(passkeys: Passkeys, accounts: Accounts, settings: FeedSettings) -> APIRouter:
    """Return the routes /api/v1/auth/passkey and /api/v1/auth/passkeys."""
    router = APIRouter(prefix="/api/v1/auth", tags=["passkeys"])

    @router.post("/passkey/challenge", summary="Begin a login with a passkey")
    def begin_login(request: Request, response: Response) -> dict[str, Any]:
        options, secret = passkeys.begin_login(browser_of(request))
        set_pending(response, secret, settings)
        return options

    @router.post("/passkey/login", summary="A passkey against a session cookie")
    def login(request: Request, response: Response, shown: ShownPasskey) -> Login:
        old = request.cookies.get(settings.cookie_name)
        session_id, principal = passkeys.login(_secret(request), shown, browser_of(request), old)
        clear_pending(response, settings)
        set_session(response, session_id, settings)
        return login_of(principal)

    @router.get("/passkeys", summary="Your passkeys")
    def listed(caller: Anyone) -> PasskeyList:
        return PasskeyList(items=tuple(_answer(one) for one in accounts.passkeys(caller.principal.name)))

    @router.post("/passkeys/challenge", summary="Begin to add a passkey")
    def begin_registration(caller: Anyone, response: Response) -> dict[str, Any]:
        options, secret = passkeys.begin_registration(caller.principal)
        set_pending(response, secret, settings)
        return options

    @router.post("/passkeys", status_code=201, summary="Add a passkey")
    def register(caller: Anyone, request: Request, response: Response, shown: NewPasskey) -> PasskeyAnswer:
        added = passkeys.finish_registration(caller.principal, _secret(request), shown, browser_of(request))
        caller.record("passkey_added", detail=added.name)
        clear_pending(response, settings)
        return _answer(added)

    @router.delete("/passkeys/{passkey_id}", status_code=204, summary="Remove a passkey")
    def remove(caller: Anyone, passkey_id: PasskeyId) -> Response:
        name = accounts.remove_passkey(passkey_id, caller.principal.name)
        if name is None:
            raise not_found("passkey")
        caller.record("passkey_removed", detail=name)
        return Response(status_code=204)

    def _secret(request: Request) -> str:
        return request.cookies.get(settings.pending_cookie_name, "")

    return router


def _answer(passkey: KeptPasskey) -> PasskeyAnswer:
    return PasskeyAnswer(
        id=passkey.id, name=passkey.name, created_at=passkey.created_at, last_used_at=passkey.last_used_at
    )

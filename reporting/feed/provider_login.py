"""Logging in at the hospital's OpenID provider: code flow with PKCE (OIDC Core 3.1, RFC 7636), in two steps.

What has to fit when the browser comes back is kept on the server, for one use, under a cookie of that browser. People
see these steps as page loads, so every end, bad ones too, is a redirection to the viewer, which has the words.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Literal, NoReturn

import structlog

from reporting.feed.access import Principal
from reporting.feed.credentials import digest
from reporting.feed.errors import ApiError
from reporting.feed.login_stores import (
    Identity,
    IdentityProvider,
    NameTakenError,
    ProviderLoginError,
    ProviderTrip,
    ProviderTrouble,
)
from reporting.feed.sessions import Browser, Sessions
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts

log = structlog.get_logger(__name__)
_ATTEMPTS_OF_EVERYBODY = "oidc"  # no digest of a name, so it meets nobody's
LoginTrouble = ProviderTrouble | Literal["login_expired", "name_taken", "user_disabled", "too_many_logins"]


class LoginFailed(Exception):
    """Nobody was logged in; `code` is what the viewer has words for."""

    def __init__(self, code: LoginTrouble) -> None:
        super().__init__(code)
        self.code = code


class ProviderLogin:
    """Thread safe; all methods may block."""

    def __init__(
        self,
        provider: IdentityProvider,
        accounts: Accounts,
        sessions: Sessions,
        settings: FeedSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._accounts = accounts
        self._sessions = sessions
        self._settings = settings
        self._now = now

    def begin(self, browser: Browser) -> tuple[str, str]:
        """Return where to send the browser, and the secret of the second step. Raises `LoginFailed`."""
        try:
            self._sessions.attempts.begin(_ATTEMPTS_OF_EVERYBODY, browser.address, shared=True)
        except ApiError as error:
            raise LoginFailed("too_many_logins") from error
        try:
            trip = self._provider.begin()
        except ProviderLoginError as error:
            self._fail(error.code, browser, str(error))
        secret = secrets.token_urlsafe(32)
        until = self._now() + self._settings.pending_lifetime
        self._accounts.keep_pending(digest(secret), "oidc", asdict(trip), until)
        return trip.url, secret

    def finish(
        self, secret: str, state: str, code: str | None, browser: Browser, old_session_id: str | None
    ) -> tuple[str, Principal]:
        """Open a session for whom the provider vouches, and return its id; `code` None: it refused.

        Raises `LoginFailed`.
        """
        pending = self._accounts.take_pending(digest(secret), "oidc", self._now())
        if pending is None:
            self._fail("login_expired", browser, "no login was begun in this browser, or it took too long")
        trip = ProviderTrip(**pending)
        if not secrets.compare_digest(trip.state.encode(), state.encode("utf-8", "surrogatepass")):
            self._fail("login_expired", browser, "the state is not the one that was sent")
        if code is None:
            self._fail("provider_refused", browser, "the provider answered with an error")
        try:
            identity = self._provider.finish(trip, code)
        except ProviderLoginError as error:
            self._fail(error.code, browser, str(error))
        return self._open(identity, browser, old_session_id)

    def _open(self, identity: Identity, browser: Browser, old_session_id: str | None) -> tuple[str, Principal]:
        try:
            name = self._accounts.user_of(identity)
        except NameTakenError:
            self._fail("name_taken", browser, f"{identity.name} is the name of another user here")
        user = self._accounts.user(name)
        if user is None or not user.active:
            self._fail("user_disabled", browser, "the user is disabled", name)
        self._sessions.attempts.forget(_ATTEMPTS_OF_EVERYBODY, browser.address)
        return self._sessions.open(user, browser, old_session_id, "hospital account")

    def _fail(self, code: LoginTrouble, browser: Browser, why: str, user: str | None = None) -> NoReturn:
        log.warning("login.provider_failed", code=code, reason=why)
        self._sessions.attempts.audit("failed", user, browser.address, f"hospital account: {code}")
        raise LoginFailed(code)

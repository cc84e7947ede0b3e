"""Login, logout, and who shows which session or token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reporting.feed.access import Principal, rights_of
from reporting.feed.attempts import Attempts
from reporting.feed.credentials import Passwords, digest, new_session_id
from reporting.feed.errors import ApiError
from reporting.feed.login_stores import Device
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts, User

TOUCH_EVERY = timedelta(seconds=60)
"""A session's last use is written at most this often: not each answer is worth a write."""


@dataclass(frozen=True)
class Browser:
    """Where a login comes from; `device` is what the browser calls itself (User-Agent)."""

    address: str
    device: str = ""


class Sessions:
    """Thread safe; all methods may block."""

    def __init__(
        self, accounts: Accounts, passwords: Passwords, settings: FeedSettings, now: Callable[[], datetime]
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._settings = settings
        self._now = now
        self.attempts = Attempts(accounts, settings.login_limits, now)

    def by_session(self, session_id: str, *, keep_alive: bool = True) -> Principal | None:
        """Return whose session this is, or None when it is unknown, over, idle for too long, or its user is not active.

        `keep_alive` counts this as a use; watching for an open connection whether it may stay open is not one.
        """
        key = digest(session_id)
        session = self._accounts.session(key)
        if session is None:
            return None
        now = self._now()
        if not session.user.active or self._is_over(session.opened_at, session.last_seen_at, now):
            self._accounts.close_session(key)
            return None
        if keep_alive and now - session.last_seen_at >= min(TOUCH_EVERY, self._settings.session_idle / 4):
            self._accounts.touch_session(key, now)
        return self._principal(session.user, session.opened_at + self._settings.session_lifetime, key)

    def by_token(self, token_text: str) -> Principal | None:
        """Return whose token this is, or None when it is unknown, revoked, or its user is not active."""
        token = self._accounts.token(digest(token_text))
        if token is None or not token.user.active:
            return None
        rights = rights_of(token.user.role, token_may_upload=token.may_upload)
        return Principal(token.user.name, token.user.role, rights, None, None)

    def login(
        self, name: str, password: str, browser: Browser, old_session_id: str | None = None
    ) -> tuple[str, Principal]:
        """Open a session and return its id. An old session of the same browser is closed.

        Raises `ApiError`: 401 when name or password is wrong (which of them is not said), 429 when there were too
        many failures.
        """
        subject = hashlib.sha256(name.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()
        user = self._accounts.user(name)
        # The name goes into the audit trail only when it is one: people type passwords into that field.
        known = user.name if user else None
        attempt = self.attempts.begin(subject, browser.address, known_user=known)
        usable = user if user is not None and user.active else None
        if not self._password_is_right(usable, password):
            self.attempts.audit("failed", known, browser.address, "wrong name or password")
            raise ApiError(401, "wrong_login", "The name or the password is wrong.")
        assert usable is not None  # noqa: S101  for the type checker: nobody's password is never right
        self.attempts.succeeded(attempt)
        return self.open(usable, browser, old_session_id)

    def open(self, user: User, browser: Browser, old_session_id: str | None, how: str = "") -> tuple[str, Principal]:
        """Open a session for somebody who has shown who they are, in the way `how`, and return its id."""
        session_id = new_session_id()
        opened = self._now()
        self.attempts.audit("ok", user.name, browser.address, how)
        self._accounts.open_session(digest(session_id), user.name, opened, browser.device[:256], browser.address)
        if old_session_id:
            self._accounts.close_session(digest(old_session_id))
        return session_id, self._principal(user, opened + self._settings.session_lifetime, digest(session_id))

    def devices(self, user_name: str | None) -> list[Device]:
        """Return the devices on which somebody (None: anybody) is logged in now, the one used last first."""
        now = self._now()
        found = self._accounts.devices(user_name)
        living = [device for device in found if not self._is_over(device.opened_at, device.last_seen_at, now)]
        return sorted(living, key=lambda device: device.last_seen_at, reverse=True)

    def logout(self, principal: Principal, address: str) -> None:
        """Close the session; a token stays what it is."""
        if principal.session_digest is not None:
            self._accounts.close_session(principal.session_digest)
        self.attempts.audit("ok", principal.name, address, "", action="logout")

    def _is_over(self, opened_at: datetime, last_seen_at: datetime, now: datetime) -> bool:
        return now >= opened_at + self._settings.session_lifetime or now >= last_seen_at + self._settings.session_idle

    def _password_is_right(self, user: User | None, password: str) -> bool:
        def renew(password_hash: str) -> None:
            if user is not None:
                self._accounts.replace_password_hash(user.name, password_hash)

        return self._passwords.verify(password, user.password_hash if user else None, renew)

    def _principal(self, user: User, expires_at: datetime, key: str) -> Principal:
        return Principal(user.name, user.role, rights_of(user.role), expires_at, key)

"""Counting attempts to log in, whatever the way: too many from one address are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from reporting.feed.errors import ApiError
from reporting.feed.stores import Accounts, AuditAction, AuditEntry, AuditOutcome, LoginAttempt, LoginLimits


class Attempts:
    """Thread safe; all methods may block."""

    def __init__(self, accounts: Accounts, limits: LoginLimits, now: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._limits = limits
        self._now = now

    def begin(self, subject: str, address: str, *, known_user: str | None = None, shared: bool = False) -> LoginAttempt:
        """Count an attempt, as a failure until it has succeeded.

        `shared`: the subject stands for everybody at that address, so only the address has a limit.
        Raises `ApiError` (429), which is audited.
        """
        attempt = LoginAttempt(subject, address, self._now())
        limits = replace(self._limits, per_subject=self._limits.per_address) if shared else self._limits
        wait = self._accounts.begin_login(attempt, limits)
        if wait is None:
            return attempt
        self.audit("refused", known_user, address, "too many failed logins")
        seconds = max(1, int(wait.total_seconds()))
        raise ApiError(
            429,
            "too_many_logins",
            f"Too many failed logins; try again in {-(-seconds // 60)} minutes.",
            {"Retry-After": str(seconds)},
        )

    def succeeded(self, attempt: LoginAttempt) -> None:
        self._accounts.login_succeeded(attempt)

    def audit(
        self, outcome: AuditOutcome, user: str | None, address: str, detail: str, action: AuditAction = "login"
    ) -> None:
        """Write an audit entry; blocks until it is durable."""
        self._accounts.audit(AuditEntry(self._now(), action, outcome, user, address, detail=detail))

    def forget(self, subject: str, address: str) -> None:
        """Forget the attempts of a subject that stands for everybody at an address: one of them has succeeded."""
        self._accounts.login_succeeded(LoginAttempt(subject, address, self._now()))

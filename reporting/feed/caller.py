"""The dependency that routes ask for: who is calling, and may they?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from reporting.feed.access import Principal, Right
from reporting.feed.errors import forbidden, not_logged_in
from reporting.feed.stores import Accounts, AuditAction, AuditEntry, AuditOutcome

SCOPE_KEY = "mammogate.caller"


@dataclass(frozen=True)
class Caller:
    """A logged-in caller, with the means to write down what they did."""

    principal: Principal
    address: str
    accounts: Accounts
    now: Callable[[], datetime]

    def record(
        self, action: AuditAction, study_instance_uid: str | None = None, detail: str = "", outcome: AuditOutcome = "ok"
    ) -> None:
        """Write an audit entry; blocks until it is durable."""
        self.accounts.audit(
            AuditEntry(self.now(), action, outcome, self.principal.name, self.address, study_instance_uid, detail)
        )


def caller_of(request: Request) -> Caller:
    """Return the caller that the gate has found. Raises `ApiError` (401) when there is none."""
    caller = request.scope.get(SCOPE_KEY)
    if not isinstance(caller, Caller):
        raise not_logged_in()
    return caller


def require(right: Right | None = None, audit_as: AuditAction | None = None) -> Callable[[Request], Awaitable[Caller]]:
    """Return a FastAPI dependency that answers 401 without login and 403 without the right.

    `None` asks for a login only. With `audit_as` each use, granted or refused, goes into the audit trail before the
    route runs. The dependency works in any router that is given to `create_feed`, and only there.
    """

    async def dependency(request: Request) -> Caller:
        caller = caller_of(request)
        allowed = right is None or right in caller.principal.rights
        if audit_as is not None:
            outcome: AuditOutcome = "ok" if allowed else "refused"
            await run_in_threadpool(caller.record, audit_as, None, request.scope["path"][:200], outcome)
        if not allowed:
            raise forbidden()
        return caller

    return dependency


require_upload = require(Right.UPLOAD, audit_as="upload")
"""For `build_stow_router`: a token with upload right, uploader, doctor or admin; each use is audited."""

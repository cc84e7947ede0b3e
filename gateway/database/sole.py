"""Doing something in one process at a time, over all machines."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

# Any numbers, as long as nobody else uses them for an advisory lock in this database.
MIGRATING = 72_616_001
ADOPTING = 72_616_002
SYNTHETIC = 72_616_010


def is_sole(session: Session, what: int) -> bool:
    """Say whether nobody else is at `what`; then nobody else will be until the session's transaction ends.

    With SQLite always true: there one process works, and `slots` sees to it.
    """
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(what))))


def may_be_idle(session: Session, seconds: int) -> None:
    """Let this transaction wait so long for something else; it would be ended after half a minute, and its lock lost.

    Only for a transaction that holds nothing but an advisory lock: rows would be held up as long.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{int(seconds)}s'"))

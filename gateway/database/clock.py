"""The database's clock: the one that all machines have in common."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.database.columns import now


def database_now(session: Session) -> datetime:
    """Return the current time, aware, in UTC; with SQLite the database is this machine."""
    if session.get_bind().dialect.name == "sqlite":
        return now()
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)

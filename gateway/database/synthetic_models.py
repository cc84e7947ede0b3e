"""The table of made studies.

A study is one of them because its UID was written here before it was sent, never because of what an object says of
itself: no patient's study can be taken for one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, String, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.database.columns import Base, now
from gateway.database.models import Study


class SyntheticStudy(Base):
    """A made study: written before it is sent, kept some weeks after it is erased.

    `sent_at`: all of it was acknowledged. `back_at`: its images were read and its reports built. `problem`: why it
    could not be sent, or what came back instead, in plain words.
    """

    __tablename__ = "synthetic_study"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime] = mapped_column(default=now, index=True)
    sent_at: Mapped[datetime | None]
    back_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    problem: Mapped[str | None]


def is_synthetic(session: Session | Connection, study_uid: str) -> bool:
    """Say whether we have made this study."""
    asked = select(SyntheticStudy.id).where(SyntheticStudy.study_instance_uid == study_uid)
    return session.execute(asked).first() is not None


def of_a_patient() -> ColumnElement[bool]:
    """Return the condition, on a query of `Study`, that nobody but an X-ray machine has made it."""
    made = SyntheticStudy.study_instance_uid == Study.study_instance_uid
    return ~exists().where(made).correlate(Study)

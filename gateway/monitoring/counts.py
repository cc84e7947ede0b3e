"""How much there is of what: a few grouped counts, each a single query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.database.columns import Base
from gateway.database.commitment_models import Commitment
from gateway.database.models import DeadLetter, Delivery, Duplicate, Instance, Quarantined, Study
from gateway.database.synthetic_models import SyntheticStudy


@dataclass(frozen=True)
class Counts:
    """Rows that there are now; `deliveries` by destination and status, `waiting` by queue.

    Instances and studies are of patients; what waits may also be of a study that we have made.
    """

    instances: Mapping[str, int]
    studies: Mapping[str, int]
    deliveries: Mapping[tuple[str, str], int]
    waiting: Mapping[str, int]
    dead_letters: int
    quarantined: int


def count(session: Session) -> Counts:
    """Count what is in the database."""
    deliveries = session.execute(
        select(Delivery.destination, Delivery.status, func.count()).group_by(Delivery.destination, Delivery.status)
    )
    by_destination = {(destination, str(status)): number for destination, status, number in deliveries}
    studies = _grouped(session, Study.status)
    return Counts(
        instances=_of_patients(_grouped(session, Instance.role), _made(session, Instance.role)),
        # Always there: the alert that nothing is read compares it, also where nothing was ever read.
        studies={"reported": 0} | _of_patients(studies, _made(session, Study.status)),
        deliveries=by_destination,
        waiting={
            "gather": _number(session, Study, Study.gathering.is_not(None)),
            "process": studies.get("queued", 0) + studies.get("processing", 0),
            "deliver": sum(number for (_, status), number in by_destination.items() if status == "waiting"),
            "compare": _number(session, Duplicate, Duplicate.status == "waiting"),
            "commit": _number(session, Commitment, Commitment.status == "waiting"),
        },
        dead_letters=_number(session, DeadLetter, DeadLetter.resolved_at.is_(None)),
        quarantined=_number(session, Quarantined),
    )


def _grouped(session: Session, column: InstrumentedAttribute[Any]) -> dict[str, int]:
    return {str(name): number for name, number in session.execute(select(column, func.count()).group_by(column))}


def _made(session: Session, column: InstrumentedAttribute[Any]) -> dict[str, int]:
    """Count those of the few studies that we have made.

    Neither by JOIN nor by GROUP BY: with these SQLite goes through all rows, and asks of each whether we made it.
    """
    asked = select(column)
    ours = Study.study_instance_uid.in_(select(SyntheticStudy.study_instance_uid))
    if column.class_ is Instance:
        asked = asked.where(Instance.study_id.in_(select(Study.id).where(ours)))
    else:
        asked = asked.where(ours)
    return Counter(str(name) for name in session.scalars(asked))


def _of_patients(every: dict[str, int], made: dict[str, int]) -> dict[str, int]:
    left = {name: number - made.get(name, 0) for name, number in every.items()}
    return {name: number for name, number in left.items() if number > 0}


def _number(session: Session, table: type[Base], *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0

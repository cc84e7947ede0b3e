"""How the work goes: who is alive, how long the oldest waits, how fast images are read, whether a destination answers.

Each figure is one query (of deliveries, one a destination); those of what was done look at the last hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from gateway.database.commitment_models import Commitment
from gateway.database.models import Delivery, Duplicate, Reading, Report, Study
from gateway.heartbeat import alive, alive_of
from gateway.workflow.jobs import COMMIT, COMPARE, DELIVER, GATHER, PROCESS

LATELY: Final = timedelta(hours=1)
PARTS: Final = ("receive", "work", "api")
STEPS: Final = ("decode", "prepare", "sweep", "findings")
ENGINES: Final = ("embedded", "remote")
_MOST_REPORTED: Final = 10_000


@dataclass(frozen=True)
class Work:
    """Ages and durations are seconds. What has nothing to wait for is 0 seconds old."""

    alive: Mapping[str, int]
    """Processes, by part."""
    oldest: Mapping[str, float]
    """By queue, since its oldest entry last changed."""
    waiting: Mapping[str, float]
    """By destination, since the first object was owed that it has not got."""
    delivered_at: Mapping[str, datetime]
    """By destination of the settings; none where nothing was ever delivered."""
    read: Mapping[str, int]
    """Images read lately, by engine."""
    seconds: Mapping[tuple[str, str], float]
    """Mean of the last hour, by engine and step."""
    reported: Sequence[float] = field(default=())
    """From frozen to reported, of each study that was reported lately."""
    commitments: Mapping[str, int] = field(default_factory=dict)
    conflicts: int = 0
    """Second objects under a known UID that turned out to be other ones."""


def work(session: Session, moment: datetime, destinations: Sequence[str]) -> Work:
    """Look at the database."""
    living = alive(session)
    since = moment - LATELY
    commitments = session.execute(select(Commitment.status, func.count()).group_by(Commitment.status))
    return Work(
        alive={part: len(alive_of(living, part)) for part in PARTS},
        oldest=_oldest(session, moment),
        waiting=dict.fromkeys(destinations, 0.0) | _waiting(session, moment),
        delivered_at=_delivered_at(session, destinations),
        read=dict.fromkeys(ENGINES, 0) | _read(session, since),
        seconds=_seconds(session, since),
        reported=_reported(session, since),
        commitments={"waiting": 0, "failed": 0} | {str(status): number for status, number in commitments},
        conflicts=session.scalar(select(func.count(Duplicate.id)).where(Duplicate.status == "different")) or 0,
    )


def _oldest(session: Session, moment: datetime) -> dict[str, float]:
    asked: dict[str, tuple[Any, ColumnElement[bool]]] = {
        GATHER: (Study.last_received_at, Study.gathering.is_not(None)),
        PROCESS: (Study.updated_at, Study.status.in_(("queued", "processing"))),
        DELIVER: (Delivery.first_due_at, Delivery.status == "waiting"),
        COMPARE: (Duplicate.received_at, Duplicate.status == "waiting"),
        COMMIT: (Commitment.asked_at, Commitment.status == "waiting"),
    }
    return {
        queue: _age(session.scalar(select(func.min(column)).where(waits)), moment)
        for queue, (column, waits) in asked.items()
    }


def _waiting(session: Session, moment: datetime) -> dict[str, float]:
    found = session.execute(
        select(Delivery.destination, func.min(Delivery.first_due_at))
        .where(Delivery.status == "waiting")
        .group_by(Delivery.destination)
    )
    return {destination: _age(first, moment) for destination, first in found}


def _delivered_at(session: Session, destinations: Sequence[str]) -> dict[str, datetime]:
    # One by one: each is then the end of an index, while a GROUP BY goes through all that was ever delivered. The
    # status is no parameter, since only then is it known that the index, which is of such rows only, has the answer.
    found = {
        destination: session.scalar(
            select(func.max(Delivery.delivered_at)).where(
                Delivery.destination == destination, Delivery.status == literal_column("'delivered'")
            )
        )
        for destination in destinations
    }
    return {destination: last for destination, last in found.items() if last is not None}


def _engine() -> ColumnElement[str]:
    return func.coalesce(Reading.engine, ENGINES[0])  # of an earlier version, or of an image that was refused


def _read(session: Session, since: datetime) -> dict[str, int]:
    engine = _engine()
    found = session.execute(
        select(engine, func.count()).where(Reading.read_at >= since, Reading.refusal.is_(None)).group_by(engine)
    )
    return {str(name): number for name, number in found}


def _seconds(session: Session, since: datetime) -> dict[tuple[str, str], float]:
    engine = _engine()
    means = [func.avg(Reading.timings[step].as_float()) for step in STEPS]
    found = session.execute(
        select(engine, *means).where(Reading.read_at >= since, Reading.refusal.is_(None)).group_by(engine)
    )
    return {
        (str(row[0]), step): float(mean)
        for row in found
        for step, mean in zip(STEPS, row[1:], strict=True)
        if mean is not None
    }


def _reported(session: Session, since: datetime) -> list[float]:
    found = session.execute(
        select(Study.frozen_at, func.min(Report.created_at))
        .join(Report, Report.study_id == Study.id)
        .where(Report.created_at >= since, Report.generation == Study.generation, Study.frozen_at.is_not(None))
        .group_by(Study.id, Study.frozen_at)
        .limit(_MOST_REPORTED)
    )
    return [max(0.0, (reported - frozen).total_seconds()) for frozen, reported in found if frozen is not None]


def _age(since: datetime | None, moment: datetime) -> float:
    return 0.0 if since is None else max(0.0, (moment - since).total_seconds())

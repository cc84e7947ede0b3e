"""The operators' queue: studies that are not done yet."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from gateway.database.models import Delivery, Instance, Study
from reporting.feed.operation_schemas import QueuedWork
from reporting.feed.stores import Listing

_IN_WORK = Study.status.in_(("queued", "processing"))
_GATHERING = Study.gathering.is_not(None)
_INSTANCES = select(func.count()).where(Instance.study_id == Study.id).correlate(Study).scalar_subquery()


def queue(session: Session, limit: int) -> Listing[QueuedWork]:
    """Return studies that are being received, wait, are processed, or whose reports are not delivered yet."""
    open_studies = or_(_IN_WORK, _GATHERING)
    to_deliver = and_(~open_studies, _waiting_delivery())
    items = [*_open_studies(session, open_studies, limit), *_deliveries(session, to_deliver, limit)]
    items.sort(key=lambda item: (item.since, item.study_instance_uid))
    total = session.scalar(select(func.count()).select_from(Study).where(or_(open_studies, to_deliver))) or 0
    return Listing(items[:limit], total)


def _waiting_delivery() -> ColumnElement[bool]:
    return (
        select(Delivery.id).where(Delivery.study_id == Study.id, Delivery.status == "waiting").correlate(Study).exists()
    )


def _open_studies(session: Session, condition: ColumnElement[bool], limit: int) -> list[QueuedWork]:
    # What is in work is in work since its last change; what is still arriving, since something last arrived.
    since = case((_IN_WORK, Study.updated_at), else_=Study.last_received_at)
    found = session.execute(
        select(
            Study.study_instance_uid,
            Study.status,
            Study.generation,
            Study.gathering,
            Study.updated_at,
            Study.last_received_at,
            _INSTANCES,
        )
        .where(condition)
        .order_by(since, Study.study_instance_uid)
        .limit(limit)
    )
    items = []
    for uid, status, generation, gathering, updated_at, last_received_at, instances in found:
        in_work = status in ("queued", "processing")
        items.append(
            QueuedWork(
                study_instance_uid=uid,
                generation=generation if in_work else gathering,
                state=status if in_work else "receiving",
                since=updated_at if in_work else last_received_at,
                instances=instances,
            )
        )
    return items


def _deliveries(session: Session, condition: ColumnElement[bool], limit: int) -> list[QueuedWork]:
    since = func.min(Delivery.first_due_at)
    found = session.execute(
        select(Study.study_instance_uid, func.max(Delivery.generation), since, _INSTANCES)
        .join(Delivery, Delivery.study_id == Study.id)
        .where(condition, Delivery.status == "waiting")
        .group_by(Study.id, Study.study_instance_uid)
        .order_by(since, Study.study_instance_uid)
        .limit(limit)
    )
    return [
        QueuedWork(study_instance_uid=uid, generation=generation, state="delivering", since=first, instances=instances)
        for uid, generation, first, instances in found
    ]

"""Finding a row again after the transaction that first read it has ended, and no other row in its place.

On SQLite no table of ours has AUTOINCREMENT: the id of a row that was removed may be given to the next one. So an id
alone does not say what it was the id of. Whoever comes back with one also compares what stays with the row for good.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from gateway.database.models import Delivery, Duplicate, Instance, Study


def study_again(session: Session, known: Study) -> Study | None:
    """Return the row of a study that was read before; None once it was forgotten, also when it has come again."""
    return session.scalars(
        select(Study).where(
            Study.id == known.id,
            Study.study_instance_uid == known.study_instance_uid,
            Study.first_received_at == known.first_received_at,
        )
    ).one_or_none()


def instance_again(session: Session, known: Instance) -> Instance | None:
    """Return the row of an image that was read before; None once it was forgotten.

    An image that was forgotten and has come again under the same UID has another row, and may be another image.
    """
    return session.scalars(
        select(Instance).where(
            Instance.id == known.id,
            Instance.sop_instance_uid == known.sop_instance_uid,
            Instance.received_at == known.received_at,
        )
    ).one_or_none()


def frozen_instance(session: Session, instance_id: int, study_uid: str, generation: int) -> Instance | None:
    """Return the image with this id if it is one of the study's, up to this generation; None when it was forgotten."""
    return session.scalars(
        select(Instance)
        .join(Study, Study.id == Instance.study_id)
        .where(
            Instance.id == instance_id,
            Instance.generation <= generation,
            Study.study_instance_uid == study_uid,
        )
    ).one_or_none()


def duplicate_again(session: Session, known: Duplicate) -> Duplicate | None:
    """Return the row of a duplicate that was read before; None when it is gone. No two have one file."""
    return session.scalars(
        select(Duplicate).where(Duplicate.id == known.id, Duplicate.path == known.path)
    ).one_or_none()


def deliveries_again(session: Session, known: Iterable[Delivery]) -> list[Delivery]:
    """Return, locked, those of the rows read before that are there and still owe the same object of the same study.

    `known` were read with their study and object. A study that was forgotten and has come again is another one.
    """
    before = {row.id: _owed_by(row) for row in known}
    there = session.scalars(
        select(Delivery)
        .where(Delivery.id.in_(before))
        .options(joinedload(Delivery.report), joinedload(Delivery.instance), joinedload(Delivery.study))
        .order_by(Delivery.id)
        .with_for_update(of=Delivery)
    ).all()
    return [row for row in there if _owed_by(row) == before[row.id]]


def _owed_by(row: Delivery) -> tuple[object, ...]:
    owed = row.report or row.instance
    uid = owed.sop_instance_uid if owed is not None else None
    study = row.study
    return study.study_instance_uid, study.first_received_at, row.generation, row.destination, row.action, uid

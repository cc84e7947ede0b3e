"""Which objects of which studies there are to export, and where their files lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gateway.database.engine import Database
from gateway.database.models import Study
from gateway.database.synthetic_models import of_a_patient
from gateway.workflow.retrying import UnknownStudy

SUMMARY_PAGE = "it is a summary page of mammogate, which has the patient ID burned in"
DELETED = "its pixels were deleted here by age"


@dataclass(frozen=True)
class KeptObject:
    """An image, another received object, or a report; `refusal` says why it can't be exported at all."""

    sop_instance_uid: str
    path: str
    refusal: str | None = None


@dataclass(frozen=True)
class KeptStudy:
    """A study with all that is kept of it."""

    study_instance_uid: str
    patient_id: str | None
    objects: tuple[KeptObject, ...]


def all_studies(database: Database) -> list[str]:
    """Return the UIDs of all studies of patients, in the order in which they came."""
    with database.read() as session:
        return list(session.scalars(select(Study.study_instance_uid).where(of_a_patient()).order_by(Study.id)))


def kept_studies(database: Database, study_uids: Sequence[str]) -> Iterator[KeptStudy]:
    """Yield the studies one by one.

    Raises:
        UnknownStudy: one of them is not here; nothing has been yielded then.

    """
    with database.read() as session:
        known = set(session.scalars(select(Study.study_instance_uid).where(Study.study_instance_uid.in_(study_uids))))
    missing = [uid for uid in study_uids if uid not in known]
    if missing:
        raise UnknownStudy(f"there is no study {missing[0]} here: see `mammogate studies`")
    return (study for uid in dict.fromkeys(study_uids) if (study := _study(database, uid)) is not None)


def _study(database: Database, uid: str) -> KeptStudy | None:
    with database.read() as session:
        row = _row(session, uid)
        if row is None:  # forgotten meanwhile
            return None
        received = (
            KeptObject(item.sop_instance_uid, item.path, DELETED if item.deleted_at is not None else None)
            for item in row.instances
        )
        reports = (
            KeptObject(item.sop_instance_uid, item.path, SUMMARY_PAGE if item.kind == "summary_image" else None)
            for item in row.reports
        )
        return KeptStudy(row.study_instance_uid, row.patient_id, (*received, *reports))


def _row(session: Session, uid: str) -> Study | None:
    return session.scalars(
        select(Study)
        .where(Study.study_instance_uid == uid)
        .options(selectinload(Study.instances), selectinload(Study.reports))
    ).one_or_none()

"""The rows that a received object becomes, in one transaction: study, instance or duplicate, association, job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from dicom_node.intake import Origin
from gateway.database.columns import now
from gateway.database.models import AssociationRecord, Duplicate, Instance, Report, Study
from gateway.intake.header import ReceivedHeader
from gateway.workflow.destinations import forward_at_once
from gateway.workflow.jobs import Jobs

# Built once: SQLAlchemy compiles a statement once for as long as it is the same object.
_KNOWN = (
    select(Report.id).where(Report.sop_instance_uid == bindparam("sop_uid")).scalar_subquery().label("report"),
    select(Instance.id).where(Instance.sop_instance_uid == bindparam("sop_uid")).scalar_subquery().label("first"),
    select(AssociationRecord.id).where(AssociationRecord.id == bindparam("origin")).scalar_subquery().label("origin"),
)
# What another receiver commits while this one waits for the study's row is not seen by it, and then fails as a second
# row under the same UID: the group commit tries that again.
_IN_KNOWN_STUDY = (
    select(*_KNOWN, Study.id, Study.generation, Study.gathering)
    .where(Study.study_instance_uid == bindparam("study_uid"))
    .with_for_update(of=Study)
)
_IN_NEW_STUDY = select(*_KNOWN)
_NEW_STUDY = insert(Study).returning(Study.id)
_NEW_INSTANCE = insert(Instance).returning(Instance.id)
_NEW_DUPLICATE = insert(Duplicate).returning(Duplicate.id)
_NEW_ASSOCIATION = insert(AssociationRecord)
_TOUCH = update(Study).where(Study.id == bindparam("study")).values(last_received_at=bindparam("moment"))
_COLLECT = _TOUCH.values(updated_at=bindparam("moment"), gathering=bindparam("collected"))


@dataclass(frozen=True)
class Arrival:
    """An object whose file is durable under its final name, and that waits for its rows."""

    path: str
    """Of its file, as rows hold it."""
    size: int
    """Bytes."""
    header: ReceivedHeader
    origin: Origin


@dataclass(frozen=True)
class Recorded:
    """The study that an arrival belongs to, and the generation that it came in."""

    study_id: int
    generation: int


class ArrivalRecorder:
    """Writes the rows of arrivals; the Recorder of the group commit. `receiver` is the process's slot name."""

    def __init__(self, jobs: Jobs, *, receiver: str, quiet_seconds: float, forward_to: Sequence[str]) -> None:
        self._jobs = jobs
        self._receiver = receiver
        self._quiet = quiet_seconds
        self._forward_to = tuple(forward_to)

    def order(self, item: Arrival) -> str:
        """Return the Study Instance UID: the study's row is what receivers lock."""
        return item.header.study_instance_uid

    def record(self, connection: Connection, item: Arrival) -> Recorded | None:
        """Write the rows of one arrival; return where they are, or None for a report of ours, which needs none."""
        header, moment = item.header, now()
        sought = {"sop_uid": header.sop_instance_uid, "origin": item.origin.association_id}
        found = connection.execute(_IN_KNOWN_STUDY, {**sought, "study_uid": header.study_instance_uid}).one_or_none()
        report, first, origin = found[:3] if found is not None else connection.execute(_IN_NEW_STUDY, sought).one()
        if report is not None:
            return None
        if origin is None:
            self._open_association(connection, item.origin, moment)
        study = _Study(*found[3:]) if found is not None else self._open_study(connection, header)
        if first is not None:
            connection.execute(_TOUCH, {"study": study.id, "moment": moment})
            self._record_duplicate(connection, item, first, moment)
            return Recorded(study.id, study.gathering or max(1, study.generation))
        return Recorded(study.id, self._record_instance(connection, item, study, moment))

    def _open_association(self, connection: Connection, origin: Origin, moment: datetime) -> None:
        row = {
            "id": origin.association_id,
            "receiver": self._receiver,
            "channel": origin.channel,
            "peer_ae_title": origin.peer_ae_title,
            "peer_address": origin.peer_address,
            "opened_at": moment,
        }
        connection.execute(_NEW_ASSOCIATION, row)

    def _open_study(self, connection: Connection, header: ReceivedHeader) -> _Study:
        row = {
            "study_instance_uid": header.study_instance_uid,
            "patient_id": header.patient_id,
            "patient_name": header.patient_name,
            "birth_date": header.birth_date,
            "study_date": header.study_date,
            "accession_number": header.accession_number,
        }
        return _Study(connection.execute(_NEW_STUDY, row).scalar_one(), 0, None)

    def _record_duplicate(self, connection: Connection, item: Arrival, first: int, moment: datetime) -> None:
        row = {
            "instance_id": first,
            "study_instance_uid": item.header.study_instance_uid,
            "path": item.path,
            "received_at": moment,
        }
        self._jobs.compare(connection, connection.execute(_NEW_DUPLICATE, row).scalar_one())

    def _record_instance(self, connection: Connection, item: Arrival, study: _Study, moment: datetime) -> int:
        """Return the generation that the instance is gathered for, or comes too late for."""
        header = item.header
        row = {
            "study_id": study.id,
            "series_instance_uid": header.series_instance_uid,
            "sop_instance_uid": header.sop_instance_uid,
            "sop_class_uid": header.sop_class_uid,
            "transfer_syntax_uid": header.transfer_syntax_uid,
            "role": header.image.role,
            "role_reason": header.image.reason,
            "laterality": header.image.laterality,
            "view": header.image.view,
            "is_standard": header.image.is_standard,
            "presentation_intent": header.image.presentation_intent,
            "patient_key": header.patient_key,
            "path": item.path,
            "size": item.size,
            "association_id": item.origin.association_id,
            "received_at": moment,
        }
        instance_id = connection.execute(_NEW_INSTANCE, row).scalar_one()
        opens = header.image.role == "read" or (header.image.role == "kept" and study.generation == 0)
        if opens:
            collected = study.gathering if study.gathering is not None else study.generation + 1
            connection.execute(_COLLECT, {"study": study.id, "moment": moment, "collected": collected})
            if study.gathering is None:
                self._jobs.gather(connection, header.study_instance_uid, collected, self._quiet)
            return collected
        connection.execute(_TOUCH, {"study": study.id, "moment": moment})
        if study.gathering is None:
            forward_at_once(
                connection,
                self._jobs,
                self._forward_to,
                study_id=study.id,
                study_uid=header.study_instance_uid,
                generation=max(1, study.generation),
                instance_id=instance_id,
            )
        return study.gathering or max(1, study.generation)


@dataclass(frozen=True)
class _Study:
    id: int
    generation: int
    gathering: int | None

"""Instances in the tables and on disk, and an archive that answers what it is told to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from dicom_node.archive_query import ArchiveAway, SoughtInstance
from dicom_node.storage_commitment import CommitmentRequest, SopReference
from gateway.database.commitment_models import Commitment
from gateway.database.models import AssociationRecord, Delivery, Duplicate, Instance, Study
from gateway.parts import Parts

MG = "1.2.840.10008.5.1.4.1.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"
STUDY_UID = "1.2.3"
CONTENT = b"an image"


@dataclass
class Archive:
    """Holds some instances, or is away."""

    holds: set[str] = field(default_factory=set)
    is_away: bool = False
    asked: list[SoughtInstance] = field(default_factory=list)

    def held(self, sought: Sequence[SoughtInstance]) -> Collection[SoughtInstance]:
        self.asked += sought
        if self.is_away:
            raise ArchiveAway("nobody answers")
        return [instance for instance in sought if instance.sop_instance_uid in self.holds]


def reference(uid: str, sop_class: str = MG) -> SopReference:
    return SopReference(sop_class, uid)


def request(*uids: str, transaction: str = "1.9.1", requester: str = "XRAY1") -> CommitmentRequest:
    return CommitmentRequest(transaction, tuple(reference(uid) for uid in uids), requester, "192.0.2.7")


def add_instance(parts: Parts, uid: str, *, forwarded: dict[str, str] | None = None, duplicate: str = "") -> None:
    """Add an instance with its file; `forwarded`: the states of its deliveries by destination."""
    path = parts.folders.instances / f"{uid}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    with parts.database.write() as session:
        study = session.scalars(select(Study)).one_or_none()
        if study is None:
            study = Study(study_instance_uid=STUDY_UID, status="reported", generation=1)
            session.add_all(
                [study, AssociationRecord(id="a", receiver="r", channel="dicom", peer_ae_title="X", peer_address="1")]
            )
            session.flush()
        instance = Instance(
            study_id=study.id,
            series_instance_uid="1.2.3.1",
            sop_instance_uid=uid,
            sop_class_uid=MG,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            role="read",
            patient_key="k",
            path=parts.folders.relative(path),
            size=len(CONTENT),
            association_id="a",
        )
        session.add(instance)
        session.flush()
        for destination, status in (forwarded or {}).items():
            session.add(
                Delivery(
                    study_id=study.id, generation=1, destination=destination, instance_id=instance.id, status=status
                )
            )
        if duplicate:
            session.add(Duplicate(instance_id=instance.id, study_instance_uid=STUDY_UID, path="d", status=duplicate))


def commitment(parts: Parts) -> Commitment:
    """The only request, with its instances."""
    with parts.database.read() as session:
        row = session.scalars(select(Commitment)).one()
        assert row.references
        return row

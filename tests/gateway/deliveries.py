"""What a study owes to a destination, and a destination that answers what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from dicom_node.destination import Destination, Health, Outcome, Progress
from gateway.database.models import AssociationRecord, Delivery, Instance, Report, Study
from gateway.parts import Parts
from gateway.workflow.delivering import Delivering, Patience
from gateway.workflow.destinations import DestinationPlan, PlannedDestination, plan_deliveries
from tests.gateway.instances import an_instance

STUDY_UID = "1.2.3"
PATIENCE = Patience(first_retry=5, longest_retry=60, give_up_after=3600)


class Peer:
    """A destination that answers what it is told to."""

    def __init__(self, answer: Outcome) -> None:
        self.answer = answer
        self.name = "pacs"
        self.seen: list[str] = []

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        self.seen += [path.name for path in paths]
        return dict.fromkeys(paths, self.answer)

    def delete(self, sop_instance_uid: str) -> Outcome:
        self.seen.append(f"delete {sop_instance_uid}")
        return self.answer

    def health(self) -> Health:
        return Health(True, "here")


def planned(**more: object) -> PlannedDestination:
    values: dict[str, object] = {
        "name": "pacs",
        "kinds": ("mammography_cad_sr", "summary_image"),
        "dialect": "SCT",
        "withdraw": "none",
        **more,
    }
    return PlannedDestination(**values)  # type: ignore[arg-type] # the values above fit


def add_reports(parts: Parts, generation: int, *destinations: PlannedDestination, study_uid: str = STUDY_UID) -> None:
    plan = DestinationPlan(destinations)
    with parts.database.write() as session:
        known = session.scalars(select(Study).where(Study.study_instance_uid == study_uid)).one_or_none()
        study = known or Study(study_instance_uid=study_uid, status="reported")
        session.add(study)
        study.generation = generation
        session.flush()
        for kind, dialect in (("mammography_cad_sr", "SCT"), ("mammography_cad_sr", "SRT"), ("summary_image", "SCT")):
            name = f"{kind}.{dialect}.{generation}" + (f".{study_uid}" if study_uid != STUDY_UID else "")
            session.add(
                Report(
                    study_id=study.id,
                    generation=generation,
                    kind=kind,
                    dialect=dialect,
                    sop_class_uid="1",
                    sop_instance_uid=name,
                    series_instance_uid="2",
                    path=name,
                )
            )
        plan_deliveries(session, parts.jobs, plan, study, generation)


def add_images(parts: Parts, *names: str) -> None:
    """Owe images to the destination, each in a file of its name."""
    with parts.database.write() as session:
        study = session.scalars(select(Study)).one()
        session.add(AssociationRecord(id="a", channel="dicom", peer_ae_title="XRAY", peer_address="", receiver="r"))
        session.flush()
        for name in names:
            instance = an_instance(study.id, name, "a")
            session.add(instance)
            session.flush()
            session.add(Delivery(study_id=study.id, generation=1, destination="pacs", instance_id=instance.id))


def path_of(parts: Parts, row: Delivery) -> str:
    with parts.database.read() as session:
        if row.report_id is not None:
            return session.get_one(Report, row.report_id).path
        return session.get_one(Instance, row.instance_id).path


def delivering(parts: Parts, peer: Destination | None, *, by_deletion: bool = False) -> Delivering:
    peers = {} if peer is None else {"pacs": peer}
    deletable = peers if by_deletion else {}
    return Delivering(parts.database, parts.folders, parts.jobs, peers, PATIENCE, by_deletion=deletable)


def rows(parts: Parts) -> list[Delivery]:
    with parts.database.read() as session:
        return list(session.scalars(select(Delivery).options(joinedload(Delivery.report)).order_by(Delivery.id)))

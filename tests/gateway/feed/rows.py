"""Rows as the gateway's workflow leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from gateway.database.account_models import User
from gateway.database.engine import Database
from gateway.database.models import AssociationRecord, Delivery, Reading, Report, Study
from gateway.folders import Folders
from inference.classes import CLASSES
from inference.results import Finding, ViewResult
from tests.gateway.instances import an_instance

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.50"


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def a_reading(sop_instance_uid: str, view: str = "CC", failure: str | None = None) -> dict[str, Any]:
    if failure is not None:
        result = ViewResult(sop_instance_uid=sop_instance_uid, laterality="R", view=view, failure=failure)
        return result.model_dump(mode="json")
    finding = Finding(
        tracking_uid="2.25.1",
        type="mass",
        score=0.9,
        malignancy_score=0.75,
        center=(10.5, 20.5),
        outline=((9.0, 19.0), (11.0, 19.0), (9.0, 19.0)),
    )
    return ViewResult(
        sop_instance_uid=sop_instance_uid,
        laterality="R",
        view=view,
        label="malignant_mass",
        probabilities=dict(zip(CLASSES, (0.1, 0.1, 0.1, 0.1, 0.6), strict=True)),
        findings=(finding,),
    ).model_dump(mode="json")


@dataclass
class Gateway:
    database: Database
    folders: Folders

    def add_study(self, uid: str, **columns: Any) -> int:
        """A study; without further words it is reported in generation 1. Returns its row's id."""
        with self.database.write() as session:
            study = Study(
                **{
                    "study_instance_uid": uid,
                    "patient_id": "PID-4711",
                    "patient_name": "TESTFRAU^ERIKA",
                    "birth_date": date(1960, 2, 29),
                    "study_date": date(2026, 11, 20),
                    "accession_number": "A1",
                    "status": "reported",
                    "generation": 1,
                    "gathering": None,
                    "first_received_at": START,
                    "last_received_at": START,
                    "updated_at": START,
                    **columns,
                }
            )
            session.add(study)
            session.flush()
            return study.id

    def add_instance(self, study_id: int, uid: str, generation: int | None = 1) -> int:
        with self.database.write() as session:
            if session.get(AssociationRecord, "a") is None:
                session.add(
                    AssociationRecord(id="a", receiver="r", channel="dicom", peer_ae_title="M", peer_address="10.0.0.7")
                )
                session.flush()
            instance = an_instance(study_id, uid, "a", generation=generation)
            session.add(instance)
            session.flush()
            return instance.id

    def add_reading(self, study_id: int, instance_id: int, result: dict[str, Any], generation: int = 1) -> None:
        with self.database.write() as session:
            session.add(
                Reading(
                    instance_id=instance_id, study_id=study_id, generation=generation, result=result, model_version="m1"
                )
            )

    def add_report(self, study_id: int, uid: str, generation: int = 1) -> int:
        with self.database.write() as session:
            report = Report(
                study_id=study_id,
                generation=generation,
                kind="mammography_cad_sr",
                dialect="SCT",
                sop_class_uid=SR_CLASS,
                sop_instance_uid=uid,
                series_instance_uid="1.8",
                path=f"reports/{uid}.dcm",
            )
            session.add(report)
            session.flush()
            return report.id

    def add_delivery(self, study_id: int, report_id: int, **columns: Any) -> None:
        with self.database.write() as session:
            session.add(
                Delivery(
                    **{
                        "study_id": study_id,
                        "generation": 1,
                        "destination": "pacs",
                        "report_id": report_id,
                        "first_due_at": START,
                        "next_attempt_at": START,
                        **columns,
                    }
                )
            )

    def add_user(self, name: str, role: Any = "doctor") -> int:
        with self.database.write() as session:
            session.add(User(name=name, role=role, password_hash="$hash"))
            session.flush()
            return session.scalars(select(User.id).where(User.name == name)).one()

    def add(self, *rows: Any) -> None:
        with self.database.write() as session:
            session.add_all(rows)

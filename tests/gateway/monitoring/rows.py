"""Readings of some sources and weeks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from gateway.database.engine import Database
from gateway.database.models import AssociationRecord, Reading, Study
from tests.gateway.instances import an_instance

MODEL = "m1"
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)  # of 2026-W48
_numbers = count(1)


def probabilities(malignant: float) -> dict[str, float]:
    rest = (1 - malignant) / 3
    return {
        "normal": rest,
        "benign_calcification": rest,
        "benign_mass": rest,
        "malignant_calcification": malignant / 4,
        "malignant_mass": malignant * 3 / 4,
    }


def result(score: float | None, failure: str | None) -> dict[str, Any]:
    return {"probabilities": None if score is None else probabilities(score), "findings": [], "failure": failure}


def add_study(
    database: Database,
    *scores: float | None,
    at: datetime = MONDAY,
    channel: str = "dicom",
    peer: str = "XRAY1",
    detector: str | None = "SYNTHETIC PHANTOM 1",
    refusal: str | None = "Saturated",
    model: str = MODEL,
    study_score: float | None = None,
) -> tuple[int, list[int]]:
    """A study of one image a score; None is an image that was refused. Returns the ids of study and instances."""
    number = next(_numbers)
    with database.write() as session:
        association = AssociationRecord(
            id=f"association {number}", receiver="r", channel=channel, peer_ae_title=peer, peer_address="10.0.0.7"
        )
        study = Study(
            study_instance_uid=f"1.2.840.4711.{number}",
            patient_id="PID-4711",
            patient_name="TESTFRAU^ERIKA",
            status="reported",
            generation=1,
            malignancy_score=study_score,
            model_version=model,
        )
        session.add_all([association, study])
        session.flush()
        instances = []
        for place in range(len(scores)):
            uid = f"1.2.840.4711.{number}.{place}"
            instance = an_instance(study.id, uid, association.id, generation=1, received_at=at)
            session.add(instance)
            session.flush()
            instances.append(instance.id)
        for instance_id, score in zip(instances, scores, strict=True):
            failure = None if score is not None else "Something is wrong with it."
            session.add(
                Reading(
                    study_id=study.id,
                    instance_id=instance_id,
                    generation=1,
                    result=result(score, failure),
                    model_version=model,
                    refusal=refusal if failure else None,
                    detector=detector,
                    read_at=at,
                )
            )
        return study.id, instances


def read_again(database: Database, study_id: int, instance_id: int, score: float, at: datetime) -> None:
    """Read an image a second time, in generation 2."""
    with database.write() as session:
        session.add(
            Reading(
                study_id=study_id,
                instance_id=instance_id,
                generation=2,
                result=result(score, None),
                model_version=MODEL,
                detector="SYNTHETIC PHANTOM 1",
                read_at=at,
            )
        )

"""A gateway with what an operator's board and a doctor's feedback are about: failures, quarantine, findings."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from config.loading import load_settings
from gateway.database.account_models import LoginSession, User, UserRole
from gateway.database.columns import now
from gateway.database.models import (
    AssociationRecord,
    DeadLetter,
    Delivery,
    Quarantined,
    Reading,
    Report,
    Study,
    StudyFlag,
)
from gateway.folders import Folders
from gateway.parts import open_parts
from gateway.push.vapid_key import make_vapid_key
from inference.classes import CLASSES
from inference.results import Finding, ViewResult
from reporting.feed.credentials import digest, new_session_id
from tests.gateway.instances import a_report, an_instance
from tests.peers.gateway import Gateway
from tests.peers.ports import wait_until_listening

FOUND, NOTHING_FOUND, FAILED, UNDELIVERED = "1.2.826.1", "1.2.826.2", "1.2.826.3", "1.2.826.4"
FINDING_IMAGE = f"{FOUND}.1"
PATIENT = "Secret^Sophie"


def add_work(gateway: Gateway) -> None:
    """A study with a finding, one without any, one that failed, one whose report nobody took, and a broken file."""
    parts = open_parts(load_settings(environment=gateway.settings))
    with parts.database.write() as session:
        session.add(
            AssociationRecord(
                id="board",
                receiver="r",
                channel="dicom",
                peer_ae_title="XRAY1",
                peer_address="10.0.0.7",
                closed_at=now(),
            )
        )
        studies = {uid: _study(uid) for uid in (FOUND, NOTHING_FOUND, FAILED, UNDELIVERED)}
        session.add_all(studies.values())
        session.flush()
        for uid in (FOUND, NOTHING_FOUND):
            image = an_instance(studies[uid].id, f"{uid}.1", "board", generation=1, laterality="R", view="CC")
            session.add(image)
            session.flush()
            read = _read(f"{uid}.1", found=uid == FOUND)
            session.add(
                Reading(instance_id=image.id, study_id=studies[uid].id, generation=1, result=read, model_version="m1")
            )
        failed = studies[FAILED]
        failed.status, failed.label, failed.malignancy_score = "failed", None, None
        session.add(DeadLetter(study_id=failed.id, generation=1, step="read", reason="The disk was full."))
        session.add(StudyFlag(study_id=failed.id, text="The view L MLO is missing."))
        report = a_report(studies[UNDELIVERED].id, "2.25.4711")
        session.add(report)
        session.flush()
        session.add(_refused(report))
        session.add(
            Quarantined(
                path="quarantine/1",
                reason="The header is unreadable.",
                channel="dicom",
                peer_ae_title="XRAY1",
                peer_address="10.0.0.7",
                announced_sop_instance_uid="1.2.3.4",
            )
        )
    parts.database.engine.dispose()


def start_patiently(gateway: Gateway, *, only: str | None = None, seconds: float = 240) -> None:
    """Start it and wait until it answers, without a process for each look."""
    gateway.start(wait=False, only=only)
    asked = f"{gateway.url}/{'healthz' if only == 'api' else 'readyz'}"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(asked, timeout=5, trust_env=False).is_success and (
                only == "api" or wait_until_listening(gateway.dicom_port, 5)
            ):
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.3)
    pytest.fail(f"the gateway does not answer:\n{gateway.log[-3000:]}", pytrace=False)


def add_person(gateway: Gateway, role: UserRole) -> str:
    """A user of a role, already logged in: returns the session's id. Nothing here is about passwords."""
    secret = new_session_id()
    parts = open_parts(load_settings(environment=gateway.settings))
    with parts.database.write() as session:
        user = session.scalars(select(User).where(User.name == role)).one_or_none()
        if user is None:
            user = User(name=role, role=role, password_hash="none that fits")
            session.add(user)
            session.flush()
        session.add(LoginSession(secret_sha256=digest(secret), user_id=user.id, device="test"))
    parts.database.engine.dispose()
    return secret


def add_push_key(gateway: Gateway) -> None:
    """What `mammogate push key` does, without a process of its own."""
    make_vapid_key(Folders(gateway.data_dir))


def _study(uid: str) -> Study:
    return Study(
        study_instance_uid=uid,
        patient_id="P0815",
        patient_name=PATIENT,
        status="reported",
        generation=1,
        attention="medium",
        label="benign_mass",
        malignancy_score=0.3,
        model_version="m1",
    )


def _refused(report: Report) -> Delivery:
    return Delivery(
        study_id=report.study_id,
        generation=1,
        destination="ghost",
        report_id=report.id,
        status="failed",
        last_error="The association was refused.",
    )


def _read(uid: str, *, found: bool) -> dict[str, Any]:
    outline = ((9.0, 19.0), (11.0, 19.0), (11.0, 21.0), (9.0, 19.0))
    finding = Finding(
        tracking_uid="2.25.1", type="mass", score=0.9, malignancy_score=0.3, center=(10.0, 20.0), outline=outline
    )
    return ViewResult(
        sop_instance_uid=uid,
        laterality="R",
        view="CC",
        label="benign_mass",
        probabilities=dict(zip(CLASSES, (0.1, 0.1, 0.5, 0.1, 0.2), strict=True)),
        findings=(finding,) if found else (),
    ).model_dump(mode="json")

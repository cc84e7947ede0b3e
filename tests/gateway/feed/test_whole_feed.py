"""The feed over the gateway's own tables, through HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from gateway.database.account_models import AuditEntry, LoginSession, User
from gateway.database.columns import now
from gateway.feed.accounts import Accounts
from gateway.feed.images import Images
from gateway.feed.operations import Operations
from gateway.feed.readiness import Readiness, database_check
from gateway.feed.studies import Studies
from gateway.monitoring.prometheus import PrometheusText
from gateway.workflow.events import append
from gateway.workflow.retrying import UnknownStudy
from reporting.feed.app import create_feed
from reporting.feed.credentials import Passwords
from reporting.feed.settings import FeedSettings
from tests.gateway.feed.rows import Gateway, a_reading, minutes

PASSWORD = "correct horse battery"


def nothing_failed(uid: str) -> int:
    if uid != "1.0":
        raise UnknownStudy(uid)
    return 0


def nothing_is_known(uid: str, destination: str) -> int:
    raise UnknownStudy(uid)


@pytest.fixture
def app(gateway: Gateway) -> FastAPI:
    passwords = Passwords()
    for role in ("doctor", "operator"):
        gateway.add_user(role, role)
        with gateway.database.write() as session:
            session.execute(update(User).where(User.name == role).values(password_hash=passwords.hash(PASSWORD)))
    return create_feed(
        studies=Studies(gateway.database, gateway.folders),
        accounts=Accounts(gateway.database),
        operations=Operations(gateway.database, [], nothing_failed, nothing_is_known, lambda name: (True, name)),
        readiness=Readiness({"database": database_check(gateway.database)}),
        metrics=PrometheusText(gateway.database, None),
        images=Images(gateway.database, gateway.folders),
        settings=FeedSettings(event_poll=timedelta(milliseconds=10)),
        passwords=passwords,
    )


def talk(app: FastAPI, name: str, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
    """Log in and send the requests, one after the other."""

    async def conversation() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("10.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="https://feed.example") as client:
            login = await client.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD})
            assert login.status_code == 200, login.text
            return [await client.request(method, path, json=body) for method, path, body in requests]

    return asyncio.run(conversation())


def test_a_doctor_reads_the_list_a_study_and_its_report_and_leaves_a_trail(gateway: Gateway, app: FastAPI) -> None:
    for number in range(5):
        study_id = gateway.add_study(f"1.{number}", attention="high", first_received_at=minutes(number))
        instance_id = gateway.add_instance(study_id, f"1.{number}.1")
        gateway.add_reading(study_id, instance_id, a_reading(f"1.{number}.1"))
    gateway.add_report(study_id, "2.25.7")
    file = gateway.folders.root / "reports/2.25.7.dcm"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"DICM")
    with gateway.database.write() as session:
        append(session, "study_reported", "1.4", {})
    first, study, report = talk(
        app,
        "doctor",
        ("GET", "/api/v1/studies?limit=3", None),
        ("GET", "/api/v1/studies/1.4", None),
        ("GET", "/api/v1/studies/1.4/reports/2.25.7", None),
    )
    (second,) = talk(app, "doctor", ("GET", f"/api/v1/studies?limit=3&cursor={first.json()['next']}", None))
    pages = [[item["study_instance_uid"] for item in page.json()["items"]] for page in (first, second)]
    assert pages == [["1.4", "1.3", "1.2"], ["1.1", "1.0"]]
    assert second.json()["next"] is None
    assert first.headers["mammogate-last-event-id"] == "1"
    assert study.json()["views"][0]["label"] == "malignant_mass"
    assert sum(study.json()["views"][0]["probabilities"].values()) == pytest.approx(1)
    assert report.content == b"DICM"
    with gateway.database.read() as session:
        trail = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.actor, entry.action, entry.study_instance_uid) for entry in trail] == [
        ("doctor", "login", None),
        ("doctor", "study_viewed", "1.4"),
        ("doctor", "report_downloaded", "1.4"),
        ("doctor", "login", None),
    ]


def test_an_operator_sees_the_work_and_no_patients(gateway: Gateway, app: FastAPI) -> None:
    gateway.add_study("1.0", status="processing", updated_at=now())
    answers = talk(
        app,
        "operator",
        ("GET", "/api/v1/operations/queue", None),
        ("GET", "/api/v1/operations/dead-letters", None),
        ("GET", "/api/v1/operations/destinations", None),
        ("GET", "/api/v1/operations/quarantine", None),
        ("GET", "/api/v1/operations/flags", None),
        ("POST", "/api/v1/operations/retry", {"study_instance_uid": "1.0"}),
        ("POST", "/api/v1/operations/retry", {"study_instance_uid": "1.9"}),
        ("GET", "/api/v1/studies", None),
    )
    assert [answer.status_code for answer in answers] == [200] * 5 + [409, 404, 403]
    assert answers[0].json()["items"][0]["study_instance_uid"] == "1.0"
    assert "ERIKA" not in "".join(answer.text for answer in answers)


def test_a_session_that_was_ended_in_the_database_is_over(gateway: Gateway, app: FastAPI) -> None:
    async def conversation() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://feed.example") as client:
            await client.post("/api/v1/auth/login", json={"name": "doctor", "password": PASSWORD})
            before = await client.get("/api/v1/auth/me")
            with gateway.database.write() as session:
                session.execute(update(LoginSession).values(ended_at=now()))
            return [before.status_code, (await client.get("/api/v1/auth/me")).status_code]

    assert asyncio.run(conversation()) == [200, 401]

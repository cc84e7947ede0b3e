"""Feedback through HTTP over the gateway's own tables: append-only, once for each key, audited without the comment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import func, select

from gateway.cli.doctor_scores import agreement as told_by_doctor
from gateway.database.feedback_models import FeedbackRow
from gateway.feed.feedback import FeedbackRows
from gateway.forgetting import forget_study
from gateway.monitoring.agreement import agreement, verdicts_by_week
from gateway.workflow.jobs import Jobs
from reporting.feed.feedback_routes import build_feedback_router
from reporting.feed.feedback_schemas import NewFeedback
from reporting.feed.feedback_store import Sender
from tests.gateway.feed.rows import Gateway, a_reading
from tests.gateway.feed.served import served, someone, trail
from tests.reporting.feed.world import Browser

STUDY, IMAGE, FINDING = "1.2.3", "1.2.3.1", "2.25.1"
PATH = f"/api/v1/studies/{STUDY}/feedback"
ON_FINDING = {"verdict": "disagree", "sop_instance_uid": IMAGE, "tracking_uid": FINDING}
COMMENT = "A skin fold of Erika's, not a mass"


@pytest.fixture
def app(gateway: Gateway) -> FastAPI:
    study_id = gateway.add_study(STUDY, label="malignant_mass", model_version="m1")
    gateway.add_reading(study_id, gateway.add_instance(study_id, IMAGE), a_reading(IMAGE))
    return served(gateway, [build_feedback_router(FeedbackRows(gateway.database))])


@pytest.fixture
def doctor(gateway: Gateway, app: FastAPI) -> Browser:
    return someone(gateway, app, "doctor")


def give(who: Browser, key: str, path: str = PATH, **body: Any) -> httpx.Response:
    return who.post(path, json=body, headers={"Idempotency-Key": key})


def test_what_was_said_stands_with_its_author_beside_the_finding(
    gateway: Gateway, app: FastAPI, doctor: Browser
) -> None:
    given_first = give(doctor, "key-0001", **ON_FINDING, comment=COMMENT)
    assert given_first.status_code == 201
    radiologist = someone(gateway, app, "rita", "radiologist")
    assert give(radiologist, "key-0001", verdict="agree").status_code == 201
    items = radiologist.get(PATH).json()["items"]
    assert items[0] == given_first.json()
    told = [(i["author"], i["role"], i["verdict"], i["comment"], i["tracking_uid"], i["model_version"]) for i in items]
    assert told == [
        ("doctor", "doctor", "disagree", COMMENT, FINDING, "m1"),
        ("rita", "radiologist", "agree", "", None, "m1"),
    ]


def test_a_request_that_is_repeated_is_kept_once(gateway: Gateway, app: FastAPI, doctor: Browser) -> None:
    first, again = (give(doctor, "key-0001", **ON_FINDING, comment=COMMENT) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(doctor.get(PATH).json()["items"]) == 1
    assert [action for _, action, _, _ in trail(gateway)].count("feedback") == 1


def test_a_key_that_was_used_for_something_else_is_refused(doctor: Browser) -> None:
    give(doctor, "key-0001", **ON_FINDING)
    answers = [
        give(doctor, "key-0001", **{**ON_FINDING, "verdict": "agree"}),
        give(doctor, "key-0001", verdict="disagree"),
        give(doctor, "key-0001", "/api/v1/studies/9.9/feedback", **ON_FINDING),
    ]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(422, "key_used")] * 3


def test_many_at_once_under_one_key_leave_one(gateway: Gateway, app: FastAPI) -> None:
    store = FeedbackRows(gateway.database)
    sender = Sender("anna", "doctor", datetime.now(UTC), "key-0001")
    with ThreadPoolExecutor(8) as pool:
        ids = {one.id for one in pool.map(lambda _: store.add(STUDY, NewFeedback(verdict="agree"), sender), range(16))}
    assert len(ids) == 1
    assert len(store.history(STUDY)) == 1


def test_a_change_of_mind_is_another_row_and_takes_nothing_away(doctor: Browser) -> None:
    for number, verdict in enumerate(("agree", "unsure", "disagree")):
        give(doctor, f"key-000{number}", **{**ON_FINDING, "verdict": verdict})
    assert [item["verdict"] for item in doctor.get(PATH).json()["items"]] == ["agree", "unsure", "disagree"]
    for method in ("PUT", "PATCH", "DELETE"):
        assert doctor.request(method, PATH, json={}).status_code == 405


def test_feedback_changes_nothing_of_the_study(gateway: Gateway, doctor: Browser) -> None:
    before = doctor.get(f"/api/v1/studies/{STUDY}").json()
    give(doctor, "key-0001", **ON_FINDING)
    assert doctor.get(f"/api/v1/studies/{STUDY}").json() == before


def test_the_trail_says_who_said_what_and_never_the_comment(gateway: Gateway, doctor: Browser) -> None:
    give(doctor, "key-0001", **ON_FINDING, comment=COMMENT)
    give(doctor, "key-0002", verdict="agree")
    doctor.get(PATH)
    assert trail(gateway) == [
        ("doctor", "feedback", STUDY, f"disagree: {FINDING}"),
        ("doctor", "feedback", STUDY, "agree: study"),
        ("doctor", "feedback_viewed", STUDY, None),
    ]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/v1/studies/9.9/feedback", {"verdict": "agree"}, 404, "unknown_study"),
        (PATH, {**ON_FINDING, "tracking_uid": "2.25.2"}, 404, "unknown_finding"),
        (PATH, {**ON_FINDING, "sop_instance_uid": "1.2.3.2"}, 404, "unknown_finding"),
        (PATH, {"verdict": "agree", "tracking_uid": FINDING}, 400, "invalid_request"),
        (PATH, {"verdict": "sign_off"}, 400, "invalid_request"),
        (PATH, {"verdict": "agree", "comment": "x" * 2001}, 400, "invalid_request"),
        (PATH, {"verdict": "agree", "comment": "a\0b"}, 400, "invalid_request"),
        ("/api/v1/studies/1.7/feedback", {"verdict": "agree"}, 409, "not_read"),
    ],
)
def test_what_is_about_nothing_is_refused_in_words(
    gateway: Gateway, doctor: Browser, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    gateway.add_study("1.7", status="queued", label=None)
    answer = give(doctor, "key-0001", path, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    with gateway.database.read() as session:
        assert session.scalar(select(func.count()).select_from(FeedbackRow)) == 0


def test_it_needs_a_key_and_the_right_to_read_studies(gateway: Gateway, app: FastAPI, doctor: Browser) -> None:
    assert doctor.post(PATH, json={"verdict": "agree"}).status_code == 400
    assert give(doctor, "short", verdict="agree").status_code == 400
    for role in ("operator", "uploader"):
        other = someone(gateway, app, role)
        assert give(other, "key-0001", verdict="agree").status_code == 403
        assert other.get(PATH).status_code == 403
    assert Browser(app).get(PATH).status_code == 401


@given(comment=st.text(max_size=50))
def test_a_comment_is_kept_as_it_was_typed_or_refused(comment: str) -> None:
    try:
        kept = NewFeedback(verdict="agree", comment=comment).comment
    except ValidationError:
        assert "\0" in comment
    else:
        assert kept == comment


def test_a_person_counts_once_for_each_finding_with_their_last_word(gateway: Gateway, app: FastAPI) -> None:
    store = FeedbackRows(gateway.database)
    monday = datetime(2026, 11, 23, 8, tzinfo=UTC)
    on_finding = NewFeedback.model_validate({**ON_FINDING, "verdict": "agree"})
    for number in range(24):
        store.add(STUDY, on_finding, Sender(f"reader {number}", "doctor", monday, "key-0001"))
    for number in range(6):
        changed = on_finding.model_copy(update={"verdict": "disagree"})
        sender = Sender(f"reader {number}", "doctor", monday + timedelta(hours=1), "key-0002")
        store.add(STUDY, changed, sender)
    store.add(STUDY, NewFeedback(verdict="unsure"), Sender("late", "doctor", monday + timedelta(days=7), "key-0001"))
    with gateway.database.read() as session:
        weeks = verdicts_by_week(session, monday - timedelta(days=1))
        assert verdicts_by_week(session, monday + timedelta(days=8)) == {}
    assert weeks == {("m1", "2026-W48"): {"agree": 18, "disagree": 6}, ("m1", "2026-W49"): {"unsure": 1}}
    assert agreement(weeks["m1", "2026-W48"]) == 0.75
    assert agreement(weeks["m1", "2026-W49"]) is None


def test_doctor_tells_who_agrees_by_version(gateway: Gateway, app: FastAPI, doctor: Browser) -> None:
    give(doctor, "key-0001", **{**ON_FINDING, "verdict": "agree"})
    give(doctor, "key-0002", verdict="unsure")
    ((name, state, told),) = told_by_doctor(gateway.database)
    assert (name, state) == ("agreement with model m1", "ok")
    assert told.startswith("1 agree, 0 disagree, 1 unsure: too few to tell")


def test_forgetting_a_study_erases_what_was_said_of_it(gateway: Gateway, app: FastAPI, doctor: Browser) -> None:
    give(doctor, "key-0001", **ON_FINDING, comment=COMMENT)
    database_file = Path(str(gateway.database.engine.url.database))
    assert _holds(database_file.parent, COMMENT)
    forget_study(gateway.database, gateway.folders, Jobs(gateway.database), STUDY, "test")
    with gateway.database.read() as session:
        assert session.scalar(select(func.count()).select_from(FeedbackRow)) == 0
    assert not _holds(database_file.parent, COMMENT)


def _holds(folder: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())

"""What operators see, health, errors, headers."""

from __future__ import annotations

import base64

import pytest

from reporting.feed.headers import API_HEADERS
from reporting.feed.stores import StoreUnavailableError
from tests.reporting.feed.fakes import PATIENT_ID, PATIENT_NAME, START, a_study
from tests.reporting.feed.world import World

OPERATIONS = "/api/v1/operations"
LISTS = ["queue", "dead-letters", "destinations", "quarantine", "flags"]


def test_operators_never_see_who_the_patient_is(world: World) -> None:
    operator = world.logged_in("operator")
    answers = [operator.get(f"{OPERATIONS}/{name}") for name in LISTS]
    answers += [operator.post(f"{OPERATIONS}/retry", json={"study_instance_uid": uid}) for uid in ("1.2.3", "9.9")]
    answers += [operator.get(path) for path in ("/api/v1/studies", "/api/v1/studies/1.2.3", "/api/v1/events")]
    for answer in answers:
        for secret in (PATIENT_ID, PATIENT_NAME, "ERIKA", "1960-02-29"):
            assert secret not in answer.text + repr(answer.headers)


def test_no_answer_for_operators_has_a_field_for_patient_data(world: World) -> None:
    schemas = world.app.openapi()["components"]["schemas"]
    for name in ("QueuedWork", "DeadLetter", "DestinationState", "QuarantinedFile", "FlaggedStudy", "RetryAnswer"):
        assert not {"patient", "patient_id", "patient_name", "birth_date"} & set(schemas[name]["properties"])


@pytest.mark.parametrize("name", LISTS)
def test_each_list_has_items_and_how_many_there_are_in_all(world: World, name: str) -> None:
    answer = world.logged_in("operator").get(f"{OPERATIONS}/{name}").json()
    assert list(answer) == ["items", "total"]
    assert answer["total"] == len(answer["items"]) == 1


def test_a_list_is_cut_at_its_limit_and_says_so(world: World) -> None:
    world.studies.add(a_study("1.2.4"), START)
    answer = world.logged_in("admin").get(f"{OPERATIONS}/queue?limit=1").json()
    assert (len(answer["items"]), answer["total"]) == (1, 2)
    assert world.logged_in("admin").get(f"{OPERATIONS}/queue?limit=1001").status_code == 400


def test_a_retry_starts_again_what_has_failed_and_is_audited(world: World) -> None:
    operator = world.logged_in("operator")
    answer = operator.post(f"{OPERATIONS}/retry", json={"study_instance_uid": "1.2.3"})
    assert answer.json() == {"study_instance_uid": "1.2.3", "restarted": 1}
    assert world.operations.retried == ["1.2.3"]
    assert [(e.action, e.user, e.study_instance_uid) for e in world.accounts.trail] == [("retry", "operator", "1.2.3")]


def test_a_retry_says_when_there_is_nothing_to_retry_or_no_such_study(world: World) -> None:
    operator = world.logged_in("operator")
    world.operations.failed.clear()
    answers = [operator.post(f"{OPERATIONS}/retry", json={"study_instance_uid": uid}) for uid in ("1.2.3", "9.9", "x")]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [
        (409, "nothing_to_retry"),
        (404, "unknown_study"),
        (400, "invalid_request"),
    ]


def test_a_study_is_sent_to_a_destination_once_more_and_that_is_audited(world: World) -> None:
    operator = world.logged_in("operator")
    answers = [
        operator.post(f"{OPERATIONS}/resend", json={"study_instance_uid": uid, "destination": name})
        for uid, name in (("1.2.3", "pacs"), ("1.2.3", "pacs"), ("9.9", "pacs"), ("1.2.3", "elsewhere"), ("1.2.3", ""))
    ]
    assert answers[0].json() == {"study_instance_uid": "1.2.3", "destination": "pacs", "objects": 4}
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers[1:]] == [
        (409, "nothing_to_resend"),
        (404, "unknown_study"),
        (404, "unknown_destination"),
        (400, "invalid_request"),
    ]
    first = world.accounts.trail[0]
    assert (first.action, first.user, first.study_instance_uid, first.detail) == (
        "resend",
        "operator",
        "1.2.3",
        "pacs",
    )


def test_a_destination_is_asked_whether_it_answers(world: World) -> None:
    operator = world.logged_in("operator")
    known = operator.post(f"{OPERATIONS}/check-destination", json={"destination": "pacs"})
    assert known.json() == {"destination": "pacs", "ok": False, "detail": "Connection refused."}
    unknown = operator.post(f"{OPERATIONS}/check-destination", json={"destination": "10.0.0.1"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_destination")
    for path in ("resend", "check-destination"):
        assert world.logged_in("doctor").post(f"{OPERATIONS}/{path}", json={}).status_code == 403


def test_a_page_that_asks_by_itself_does_not_keep_its_session_alive(world: World) -> None:
    operator = world.logged_in("operator")
    alive = []
    for _ in range(4):
        world.clock.advance(minutes=10)
        alive.append(operator.get(f"{OPERATIONS}/queue", headers={"Mammogate-Background": "1"}).status_code)
    assert alive == [200, 200, 401, 401]
    somebody = world.logged_in("operator")
    for _ in range(4):
        world.clock.advance(minutes=10)
        assert somebody.get(f"{OPERATIONS}/queue").status_code == 200


def test_health_and_readiness_need_no_login(world: World) -> None:
    stranger = world.stranger()
    assert stranger.get("/healthz").json() == {"alive": True}
    ready = stranger.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "dependencies": [{"name": "database", "ok": True, "detail": ""}]}


def test_a_missing_dependency_makes_the_gateway_not_ready_but_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.readiness.database_ok = False
    assert world.stranger().get("/readyz").status_code == 503
    assert world.stranger().get("/readyz").json()["ready"] is False
    assert world.stranger().get("/healthz").status_code == 200

    def away() -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.readiness, "check", away)
    assert world.stranger().get("/readyz").status_code == 503
    assert world.stranger().get("/readyz").json()["ready"] is False


def test_a_store_that_is_away_makes_503_in_the_shape_of_every_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = world.logged_in("doctor")
    world.studies.away = True
    answers = [doctor.get(path) for path in ("/api/v1/studies", "/api/v1/studies/1.2.3", "/api/v1/events")]

    def away(digest: str) -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.accounts, "session", away)
    answers.append(doctor.get("/api/v1/auth/me"))
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(503, "unavailable")] * 4


def test_an_answer_that_cannot_be_audited_is_not_given(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(entry: object) -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.accounts, "audit", away)
    answer = world.logged_in("doctor").get("/api/v1/studies/1.2.3")
    assert answer.status_code == 503
    assert PATIENT_NAME not in answer.text


def test_an_error_of_ours_says_nothing_about_its_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(uid: str) -> None:
        raise RuntimeError(f"no such column for {PATIENT_NAME}")

    monkeypatch.setattr(world.studies, "study", broken)
    answer = world.logged_in("doctor").get("/api/v1/studies/1.2.3")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert PATIENT_NAME not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_wrong_method_gets_the_shape_of_every_error(world: World) -> None:
    answer = world.logged_in("doctor").request("DELETE", "/api/v1/studies")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_every_answer_carries_the_headers_that_keep_it_out_of_caches_and_frames(world: World) -> None:
    doctor = world.logged_in("doctor")
    answers = [
        world.stranger().get("/api/v1/studies"),
        world.stranger().get("/healthz"),
        doctor.get("/api/v1/studies"),
        doctor.get("/api/v1/studies/1.2.3/reports/1.2.3.2"),
        doctor.get("/api/v1/operations/queue"),
        doctor.get("/nothing"),
        doctor.get("/api/v1/studies?limit=0"),
    ]
    for answer in answers:
        for name, value in API_HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["cache-control"] == "no-store"


def test_the_description_says_what_this_is_not_and_is_for_users_only(world: World) -> None:
    description = world.logged_in("uploader").get("/api/v1/openapi.json").json()["info"]
    assert "Research use only, not a medical device" in description["description"]
    assert description["version"] == "1.2.3"
    assert world.stranger().get("/api/v1/openapi.json").status_code == 401


def test_the_description_announces_the_answers_that_are_given(world: World) -> None:
    paths = world.app.openapi()["paths"]
    ready = paths["/readyz"]["get"]["responses"]
    assert ready["503"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Ready"}
    for operations in paths.values():
        for operation in operations.values():
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}
    assert "HTTPValidationError" not in world.app.openapi()["components"]["schemas"]


def test_a_nul_that_no_database_can_keep_is_refused_before_it_gets_there(world: World) -> None:
    """PostgreSQL takes no NUL in a text, and answers it with an error of its own."""
    doctor = world.logged_in("doctor")
    cursor = base64.urlsafe_b64encode(b'[0,0,"1.2\\u0000"]').decode()
    assert doctor.get(f"/api/v1/studies?cursor={cursor}").json()["error"]["code"] == "invalid_cursor"
    answers = [
        doctor.get("/api/v1/studies/1.2%00.3"),
        doctor.get("/api/v1/studies/1.2.3/reports/%00"),
        world.stranger().post("/api/v1/auth/login", json={"name": "doc\0tor", "password": "correct horse battery"}),
    ]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(400, "invalid_request")] * 3

"""The reading list, a study, its reports."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reporting.feed.schemas import ATTENTION_ORDER
from tests.reporting.feed.fakes import PATIENT_ID, PATIENT_NAME, START, a_study
from tests.reporting.feed.world import World

STUDIES = "/api/v1/studies"


def test_a_study_has_exactly_the_fields_of_the_interface_in_their_order(world: World) -> None:
    study = world.logged_in("doctor").get(f"{STUDIES}/1.2.3").json()
    assert list(study) == [
        "study_instance_uid",
        "patient",
        "study_date",
        "accession_number",
        "status",
        "generation",
        "flags",
        "attention",
        "label",
        "malignancy_score",
        "model_version",
        "views",
        "reports",
    ]
    assert study["patient"] == {"id": PATIENT_ID, "name": PATIENT_NAME, "birth_date": "1960-02-29"}
    assert study["study_date"] == "2026-11-20"
    view = study["views"][0]
    assert list(view) == ["sop_instance_uid", "laterality", "view", "label", "probabilities", "findings", "failure"]
    assert list(view["probabilities"]) == [
        "normal",
        "benign_calcification",
        "benign_mass",
        "malignant_calcification",
        "malignant_mass",
    ]
    finding = view["findings"][0]
    assert list(finding) == ["tracking_uid", "type", "score", "malignancy_score", "center", "outline"]
    assert finding["outline"][0] == finding["outline"][-1] == [9.0, 19.0]
    report = study["reports"][0]
    assert list(report) == [
        "kind",
        "sop_instance_uid",
        "sop_class_uid",
        "generation",
        "source_sop_instance_uid",
        "deliveries",
    ]
    assert report["deliveries"] == [{"destination": "pacs", "status": "waiting", "attempts": 0, "last_error": None}]


def test_the_list_holds_whole_studies_and_says_where_live_events_go_on(world: World) -> None:
    world.studies.happen()
    answer = world.logged_in("doctor").get(STUDIES)
    assert answer.json() == {
        "items": [world.logged_in("doctor").get(f"{STUDIES}/1.2.3").json()],
        "next": None,
    }
    assert answer.headers["mammogate-last-event-id"] == "1"


def test_the_list_puts_attention_first_and_the_newest_next(world: World) -> None:
    for number, attention in enumerate(ATTENTION_ORDER * 2):
        world.studies.add(a_study(f"1.{number}", attention), START + timedelta(minutes=number))
    items = world.logged_in("doctor").get(STUDIES).json()["items"]
    assert [item["study_instance_uid"] for item in items] == [
        "1.4", "1.0", "1.2.3", "1.5", "1.1", "1.6", "1.2", "1.7", "1.3",
    ]  # fmt: skip


def test_the_list_can_be_narrowed_by_attention_and_time(world: World) -> None:
    world.studies.add(a_study("1.1", "medium"), START + timedelta(hours=1))
    world.studies.add(a_study("1.2", "low"), START + timedelta(hours=2))
    doctor = world.logged_in("doctor")

    def uids(query: str) -> list[str]:
        return [item["study_instance_uid"] for item in doctor.get(f"{STUDIES}?{query}").json()["items"]]

    assert uids("attention=medium") == ["1.1"]
    assert uids("attention=low,high") == ["1.2.3", "1.2"]
    for since in (
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:00:00",
        "2026-11-23T10:00:00%2B01:00",
        "2026-11-23T10:00:00+01:00",
    ):
        assert uids(f"since={since}") == ["1.1", "1.2"], since
    assert uids("since=2026-11-24") == []


def test_who_has_the_list_already_gets_304_until_something_changes(world: World) -> None:
    doctor = world.logged_in("doctor")
    for path in (STUDIES, f"{STUDIES}/1.2.3"):
        tag = doctor.get(path).headers["etag"]
        again = doctor.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    tag = doctor.get(STUDIES).headers["etag"]
    world.studies.add(a_study("1.2.4"), START)
    changed = doctor.get(STUDIES, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_a_report_comes_as_a_dicom_file(world: World) -> None:
    answer = world.logged_in("radiologist").get(f"{STUDIES}/1.2.3/reports/1.2.3.2")
    assert answer.content == b"DICM"
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["content-disposition"] == 'attachment; filename="1.2.3.2.dcm"'
    assert answer.headers["cache-control"] == "no-store"


def test_a_report_whose_file_is_gone_is_our_failure(world: World) -> None:
    (world.studies.files / "1.2.3.2.dcm").unlink()
    answer = world.logged_in("doctor").get(f"{STUDIES}/1.2.3/reports/1.2.3.2")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "report_file_missing")


def test_who_has_seen_which_study_is_audited(world: World) -> None:
    doctor = world.logged_in("doctor")
    doctor.get(f"{STUDIES}/1.2.3")
    doctor.get(f"{STUDIES}/1.2.3/reports/1.2.3.2")
    doctor.get(f"{STUDIES}/9.9.9")
    assert [(e.action, e.user, e.study_instance_uid, e.detail) for e in world.accounts.trail] == [
        ("study_viewed", "doctor", "1.2.3", ""),
        ("report_downloaded", "doctor", "1.2.3", "1.2.3.2"),
    ]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{STUDIES}/9.9.9", "unknown_study"),
        (f"{STUDIES}/1.2.3/reports/9.9", "unknown_report"),
        (f"{STUDIES}/9.9.9/reports/1.2.3.2", "unknown_report"),
        (f"{STUDIES}/..%2f..%2fetc%2fpasswd", "unknown_path"),
    ],
)
def test_what_is_not_there_is_not_found(world: World, path: str, code: str) -> None:
    answer = world.logged_in("doctor").get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=many", "invalid_request"),
        ("since=yesterday", "invalid_since"),
        ("since=0001-01-01T00:00:00%2B10:00", "invalid_since"),
        ("attention=urgent", "invalid_attention"),
        ("attention=high,", "invalid_attention"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=%C3%A4", "invalid_cursor"),
        ("cursor=" + "W" * 201, "invalid_request"),
        ("cursor=bnVsbA", "invalid_cursor"),  # null
        ("cursor=WzAsMSwyXQ", "invalid_cursor"),  # [0,1,2]
        ("cursor=Wy0xLDEsIngiXQ", "invalid_cursor"),  # [-1,1,"x"]
        ("cursor=WzksMSwieCJd", "invalid_cursor"),  # [9,1,"x"]
        ("cursor=W3RydWUsMSwieCJd", "invalid_cursor"),  # [true,1,"x"]
        ("cursor=WzAsOTk5OTk5OTk5OTk5OTk5OTk5OTk5LCJ4Il0", "invalid_cursor"),  # a time after the end of time
    ],
)
def test_a_wrong_parameter_is_named_in_the_shape_of_every_error(world: World, query: str, code: str) -> None:
    answer = world.logged_in("doctor").get(f"{STUDIES}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert list(answer.json()["error"]) == ["code", "message"]
    assert answer.json()["error"]["code"] == code

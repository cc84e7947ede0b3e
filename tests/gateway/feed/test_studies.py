"""The reading list, a study and live events out of the gateway's tables."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.database.models import FeedEvent, Instance, Study, StudyFlag
from gateway.feed.studies import Studies
from gateway.workflow.events import append
from reporting.feed.schemas import ATTENTION_ORDER
from reporting.feed.stores import EventSpan, Position, StudyQuery
from tests.gateway.feed.rows import SR_CLASS, START, Gateway, a_reading, minutes


def feed(gateway: Gateway) -> Studies:
    return Studies(gateway.database, gateway.folders)


def uids(gateway: Gateway, query: StudyQuery) -> list[str]:
    return [one.study.study_instance_uid for one in feed(gateway).studies(query)]


def test_a_reported_study_is_shown_with_its_views_reports_and_deliveries(gateway: Gateway) -> None:
    study_id = gateway.add_study(
        "1.2.3", attention="high", label="malignant_mass", malignancy_score=0.75, model_version="m1"
    )
    for number, view in enumerate(("CC", "MLO"), start=1):
        instance_id = gateway.add_instance(study_id, f"1.2.3.{number}")
        gateway.add_reading(study_id, instance_id, a_reading(f"1.2.3.{number}", view))
    gateway.add(StudyFlag(study_id=study_id, text="L CC is missing."))
    report_id = gateway.add_report(study_id, "2.25.7")
    gateway.add_delivery(study_id, report_id, status="failed", attempts=3, last_error="refused")
    gateway.add_delivery(study_id, report_id, action="withdraw")
    study = feed(gateway).study("1.2.3")
    assert study is not None
    assert (study.patient.id, study.patient.name, study.patient.birth_date) == (
        "PID-4711",
        "TESTFRAU^ERIKA",
        date(1960, 2, 29),
    )
    assert (study.status, study.generation, study.flags) == ("reported", 1, ("L CC is missing.",))
    assert (study.attention, study.label, study.malignancy_score, study.model_version) == (
        "high",
        "malignant_mass",
        0.75,
        "m1",
    )
    assert [view.view for view in study.views] == ["CC", "MLO"]
    assert study.views[0].findings[0].center == (10.5, 20.5)
    assert [report.model_dump() for report in study.reports] == [
        {
            "kind": "mammography_cad_sr",
            "sop_instance_uid": "2.25.7",
            "sop_class_uid": SR_CLASS,
            "generation": 1,
            "source_sop_instance_uid": None,
            "deliveries": ({"destination": "pacs", "status": "failed", "attempts": 3, "last_error": "refused"},),
        }
    ]


def test_a_study_that_is_still_being_received_is_in_its_first_generation(gateway: Gateway) -> None:
    gateway.add_study("1.2.3", status="receiving", generation=0, gathering=1)
    study = feed(gateway).study("1.2.3")
    assert study is not None
    assert (study.status, study.generation, study.attention, study.label, study.views) == (
        "receiving",
        1,
        "none",
        None,
        (),
    )


def test_a_study_without_any_mammogram_is_not_in_the_reading_list(gateway: Gateway) -> None:
    gateway.add_study("1.2.3", status="receiving", generation=0, gathering=None)
    assert uids(gateway, StudyQuery(limit=9)) == []
    assert feed(gateway).study("1.2.3") is not None


def test_while_a_later_generation_is_read_the_views_stay_those_that_the_reports_are_of(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.2.3", status="processing", generation=2)
    first, second = (gateway.add_instance(study_id, uid, g) for uid, g in (("1.2.3.1", 1), ("1.2.3.2", 2)))
    gateway.add_reading(study_id, first, a_reading("1.2.3.1"), 1)
    gateway.add_reading(study_id, first, a_reading("1.2.3.1"), 2)
    gateway.add_reading(study_id, second, a_reading("1.2.3.2", "MLO"), 2)
    gateway.add_report(study_id, "2.25.7", 1)

    def shown() -> list[str]:
        study = feed(gateway).study("1.2.3")
        assert study is not None
        return [view.sop_instance_uid for view in study.views]

    assert shown() == ["1.2.3.1"]
    with gateway.database.write() as session:
        session.get_one(Study, study_id).status = "reported"
    assert shown() == ["1.2.3.1", "1.2.3.2"]


def test_a_study_that_failed_shows_what_was_read_and_what_was_not(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.2.3", status="failed")
    instance_id = gateway.add_instance(study_id, "1.2.3.1")
    gateway.add_reading(study_id, instance_id, a_reading("1.2.3.1", failure="The pixels could not be decoded."))
    study = feed(gateway).study("1.2.3")
    assert study is not None
    assert [(view.label, view.probabilities, view.failure) for view in study.views] == [
        (None, None, "The pixels could not be decoded.")
    ]


def test_the_list_is_in_order_and_pages_go_on_behind_a_position(gateway: Gateway) -> None:
    expected = []
    for rank, attention in enumerate(ATTENTION_ORDER):
        for micros in (0, 1, 1, 2):  # two share a time, so that the UID decides
            uid = f"1.{rank}.{len(expected)}"
            arrived = START + timedelta(microseconds=micros)
            gateway.add_study(uid, attention=attention, first_received_at=arrived)
            expected.append((rank, -micros, uid))
    expected.sort()
    for size in (1, 3, 5, 16):
        visited: list[str] = []
        after: Position | None = None
        while page := feed(gateway).studies(StudyQuery(limit=size, after=after)):
            assert len(page) <= size
            visited += [one.study.study_instance_uid for one in page]
            after = page[-1].position
        assert visited == [uid for _, _, uid in expected]


def test_the_list_can_be_narrowed_by_attention_and_by_the_last_change(gateway: Gateway) -> None:
    gateway.add_study("1.1", attention="high", updated_at=minutes(1))
    gateway.add_study("1.2", attention="low", updated_at=minutes(2))
    gateway.add_study("1.3", attention="none", updated_at=minutes(3))
    assert uids(gateway, StudyQuery(limit=9, attention=frozenset({"low", "high"}))) == ["1.1", "1.2"]
    assert uids(gateway, StudyQuery(limit=9, since=minutes(2))) == ["1.2", "1.3"]
    assert uids(gateway, StudyQuery(limit=9, since=minutes(2), attention=frozenset({"none"}))) == ["1.3"]


def test_a_report_file_is_found_by_its_own_study_only(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.2.3")
    gateway.add_study("1.2.4")
    gateway.add_report(study_id, "2.25.7")
    assert feed(gateway).report_file("1.2.3", "2.25.7") == gateway.folders.root / "reports/2.25.7.dcm"
    assert feed(gateway).report_file("1.2.4", "2.25.7") is None
    assert feed(gateway).report_file("1.2.3", "2.25.8") is None


def test_events_come_in_order_behind_the_last_one_heard(gateway: Gateway) -> None:
    studies = feed(gateway)
    assert studies.event_span() == EventSpan(1, 0)
    for number in range(5):
        with gateway.database.write() as session:
            append(session, "study_reported", f"1.{number}", {"status": "reported"})
    assert studies.event_span() == EventSpan(1, 5)
    assert [(event.id, event.study_instance_uid) for event in studies.events_after(2, 2)] == [(3, "1.2"), (4, "1.3")]
    assert studies.events_after(4, 9)[0].data == {"status": "reported"}
    assert studies.events_after(5, 9) == []


def test_events_that_were_erased_with_their_study_do_not_move_the_newest_number_back(gateway: Gateway) -> None:
    with gateway.database.write() as session:
        append(session, "study_reported", "1.2.3", {})
        append(session, "study_reported", "1.2.4", {})
    with gateway.database.write() as session:
        session.delete(session.get_one(FeedEvent, 2))
    assert feed(gateway).event_span() == EventSpan(1, 2)


def test_what_came_and_is_not_read_is_named_once(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.2.3")
    for number in range(2):
        instance_id = gateway.add_instance(study_id, f"1.2.3.{number}")
        with gateway.database.write() as session:
            kept = session.get_one(Instance, instance_id)
            kept.role, kept.role_reason = "kept", "Kept, not read: tomosynthesis."
    study = feed(gateway).study("1.2.3")
    assert study is not None
    assert study.flags == ("Kept, not read: tomosynthesis.",)

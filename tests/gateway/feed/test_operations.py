"""The operators' view of the gateway's tables, retry, readiness."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.database.columns import now
from gateway.database.engine import Database, create_database_engine
from gateway.database.models import DeadLetter, Heartbeat, Quarantined, StudyFlag
from gateway.feed.operations import KnownDestination, Operations
from gateway.feed.readiness import NotReady, Readiness, database_check, disk_check, worker_check
from gateway.workflow.resending import UnknownDestination
from gateway.workflow.retrying import UnknownStudy
from reporting.feed.stores import UnknownDestinationError, UnknownStudyError
from tests.gateway.feed.rows import START, Gateway, minutes


def operations(gateway: Gateway, retry: Callable[[str], int] = len) -> Operations:
    known = [KnownDestination("pacs", "dicom", "PACS@pacs.example:104")]

    def resend(uid: str, destination: str) -> int:
        if destination != "pacs":
            raise UnknownDestination(destination)
        if uid != "1.1":
            raise UnknownStudy(uid)
        return 3

    return Operations(gateway.database, known, retry, resend, lambda name: (False, f"{name} does not answer"))


def test_the_queue_holds_what_is_not_done_the_longest_waiting_first(gateway: Gateway) -> None:
    gateway.add_study("1.1", status="receiving", generation=0, gathering=1, last_received_at=minutes(4))
    gateway.add_study("1.2", status="queued", updated_at=minutes(3))
    processing = gateway.add_study("1.3", status="processing", generation=2, updated_at=minutes(2))
    gateway.add_instance(processing, "1.3.1")
    gateway.add_instance(processing, "1.3.2", 2)
    gateway.add_study("1.4", status="reported", gathering=2, last_received_at=minutes(5))
    delivering = gateway.add_study("1.5")
    for number, minute in ((1, 8), (2, 1)):
        report = gateway.add_report(delivering, f"2.25.{number}")
        gateway.add_delivery(delivering, report, first_due_at=minutes(minute))
    done = gateway.add_study("1.6")
    gateway.add_delivery(done, gateway.add_report(done, "2.25.3"), status="delivered")
    gateway.add_study("1.7", status="failed")
    gateway.add_study("1.8", status="receiving", generation=0)  # no mammogram in it: nobody waits for anything
    listing = operations(gateway).queue(9)
    assert [(w.study_instance_uid, w.state, w.generation, w.since, w.instances) for w in listing.items] == [
        ("1.5", "delivering", 1, minutes(1), 0),
        ("1.3", "processing", 2, minutes(2), 2),
        ("1.2", "queued", 1, minutes(3), 0),
        ("1.1", "receiving", 1, minutes(4), 0),
        ("1.4", "receiving", 2, minutes(5), 0),
    ]
    assert listing.total == 5
    cut = operations(gateway).queue(2)
    assert [w.study_instance_uid for w in cut.items] == ["1.5", "1.3"]
    assert cut.total == 5


def test_dead_letters_are_failed_work_and_failed_deliveries(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.1", status="failed")
    gateway.add(
        DeadLetter(study_id=study_id, generation=1, step="read", reason="Out of memory.", failed_at=minutes(2)),
        DeadLetter(
            study_id=study_id, generation=1, step="read", reason="Old.", failed_at=START, resolved_at=minutes(1)
        ),
    )
    other = gateway.add_study("1.2")
    for number in (1, 2):
        gateway.add_delivery(
            other,
            gateway.add_report(other, f"2.25.{number}"),
            status="failed",
            last_error="The PACS refused it.",
            next_attempt_at=minutes(number),
        )
    gateway.add_delivery(other, gateway.add_report(other, "2.25.3"), status="waiting", last_error="away")
    listing = operations(gateway).dead_letters(9)
    assert [(d.study_instance_uid, d.stage, d.destination, d.reason, d.failed_at) for d in listing.items] == [
        ("1.1", "read", None, "Out of memory.", minutes(2)),
        ("1.2", "deliver", "pacs", "The PACS refused it.", minutes(2)),
    ]
    assert listing.total == 2
    assert len(operations(gateway).dead_letters(1).items) == 1


def test_a_destination_counts_what_it_was_given_and_names_its_last_error(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.1")
    states: list[dict[str, object]] = [
        {"status": "waiting", "last_error": "Older.", "next_attempt_at": minutes(1)},
        {"status": "waiting", "last_error": "Connection refused.", "next_attempt_at": minutes(2)},
        {"status": "failed", "last_error": "Oldest.", "next_attempt_at": minutes(0)},
        {"status": "delivered", "delivered_at": minutes(3)},
        {"status": "delivered", "delivered_at": minutes(1)},
        {"status": "delivered", "delivered_at": minutes(9), "destination": "elsewhere"},
    ]
    for number, state in enumerate(states):
        gateway.add_delivery(study_id, gateway.add_report(study_id, f"2.25.{number}"), **state)
    assert [state.model_dump() for state in operations(gateway).destinations()] == [
        {
            "name": "pacs",
            "kind": "dicom",
            "address": "PACS@pacs.example:104",
            "waiting": 2,
            "delivered": 2,
            "failed": 1,
            "last_success_at": minutes(3),
            "last_error": "Connection refused.",
        }
    ]


def test_quarantine_and_flags_are_listed_oldest_first(gateway: Gateway) -> None:
    for minute in (2, 1):
        gateway.add(
            Quarantined(
                path=f"quarantine/{minute}",
                reason="The header is unreadable.",
                channel="dicom",
                peer_ae_title="MODALITY",
                peer_address="10.0.0.7",
                received_at=minutes(minute),
            )
        )
    first, second = gateway.add_study("1.1"), gateway.add_study("1.2", status="failed")
    gateway.add(
        StudyFlag(study_id=first, text="R CC is missing.", raised_at=minutes(1)),
        StudyFlag(study_id=second, text="Two objects.", raised_at=minutes(2)),
        StudyFlag(study_id=first, text="Late view.", raised_at=minutes(3)),
    )
    board = operations(gateway)
    assert [file.received_at for file in board.quarantine(9).items] == [minutes(1), minutes(2)]
    assert (len(board.quarantine(1).items), board.quarantine(1).total) == (1, 2)
    assert [(f.study_instance_uid, f.status, f.flags, f.flagged_at) for f in board.flags(9).items] == [
        ("1.2", "failed", ("Two objects.",), minutes(2)),
        ("1.1", "reported", ("R CC is missing.", "Late view."), minutes(3)),
    ]
    assert (len(board.flags(1).items), board.flags(1).total) == (1, 2)


def test_nothing_that_operators_see_names_the_patient(gateway: Gateway) -> None:
    study_id = gateway.add_study("1.1", status="failed", gathering=2)
    gateway.add_delivery(study_id, gateway.add_report(study_id, "2.25.1"), status="failed")
    gateway.add(
        DeadLetter(study_id=study_id, generation=1, step="read", reason="Out of memory."),
        StudyFlag(study_id=study_id, text="Late view."),
    )
    board = operations(gateway)
    listings = [board.queue(9), board.dead_letters(9), board.quarantine(9), board.flags(9)]
    shown = json.dumps([[item.model_dump(mode="json") for item in listing.items] for listing in listings])
    assert "1.1" in shown
    for secret in ("PID-4711", "ERIKA", "1960"):
        assert secret not in shown


def test_a_retry_is_passed_on_and_an_unknown_study_is_named(gateway: Gateway) -> None:
    def retry(uid: str) -> int:
        if uid != "1.1":
            raise UnknownStudy(uid)
        return 3

    assert operations(gateway, retry).retry("1.1") == 3
    with pytest.raises(UnknownStudyError):
        operations(gateway, retry).retry("1.2")


def test_a_gateway_with_database_disk_and_worker_is_ready(gateway: Gateway) -> None:
    gateway.folders.create()
    gateway.add(Heartbeat(executor_id="work@gate1", seen_at=now()))
    checks = {
        "database": database_check(gateway.database),
        "disk": disk_check(gateway.folders, 0),
        "worker": worker_check(gateway.database),
    }
    answers = Readiness(checks).check()
    assert [(answer.name, answer.ok) for answer in answers] == [("database", True), ("disk", True), ("worker", True)]


def test_each_missing_thing_is_named_and_the_others_still_answer(gateway: Gateway) -> None:
    gateway.folders.create()
    gateway.add(Heartbeat(executor_id="work@gate1", seen_at=now() - timedelta(minutes=4)))
    gateway.add(Heartbeat(executor_id="receive@gate1", seen_at=now()))
    away = Database(create_database_engine("sqlite:////nowhere/at/all/x.db"))
    checks = {
        "database": database_check(away),
        "disk": disk_check(gateway.folders, 2**60),
        "worker": worker_check(gateway.database),
        "own database": database_check(gateway.database),
    }
    answers = {answer.name: answer for answer in Readiness(checks).check()}
    assert [answer.ok for answer in answers.values()] == [False, False, False, True]
    assert answers["database"].detail == "It does not answer."


def test_a_check_that_hangs_is_not_ready_and_is_not_started_again_beside_itself() -> None:
    let_go = threading.Event()
    started: list[float] = []

    def hanging() -> str:
        started.append(time.monotonic())
        let_go.wait(10)
        raise NotReady("let go")

    readiness = Readiness({"slow": hanging}, timeout=0.05)
    try:
        assert readiness.check()[0].detail == "No answer within 0.05 seconds."
        time.sleep(1.1)  # answers are kept for a second
        assert not readiness.check()[0].ok
        assert len(started) == 1
    finally:
        let_go.set()


def test_resending_counts_what_is_sent_and_says_what_is_unknown(gateway: Gateway) -> None:
    board = operations(gateway)
    assert board.resend("1.1", "pacs") == 3
    with pytest.raises(UnknownStudyError):
        board.resend("1.9", "pacs")
    with pytest.raises(UnknownDestinationError):
        board.resend("1.1", "elsewhere")


def test_only_a_destination_of_the_settings_is_looked_at(gateway: Gateway) -> None:
    health = operations(gateway).check("pacs")
    assert (health.destination, health.ok, health.detail) == ("pacs", False, "pacs does not answer")
    with pytest.raises(UnknownDestinationError):
        operations(gateway).check("169.254.169.254")

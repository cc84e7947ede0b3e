"""Attempts: waiting for the archive, reporting, waiting for the requester, giving up, and being retried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from config.settings import Peer
from dicom_node.commitment_report import NO_SUCH_OBJECT, PROCESSING_FAILURE, RESOURCE_LIMITATION, Verdicts
from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, Outcome, Refused
from dicom_node.storage_commitment import SopReference
from gateway.commitment.address_book import AddressBook
from gateway.commitment.judging import Committed, Judge, Judgement, Lacking, Unsettled
from gateway.commitment.recording import DurableDesk
from gateway.database.columns import now
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.feed.failures import dead_letters
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.workflow.committing import Committing
from gateway.workflow.delivering import Patience
from gateway.workflow.jobs import commit_id
from gateway.workflow.retrying import retry_study
from gateway.workflow.sweeping import Sweep
from tests.gateway.commitment.rows import STUDY_UID, add_instance, commitment, reference, request

BOOK = AddressBook([Peer(ae_title="XRAY1", port=11104)])
PATIENCE = Patience(first_retry=5, longest_retry=60, give_up_after=3600)
ONE, TWO = "1.2.3.1.1", "1.2.3.1.2"
WAITS = Unsettled("not yet", PROCESSING_FAILURE)
LONG_AGO = timedelta(hours=2)


class World(Judge):
    """Judges as it is told, and keeps what was reported."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.database, parts.folders, store_is_archive=True, archives={})
        self.judgements: dict[str, Judgement] = {ONE: Committed(), TWO: Committed()}
        self.outcome: Outcome = Delivered()
        self.reports: list[tuple[DicomDestinationSettings, str, dict[str, int | None]]] = []
        self.committing = Committing(parts.database, parts.jobs, self, BOOK, "GATEWAY", PATIENCE, self.send)
        assert DurableDesk(parts.database, parts.jobs, BOOK).record(request(ONE, TWO)).value == 0

    def judge(self, references: Sequence[SopReference]) -> dict[SopReference, Judgement]:
        return {item: self.judgements[item.sop_instance_uid] for item in references}

    def send(self, peer: DicomDestinationSettings, transaction: str, verdicts: Verdicts, log: Any) -> Outcome:
        self.reports.append((peer, transaction, {item.sop_instance_uid: why for item, why in verdicts.items()}))
        return self.outcome


@pytest.fixture
def world(parts: Parts) -> World:
    return World(parts)


def attempt(parts: Parts, world: World) -> Commitment:
    """Make the attempt that is due."""
    row = commitment(parts)
    assert parts.jobs.is_alive(commit_id(row.id, row.attempts + 1)), "every attempt has its job"
    world.committing.attempt(row.id, row.attempts + 1)
    return commitment(parts)


def let_time_pass(parts: Parts, *columns: str) -> None:
    with parts.database.write() as session:
        session.execute(update(Commitment).values(dict.fromkeys(columns, now() - LONG_AGO)))


def test_what_is_committed_is_reported_to_who_asked(parts: Parts, world: World) -> None:
    row = attempt(parts, world)
    ((peer, transaction, verdicts),) = world.reports
    assert (peer.host, peer.port, peer.ae_title, peer.calling_ae_title) == ("192.0.2.7", 11104, "XRAY1", "GATEWAY")
    assert (transaction, verdicts) == ("1.9.1", {ONE: None, TWO: None})
    assert (row.status, row.last_error) == ("reported", None)
    assert row.reported_at is not None
    assert not parts.jobs.is_alive(commit_id(row.id, 2))


def test_an_archive_that_has_not_confirmed_yet_is_asked_again_and_nothing_is_said_meanwhile(
    parts: Parts, world: World
) -> None:
    world.judgements[TWO] = WAITS
    row = attempt(parts, world)
    assert (row.status, row.attempts, row.last_error) == ("waiting", 1, "not yet")
    assert [item.status for item in row.references] == ["committed", "waiting"]
    attempt(parts, world)
    assert world.reports == []
    world.judgements[TWO] = Committed()
    assert attempt(parts, world).status == "reported"
    assert world.reports[0][2] == {ONE: None, TWO: None}


def test_after_the_limit_what_is_still_not_confirmed_is_reported_as_failed(parts: Parts, world: World) -> None:
    world.judgements[TWO] = Unsettled("away", RESOURCE_LIMITATION)
    attempt(parts, world)
    let_time_pass(parts, "asked_at")
    assert attempt(parts, world).status == "reported"
    assert world.reports[0][2] == {ONE: None, TWO: RESOURCE_LIMITATION}


def test_a_definite_failure_waits_for_the_others_and_is_reported_with_them(parts: Parts, world: World) -> None:
    world.judgements = {ONE: Lacking(NO_SUCH_OBJECT), TWO: WAITS}
    assert attempt(parts, world).status == "waiting"
    world.judgements[TWO] = Committed()
    assert attempt(parts, world).status == "reported"
    assert world.reports[0][2] == {ONE: NO_SUCH_OBJECT, TWO: None}


def test_a_requester_that_is_away_is_told_later(parts: Parts, world: World) -> None:
    world.outcome = Failed("nobody answers")
    row = attempt(parts, world)
    assert (row.status, row.attempts, row.last_error) == ("waiting", 1, "nobody answers")
    world.outcome = Delivered()
    assert attempt(parts, world).status == "reported"
    assert len(world.reports) == 2


def test_a_report_is_judged_anew_at_every_attempt(parts: Parts, world: World) -> None:
    world.outcome = Failed("nobody answers")
    attempt(parts, world)
    world.outcome, world.judgements[TWO] = Delivered(), Lacking(PROCESSING_FAILURE)
    attempt(parts, world)
    assert [report[2][TWO] for report in world.reports] == [None, PROCESSING_FAILURE]


def test_an_archive_that_is_away_while_the_requester_is_waited_for_makes_no_failure_of_a_success(
    parts: Parts, world: World
) -> None:
    world.outcome = Failed("nobody answers")
    attempt(parts, world)
    let_time_pass(parts, "asked_at")  # the limit runs anew from the decision on
    world.outcome, world.judgements[TWO] = Delivered(), Unsettled("away", RESOURCE_LIMITATION)
    assert attempt(parts, world).status == "waiting"
    assert len(world.reports) == 1
    world.judgements[TWO] = Committed()
    assert attempt(parts, world).status == "reported"
    assert world.reports[1][2] == {ONE: None, TWO: None}


def test_what_was_given_up_is_not_waited_for_again_while_the_requester_is_away(parts: Parts, world: World) -> None:
    world.judgements[TWO], world.outcome = WAITS, Failed("nobody answers")
    let_time_pass(parts, "asked_at")
    attempt(parts, world)
    assert attempt(parts, world).status == "waiting"
    assert [report[2][TWO] for report in world.reports] == [PROCESSING_FAILURE] * 2


def test_a_report_that_nobody_takes_becomes_a_visible_failure_and_a_retry_sends_it(parts: Parts, world: World) -> None:
    for uid in (ONE, TWO):
        add_instance(parts, uid)
    world.outcome = Failed("nobody answers")
    attempt(parts, world)
    let_time_pass(parts, "decided_at")
    row = attempt(parts, world)
    assert (row.status, row.last_error) == ("failed", "nobody answers")
    with parts.database.read() as session:
        listing = dead_letters(session, 10)
    assert listing.total == 1
    letter = listing.items[0]
    assert (letter.study_instance_uid, letter.stage, letter.destination) == (STUDY_UID, "commit", "XRAY1")
    assert letter.reason == "nobody answers"
    assert retry_study(parts.database, parts.jobs, STUDY_UID) == 1
    world.outcome = Delivered()
    assert attempt(parts, world).status == "reported"


def test_a_requester_that_refuses_the_report_is_not_asked_again(parts: Parts, world: World) -> None:
    world.outcome = Refused("no such transaction")
    assert attempt(parts, world).status == "failed"


def test_a_requester_that_left_the_settings_is_named(parts: Parts, world: World) -> None:
    world.committing._address_book = AddressBook([])
    row = attempt(parts, world)
    assert "XRAY1" in str(row.last_error)
    assert "dicom.allowed_peers" in str(row.last_error)


def test_an_attempt_that_was_killed_before_it_was_noted_reports_again(parts: Parts, world: World) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    note, world.committing._note = world.committing._note, die  # type: ignore[method-assign] # dies there
    row = commitment(parts)
    with pytest.raises(Killed):
        world.committing.attempt(row.id, 1)
    world.committing._note = note  # type: ignore[method-assign] # as it was
    world.committing.attempt(row.id, 1)
    assert commitment(parts).status == "reported"
    assert len(world.reports) == 2


def test_an_attempt_that_was_overtaken_says_nothing(parts: Parts, world: World) -> None:
    row = attempt(parts, world)
    world.committing.attempt(row.id, 1)
    assert len(world.reports) == 1


def become_another_request(parts: Parts) -> None:
    """Have the request forgotten and another one get its number, as SQLite gives them out again."""
    with parts.database.write() as session:
        session.delete(session.scalars(select(Commitment)).one())
    DurableDesk(parts.database, parts.jobs, BOOK).record(request("1.1", transaction="1.9.2"))


def test_what_is_known_of_a_request_is_not_written_down_for_the_one_that_got_its_number(
    parts: Parts, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = commitment(parts)
    judge = world.judge

    def judge_and_overtake(references: Sequence[SopReference]) -> dict[SopReference, Judgement]:
        become_another_request(parts)
        return judge(references)

    monkeypatch.setattr(world, "judge", judge_and_overtake)
    world.committing.attempt(row.id, 1)
    other = commitment(parts)
    assert (other.id, other.transaction_uid) == (row.id, "1.9.2")
    assert (other.status, other.attempts, other.decided_at, world.reports) == ("waiting", 0, None, [])


def test_that_a_report_was_taken_is_not_noted_with_the_request_that_got_its_number(
    parts: Parts, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = commitment(parts)
    report = world.committing._report

    def report_and_overtake(decided: Any) -> Outcome:
        become_another_request(parts)
        return report(decided)

    monkeypatch.setattr(world.committing, "_report", report_and_overtake)
    world.committing.attempt(row.id, 1)
    other = commitment(parts)
    assert (other.id, other.transaction_uid, other.status, other.attempts) == (row.id, "1.9.2", "waiting", 0)


def test_the_sweep_starts_an_attempt_that_has_no_job(parts: Parts, world: World) -> None:
    row = commitment(parts)
    let_time_pass(parts, "next_attempt_at")
    with parts.database.write() as session:
        session.execute(text("UPDATE workflow_status SET status = 'ERROR'"))
    Sweep(parts.database, parts.jobs).commitments()
    assert parts.jobs.is_alive(commit_id(row.id, 1))


def test_what_was_reported_long_ago_is_removed_and_failures_stay(parts: Parts, world: World) -> None:
    DurableDesk(parts.database, parts.jobs, BOOK).record(request("1.1", transaction="1.9.2"))
    with parts.database.write() as session:
        done, failed = session.scalars(select(Commitment).order_by(Commitment.id))
        done.status, done.reported_at = "reported", now() - timedelta(days=31)
        failed.status = "failed"
    Sweep(parts.database, parts.jobs).commitments()
    with parts.database.read() as session:
        assert session.scalars(select(Commitment.transaction_uid)).all() == ["1.9.2"]
        assert session.scalar(select(func.count()).select_from(CommitmentReference)) == 1


def test_a_forgotten_study_leaves_no_answered_request(parts: Parts, world: World) -> None:
    add_instance(parts, ONE)
    attempt(parts, world)
    forget_study(parts.database, parts.folders, parts.jobs, STUDY_UID, "test")
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(CommitmentReference)) == 0


def test_who_still_waits_is_told_that_a_forgotten_instance_is_not_here(parts: Parts, world: World) -> None:
    add_instance(parts, ONE)
    forget_study(parts.database, parts.folders, parts.jobs, STUDY_UID, "test")
    judge = Judge(parts.database, parts.folders, store_is_archive=True, archives={})
    assert judge.judge([reference(ONE)]) == {reference(ONE): Lacking(NO_SUCH_OBJECT)}
    assert len(commitment(parts).references) == 2

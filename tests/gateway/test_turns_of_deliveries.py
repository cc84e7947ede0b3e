"""Whose turn it is: an object on which a destination breaks holds up no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom.events import Event
from sqlalchemy import update
from structlog.testing import capture_logs

from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, NotTried, Outcome, Progress
from dicom_node.storage_scu import DicomDestination
from gateway.cli.doctor import examine
from gateway.database.columns import now
from gateway.database.models import Delivery
from gateway.parts import Parts
from gateway.workflow.delivering import turn
from gateway.workflow.jobs import deliver_id
from tests.dicom_node.scripted_scp import scripted_scp
from tests.gateway.deliveries import STUDY_UID, Peer, add_images, add_reports, delivering, path_of, planned, rows
from tests.peers.synthetic import mammogram, write


class Stumbling(Peer):
    """Breaks on some objects, and is given nothing more in an attempt in which it broke twice."""

    def __init__(self, *bad: str) -> None:
        super().__init__(Delivered())
        self.bad = bad

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        outcomes: dict[Path, Outcome] = {}
        for path in paths:
            if sum(type(outcome) is Failed for outcome in outcomes.values()) == 2:
                outcomes[path] = NotTried("two have broken it")
                continue
            self.seen.append(path.name)
            outcomes[path] = Failed("it broke") if path.name in self.bad else Delivered()
        return outcomes


def test_objects_that_break_the_destination_hold_up_neither_images_nor_reports_behind_them(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    add_images(parts, "one", "two", "three", "four")
    peer = Stumbling("one.dcm", "two.dcm")
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    assert peer.seen == ["one.dcm", "two.dcm"]
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "2")
    good = ["three.dcm", "four.dcm", "mammography_cad_sr.SCT.1", "summary_image.SCT.1"]
    assert peer.seen[2:] == [*good, "one.dcm", "two.dcm"]
    assert sorted(row.attempts for row in rows(parts) if row.status == "waiting") == [2, 2]
    assert {row.attempts for row in rows(parts) if row.status == "delivered"} == {1}


def test_what_was_not_tried_is_neither_given_up_nor_counted_nor_taken_for_arrived(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    with parts.database.write() as session:
        session.execute(update(Delivery).values(first_due_at=now() - timedelta(days=30)))
    peer = Stumbling("mammography_cad_sr.SCT.1", "summary_image.SCT.1")
    impatient = delivering(parts, Peer(NotTried("others came first")))
    impatient.attempt(STUDY_UID, 1, "pacs", "1")
    assert {(row.status, row.attempts, row.maybe_there) for row in rows(parts)} == {("waiting", 0, False)}
    assert parts.jobs.is_alive(deliver_id(STUDY_UID, 1, "pacs", "2"))
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "2")
    assert {(row.status, row.attempts) for row in rows(parts)} == {("failed", 1)}


def test_doctor_counts_what_waits_behind_others_among_the_waiting_deliveries(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(NotTried("others came first"))).attempt(STUDY_UID, 1, "pacs", "1")
    said = {finding.name: finding.detail for finding in examine(parts.settings)}
    assert said["waiting deliveries"] == "2"


def test_a_destination_of_which_little_is_tried_at_a_time_is_left_alone_longer_each_time(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    pauses = []
    for attempt in ("1", "2", "3"):
        begun = now()
        delivering(parts, Peer(NotTried("others came first"))).attempt(STUDY_UID, 1, "pacs", attempt)
        pauses.append((min(row.next_attempt_at for row in rows(parts)) - begun).total_seconds())
    assert pauses == pytest.approx([5, 10, 20], abs=2)


@given(data=st.data())
@settings(max_examples=60)
def test_each_good_object_is_tried_within_as_many_attempts_as_there_are_bad_ones(data: st.DataObject) -> None:
    names = [f"{number}.dcm" for number in range(data.draw(st.integers(1, 9)))]
    bad = data.draw(st.sets(st.sampled_from(names)))
    waiting = {
        name: Delivery(id=number, action="send", attempts=0, instance_id=number) for number, name in enumerate(names)
    }
    for _ in range(len(bad) // 2 + 1):
        in_turn = {id(row): name for name, row in waiting.items()}
        peer = Stumbling(*bad)
        order = [in_turn[id(row)] for row in sorted(waiting.values(), key=turn)]
        for path, outcome in peer.deliver([Path(name) for name in order]).items():
            waiting[path.name].attempts += not isinstance(outcome, NotTried)
            if isinstance(outcome, Delivered):
                del waiting[path.name]
    assert set(waiting) == bad


def test_two_images_that_make_a_real_peer_abort_hold_up_no_report(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    add_images(parts, "one", "two")
    uids = {}
    for row in rows(parts):
        ds = mammogram(rows=16, columns=16)
        path = parts.folders.root / path_of(parts, row)
        path.parent.mkdir(exist_ok=True, parents=True)
        write(ds, path)
        uids[str(ds.SOPInstanceUID)] = row.instance_id is not None

    def abort_at_images(event: Event, _number: int) -> int:
        if uids[str(event.request.AffectedSOPInstanceUID)]:
            event.assoc.abort()
        return 0

    with scripted_scp(abort_at_images) as peer:
        pacs = DicomDestination(
            DicomDestinationSettings("pacs", "127.0.0.1", peer.port, "SCRIPTED"), structlog.get_logger()
        )
        for attempt in ("1", "2"):
            delivering(parts, pacs).attempt(STUDY_UID, 1, "pacs", attempt)
    states = {(row.instance_id is not None, row.status) for row in rows(parts)}
    assert states == {(True, "waiting"), (False, "delivered")}


class Escaping(Peer):
    """Stores what it is given, and breaks its promise: it raises at some objects, by a type of error for each."""

    def __init__(self, **raised: Exception) -> None:
        super().__init__(Delivered())
        self.raised = raised

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        for path in paths:
            self.seen.append(path.stem)
            if path.stem in self.raised:
                raise self.raised[path.stem]
            assert progress is not None
            progress(path, self.answer)
        return dict.fromkeys(paths, self.answer)

    def delete(self, sop_instance_uid: str) -> Outcome:
        self.seen.append(f"delete {sop_instance_uid}")
        if sop_instance_uid in self.raised:
            raise self.raised[sop_instance_uid]
        return self.answer


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyError("PatientName"), MemoryError()])
def test_an_error_that_escapes_a_destination_costs_only_the_object_that_it_was_at(
    parts: Parts, error: Exception
) -> None:
    add_reports(parts, 1, planned(kinds=()))
    add_images(parts, "one", "two", "three")
    peer = Escaping(two=error)
    with capture_logs() as logged:
        delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    found = [(row.status, row.attempts, row.maybe_there) for row in rows(parts)]
    assert found == [("delivered", 1, True), ("waiting", 1, True), ("waiting", 0, False)]
    assert {row.last_error for row in rows(parts) if row.status == "waiting"} == {
        f"the gateway failed over this with an error of kind {type(error).__name__}; its log has the details"
    }
    (entry,) = [entry for entry in logged if entry["event"] == "delivery.failed"]
    assert entry["error"] == type(error).__name__
    assert "test_turns_of_deliveries.py" in entry["at"]
    assert "PatientName" not in str(logged)
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "2")
    assert peer.seen == ["one", "two", "three", "two"]
    assert [row.status for row in rows(parts)] == ["delivered", "waiting", "delivered"]


@pytest.mark.parametrize("way", ["orthanc", "note"])
def test_a_withdrawal_that_raises_does_not_have_the_reports_sent_again(parts: Parts, way: str) -> None:
    wanted = planned(withdraw=way)
    for generation in (1, 2):
        add_reports(parts, generation, wanted)
        peer = Escaping(**{"summary_image.SCT.1": ValueError("no JSON"), "rejection-note": ValueError("no note")})
        if generation == 1:
            peer.raised = {}
        delivering(parts, peer, by_deletion=way == "orthanc").attempt(STUDY_UID, generation, "pacs", "1")
    states = {row.action: row.status for row in rows(parts)}
    assert states == {"send": "delivered", "withdraw": "waiting"}
    peer.seen.clear()
    peer.raised = {}
    delivering(parts, peer, by_deletion=way == "orthanc").attempt(STUDY_UID, 2, "pacs", "2")
    assert peer.seen == ["delete summary_image.SCT.1" if way == "orthanc" else "rejection-note"]
    assert {row.status for row in rows(parts)} == {"delivered"}

"""What is owed to whom, and what becomes of each attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dicom_node.destination import Delivered, Failed, Outcome, Progress, Refused
from gateway.database.models import AssociationRecord, Study
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.workflow.destinations import DestinationPlan, forward_images
from gateway.workflow.jobs import deliver_id
from gateway.workflow.retrying import UnknownStudy, retry_study
from reporting.study import ReportVariant
from tests.gateway.deliveries import PATIENCE, STUDY_UID, Peer, add_reports, delivering, planned, rows
from tests.gateway.instances import an_instance


def test_a_destination_gets_its_kinds_in_its_dialect(parts: Parts) -> None:
    add_reports(parts, 1, planned(dialect="SRT"))
    peer = Peer(Delivered())
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    assert peer.seen == ["mammography_cad_sr.SRT.1", "summary_image.SCT.1"]
    assert {row.status for row in rows(parts)} == {"delivered"}


def test_each_kind_is_built_for_the_feed_even_without_a_destination() -> None:
    variants = DestinationPlan(()).variants()
    assert {variant.kind for variant in variants} == {
        "mammography_cad_sr",
        "measurement_report",
        "presentation_state",
        "summary_image",
    }
    assert ReportVariant("mammography_cad_sr", "SRT") in DestinationPlan((planned(dialect="SRT"),)).variants()


def test_an_attempt_that_is_repeated_sends_nothing_twice(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    peer = Peer(Delivered())
    for _ in range(2):
        delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    assert len(peer.seen) == 2


def test_a_destination_that_is_away_is_tried_again_later(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(Failed("no answer"))).attempt(STUDY_UID, 1, "pacs", "1")
    assert {(row.status, row.attempts, row.last_error) for row in rows(parts)} == {("waiting", 1, "no answer")}
    assert parts.jobs.is_alive(deliver_id(STUDY_UID, 1, "pacs", "2"))


def test_a_refused_object_is_a_visible_failure_and_a_retry_sends_it(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(Refused("not my SOP class"))).attempt(STUDY_UID, 1, "pacs", "1")
    assert {(row.status, row.last_error) for row in rows(parts)} == {("failed", "not my SOP class")}
    assert retry_study(parts.database, parts.jobs, STUDY_UID) == 2
    assert {row.status for row in rows(parts)} == {"waiting"}
    assert parts.jobs.any_alive(deliver_id(STUDY_UID, 1, "pacs", "retry"))
    assert retry_study(parts.database, parts.jobs, STUDY_UID) == 0


def test_a_destination_that_left_the_settings_is_named(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, None).attempt(STUDY_UID, 1, "pacs", "1")
    assert all("no destination is called pacs" in str(row.last_error) for row in rows(parts))


@pytest.mark.parametrize(("way", "seen"), [("orthanc", "delete summary_image.SCT.1"), ("note", "rejection-note.dcm")])
def test_pictures_of_an_earlier_generation_are_withdrawn_after_the_new_ones_are_there(
    parts: Parts, way: str, seen: str
) -> None:
    wanted = planned(withdraw=way)
    add_reports(parts, 1, wanted)
    peer = Peer(Delivered())
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    add_reports(parts, 2, wanted)
    peer.seen.clear()
    delivering(parts, peer, by_deletion=way == "orthanc").attempt(STUDY_UID, 2, "pacs", "1")
    assert peer.seen == ["mammography_cad_sr.SCT.2", "summary_image.SCT.2", seen]


def test_a_picture_that_was_never_sent_or_was_refused_is_owed_no_longer_once_it_is_overtaken(parts: Parts) -> None:
    wanted = planned(withdraw="orthanc")
    add_reports(parts, 1, wanted)
    add_reports(parts, 2, wanted)
    delivering(parts, Peer(Refused("no pictures"))).attempt(STUDY_UID, 2, "pacs", "1")
    add_reports(parts, 3, wanted)
    peer = Peer(Delivered())
    for generation in (1, 2, 3):
        delivering(parts, peer, by_deletion=True).attempt(STUDY_UID, generation, "pacs", "2")
    assert peer.seen == ["mammography_cad_sr.SCT.1", "mammography_cad_sr.SCT.3", "summary_image.SCT.3"]


def test_a_picture_of_which_it_is_not_known_whether_it_arrived_is_withdrawn_once_it_is_overtaken(parts: Parts) -> None:
    wanted = planned(withdraw="orthanc")
    add_reports(parts, 1, wanted)
    delivering(parts, Peer(Failed("not known whether it was stored"))).attempt(STUDY_UID, 1, "pacs", "1")
    add_reports(parts, 2, wanted)
    peer = Peer(Delivered())
    for generation in (1, 2):
        delivering(parts, peer, by_deletion=True).attempt(STUDY_UID, generation, "pacs", "2")
    assert peer.seen[-2:] == ["summary_image.SCT.2", "delete summary_image.SCT.1"]
    assert "summary_image.SCT.1" not in peer.seen


def test_a_picture_that_arrives_after_its_withdrawal_is_withdrawn_again(parts: Parts) -> None:
    wanted = planned(withdraw="orthanc")
    add_reports(parts, 1, wanted)
    there: list[str] = []

    class Slow(Peer):
        """Stores what it is given only when the next generation has been delivered meanwhile."""

        def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
            if len(there) == 0:
                there.append("busy")
                add_reports(parts, 2, wanted)
                delivering(parts, self, by_deletion=True).attempt(STUDY_UID, 2, "pacs", "1")
            there.extend(path.name for path in paths)
            return super().deliver(paths, progress)

        def delete(self, sop_instance_uid: str) -> Outcome:
            there[:] = [name for name in there if name != sop_instance_uid]
            return super().delete(sop_instance_uid)

    peer = Slow(Delivered())
    delivering(parts, peer, by_deletion=True).attempt(STUDY_UID, 1, "pacs", "1")
    assert "summary_image.SCT.1" in there
    assert {row.status for row in rows(parts) if row.action == "withdraw"} == {"waiting"}
    assert parts.jobs.any_alive(deliver_id(STUDY_UID, 2, "pacs", "withdraw"))
    delivering(parts, peer, by_deletion=True).attempt(STUDY_UID, 2, "pacs", "withdraw.1")
    assert "summary_image.SCT.1" not in there


OTHER_UID = "1.2.4"


class Overtaken(Peer):
    """While the first objects are on the wire their study is forgotten, and `meanwhile` happens."""

    def __init__(self, parts: Parts, answer: Outcome, meanwhile: Callable[[], object]) -> None:
        super().__init__(answer)
        self.parts = parts
        self.meanwhile: Callable[[], object] | None = meanwhile

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        said = super().deliver(paths, progress)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            forget_study(self.parts.database, self.parts.folders, self.parts.jobs, STUDY_UID, "anna")
            meanwhile()
        return said


@pytest.mark.parametrize("uid", [OTHER_UID, STUDY_UID])
@pytest.mark.parametrize("answer", [Delivered(), Failed("no answer"), Refused("no pictures")])
def test_what_came_of_a_forgotten_report_is_not_noted_with_the_one_that_got_its_number(
    parts: Parts, uid: str, answer: Outcome
) -> None:
    add_reports(parts, 1, planned())
    numbers = [row.id for row in rows(parts)]
    peer = Overtaken(parts, answer, lambda: add_reports(parts, 1, planned(), study_uid=uid))
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    assert [row.id for row in rows(parts)] == numbers, "without numbers that are given out again nothing is tested"
    assert {(row.status, row.attempts, row.last_error) for row in rows(parts)} == {("waiting", 0, None)}
    peer.answer = Delivered()
    delivering(parts, peer).attempt(uid, 1, "pacs", "1")
    assert {row.status for row in rows(parts)} == {"delivered"}
    assert peer.seen[2:] == [row.report.path for row in rows(parts) if row.report is not None]


def test_a_forgotten_image_that_was_sent_marks_no_other_image_as_sent(parts: Parts) -> None:
    add_images(parts, STUDY_UID, "1.1")
    peer = Overtaken(parts, Delivered(), lambda: add_images(parts, OTHER_UID, "1.2"))
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "images.1")
    assert [(row.id, row.status) for row in rows(parts)] == [(1, "waiting")]
    delivering(parts, peer).attempt(OTHER_UID, 1, "pacs", "images.1")
    assert peer.seen == ["1.1.dcm", "1.2.dcm"]


def test_a_forgotten_picture_that_arrived_has_no_other_picture_withdrawn(parts: Parts) -> None:
    wanted = planned(withdraw="orthanc")
    add_reports(parts, 1, wanted)

    def overtake() -> None:
        # The numbers of the deliveries are those of images then, and the number of the picture is a picture's again.
        add_images(parts, OTHER_UID, "1.1", "1.2")
        for generation in (1, 2):
            add_reports(parts, generation, wanted, study_uid=OTHER_UID)
            delivering(parts, peer, by_deletion=True).attempt(OTHER_UID, generation, "pacs", "1")

    peer = Overtaken(parts, Delivered(), overtake)
    delivering(parts, peer, by_deletion=True).attempt(STUDY_UID, 1, "pacs", "1")
    assert "delete summary_image.SCT.1.1.2.4" in peer.seen
    assert {row.status for row in rows(parts)} == {"delivered"}
    assert not parts.jobs.any_alive(deliver_id(STUDY_UID, 2, "pacs", "withdraw"))


def add_images(parts: Parts, study_uid: str, *uids: str) -> None:
    """A study whose images are owed to the destination."""
    with parts.database.write() as session:
        session.merge(AssociationRecord(id="a", receiver="r", channel="dicom", peer_ae_title="X", peer_address="1"))
        study = Study(study_instance_uid=study_uid, status="reported", generation=1)
        session.add(study)
        session.flush()
        session.add_all(an_instance(study.id, uid, "a", generation=1) for uid in uids)
        forward_images(session, parts.jobs, study, ["pacs"])


def test_retrying_an_unknown_study_says_so(parts: Parts) -> None:
    with pytest.raises(UnknownStudy, match=r"9\.9\.9"):
        retry_study(parts.database, parts.jobs, "9.9.9")


def test_pauses_double_up_to_the_longest() -> None:
    assert [PATIENCE.delay(attempts) for attempts in (1, 2, 3, 4, 5, 100)] == [5, 10, 20, 40, 60, 60]

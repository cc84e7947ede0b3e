"""When commitment may say success: never without the row, and never without the archive's word or the file itself."""

from __future__ import annotations

import pytest

from dicom_node.commitment_report import CLASS_CONFLICT, NO_SUCH_OBJECT, PROCESSING_FAILURE, RESOURCE_LIMITATION
from gateway.commitment.judging import Committed, Judge, Judgement, Lacking, Unsettled
from gateway.parts import Parts
from tests.gateway.commitment.rows import SC, STUDY_UID, Archive, add_instance, reference

UID = "1.2.3.1.1"


def judged(parts: Parts, *, store: bool = False, sop_class: str = "", **archives: Archive) -> Judgement:
    judge = Judge(parts.database, parts.folders, store_is_archive=store, archives=archives)
    asked = reference(UID, sop_class) if sop_class else reference(UID)
    return judge.judge([asked])[asked]


def reason(judgement: Judgement) -> int:
    assert isinstance(judgement, Unsettled)
    return judgement.failure_reason


def test_what_was_never_sent_is_no_such_object(parts: Parts) -> None:
    assert judged(parts, store=True) == Lacking(NO_SUCH_OBJECT)
    archive = Archive({UID})
    assert judged(parts, pacs=archive) == Lacking(NO_SUCH_OBJECT)
    assert archive.asked == []


def test_another_sop_class_is_a_conflict(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "delivered"})
    assert judged(parts, store=True, sop_class=SC) == Lacking(CLASS_CONFLICT)
    assert judged(parts, sop_class=SC, pacs=Archive({UID})) == Lacking(CLASS_CONFLICT)


def test_our_store_commits_to_a_file_that_is_there_with_its_size(parts: Parts) -> None:
    add_instance(parts, UID)
    assert judged(parts, store=True) == Committed()


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_our_store_does_not_commit_to_a_row_without_its_file(parts: Parts, damage: str) -> None:
    add_instance(parts, UID)
    file = parts.folders.instances / f"{UID}.dcm"
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(b"an im")
    assert judged(parts, store=True) == Lacking(PROCESSING_FAILURE)


def test_a_disk_of_ours_that_is_away_is_waited_for(parts: Parts) -> None:
    add_instance(parts, UID)
    away = parts.folders.instances.rename(parts.folders.root / "away")
    judgement = judged(parts, store=True)
    assert reason(judgement) == RESOURCE_LIMITATION
    assert "is mounted" in str(judgement)
    away.rename(parts.folders.instances)
    assert judged(parts, store=True) == Committed()


def test_an_archive_that_got_it_and_finds_it_is_a_success(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "delivered"})
    archive = Archive({UID})
    assert judged(parts, pacs=archive) == Committed("pacs")
    (asked,) = archive.asked
    assert (asked.study_instance_uid, asked.series_instance_uid) == (STUDY_UID, "1.2.3.1")


def test_an_archive_that_took_it_and_does_not_find_it_is_waited_for(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "delivered"})
    assert reason(judged(parts, pacs=Archive())) == PROCESSING_FAILURE


def test_an_archive_that_is_away_is_waited_for(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "delivered"})
    judgement = judged(parts, pacs=Archive({UID}, is_away=True))
    assert reason(judgement) == RESOURCE_LIMITATION
    assert "nobody answers" in str(judgement)


@pytest.mark.parametrize("forwarded", [{}, {"pacs": "waiting"}, {"workstation": "delivered"}])
def test_what_was_not_delivered_to_the_archive_is_waited_for_even_if_it_is_there(
    parts: Parts, forwarded: dict[str, str]
) -> None:
    add_instance(parts, UID, forwarded=forwarded)
    archive = Archive({UID})
    assert reason(judged(parts, pacs=archive)) == PROCESSING_FAILURE
    assert archive.asked == []


def test_what_the_archive_has_refused_fails_at_once(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "failed"})
    assert judged(parts, pacs=Archive({UID})) == Lacking(PROCESSING_FAILURE)


def test_one_archive_that_confirms_is_enough(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"one": "delivered", "two": "delivered", "three": "failed"})
    archives = {"one": Archive(is_away=True), "two": Archive({UID}), "three": Archive()}
    assert judged(parts, **archives) == Committed("two")


def test_a_second_object_under_the_uid_is_first_compared_and_a_different_one_is_never_committed(parts: Parts) -> None:
    add_instance(parts, UID, duplicate="waiting")
    assert reason(judged(parts, store=True)) == PROCESSING_FAILURE
    add_instance(parts, "1.2.3.1.2", duplicate="different")
    judge = Judge(parts.database, parts.folders, store_is_archive=True, archives={})
    other = reference("1.2.3.1.2")
    assert judge.judge([other]) == {other: Lacking(PROCESSING_FAILURE)}


def test_where_no_archive_is_left_in_the_settings_nothing_is_promised(parts: Parts) -> None:
    add_instance(parts, UID, forwarded={"pacs": "delivered"})
    assert reason(judged(parts)) == PROCESSING_FAILURE


def test_a_request_of_thousands_of_instances_is_judged(parts: Parts) -> None:
    add_instance(parts, UID)
    asked = [reference(f"1.9.{number}") for number in range(2500)] + [reference(UID)]
    judgements = Judge(parts.database, parts.folders, store_is_archive=True, archives={}).judge(asked)
    assert judgements.pop(reference(UID)) == Committed()
    assert set(judgements.values()) == {Lacking(NO_SUCH_OBJECT)}

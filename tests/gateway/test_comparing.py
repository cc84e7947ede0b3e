"""Two objects under one SOP Instance UID: the same, or both kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless
from sqlalchemy import select

from dicom_node.commitment_report import PROCESSING_FAILURE
from dicom_node.intake import AnnouncedInstance, Origin
from dicom_node.storage_commitment import SopReference
from gateway.commitment.judging import Judge, Lacking
from gateway.database.columns import now
from gateway.database.models import Duplicate, Instance, StudyFlag
from gateway.folders import write_durably
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.reading.child import Child
from gateway.reading.tasks import part_with
from gateway.workflow.comparing import Comparing
from tests.peers.synthetic import Exam, mammogram, write

EXAM = Exam()
UID = "1.2.3.4"


class BusyChild(Child):
    """`meanwhile` happens when its work is done."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> Any:
        done = super().run_patiently(function, *arguments)
        self.meanwhile()
        return done


@pytest.fixture
def child() -> Iterator[BusyChild]:
    child = BusyChild(timeout_seconds=60)
    yield child
    child.close()


@pytest.fixture
def comparing(parts: Parts, child: BusyChild) -> Comparing:
    return Comparing(parts.database, parts.folders, child)


def give(parts: Parts, origin: Origin, exam: Exam = EXAM, **image: object) -> None:
    intake = parts.intake("receive@test")
    tags = {"SOPInstanceUID": UID, **image.pop("tags", {})}  # type: ignore[dict-item] # a mapping of tags
    made = mammogram(exam=exam, rows=64, columns=48, tags=tags, **image)  # type: ignore[arg-type] # any argument
    intake.accept(write(made, intake.new_file()), AnnouncedInstance(None, None), origin)


def compared(parts: Parts, comparing: Comparing) -> tuple[str | None, list[Path]]:
    """Compare the duplicate; return what its row says (None when it is gone) and the files that are left."""
    with parts.database.read() as session:
        number = session.scalars(select(Duplicate.id)).one()
    comparing.compare(number)
    with parts.database.read() as session:
        said = session.scalars(select(Duplicate.status)).one_or_none()
    return said, list(parts.folders.instances.rglob("*.dcm"))


def flags(parts: Parts) -> list[str]:
    with parts.database.read() as session:
        return list(session.scalars(select(StudyFlag.text)))


def test_the_same_image_transcoded_adds_nothing(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    give(parts, origin)
    give(parts, origin, transfer_syntax=RLELossless)
    said, files = compared(parts, comparing)
    assert (said, len(files), flags(parts)) == ("same", 1, [])


def test_other_pixels_are_kept_beside_the_first_and_flagged(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    give(parts, origin)
    give(parts, origin, seed=7)
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 2)
    assert "differ in their pixels" in flags(parts)[0]


def test_a_correction_of_the_side_and_the_name_is_kept_flagged_and_not_promised_to_its_sender(
    parts: Parts, origin: Origin, comparing: Comparing
) -> None:
    give(parts, origin)
    give(parts, origin, laterality="R", tags={"PatientName": "Corrected^Carla"})
    # The same pixels under another side, as when the technician has chosen the wrong one.
    with parts.database.read() as session:
        first, second = session.scalars(select(Instance.path)).one(), session.scalars(select(Duplicate.path)).one()
    corrected = dcmread(parts.folders.root / second)
    corrected.PixelData = dcmread(parts.folders.root / first).PixelData
    write(corrected, parts.folders.root / second)
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 2)
    (flag,) = flags(parts)
    assert "(they differ in PatientName, the side); both are kept" in flag
    assert "Carla" not in flag
    judge = Judge(parts.database, parts.folders, store_is_archive=True, archives={})
    asked = SopReference(corrected.SOPClassUID, UID)
    assert judge.judge([asked]) == {asked: Lacking(PROCESSING_FAILURE)}


def test_documents_that_say_something_else_are_both_kept(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    for comment in ("one", "two"):
        give(parts, origin, missing=["PixelData", "Rows", "Columns"], tags={"ImageComments": comment})
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 2)


def test_a_second_copy_takes_the_place_of_a_lost_first_one(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    give(parts, origin)
    give(parts, origin)
    with parts.database.read() as session:
        (parts.folders.root / session.scalars(select(Instance.path)).one()).unlink()
    said, files = compared(parts, comparing)
    with parts.database.read() as session:
        assert [parts.folders.root / session.scalars(select(Instance.path)).one()] == files
    assert said is None


@pytest.mark.parametrize(
    ("exam", "image", "what"),
    [
        (Exam(), {}, "StudyInstanceUID, SeriesInstanceUID"),
        (EXAM, {"tags": {"PatientName": "Other^Olga"}}, "the patient"),
        (EXAM, {"laterality": "R"}, "the side"),
        (EXAM, {"view": "MLO"}, "the view"),
        (EXAM, {"for_processing": True}, "SOPClassUID, PresentationIntentType"),
        (EXAM, {"tags": {"QualityControlImage": "YES"}}, "whether and as what it is read"),
    ],
)
def test_another_image_does_not_take_the_place_of_a_lost_one(
    parts: Parts, origin: Origin, comparing: Comparing, exam: Exam, image: dict[str, Any], what: str
) -> None:
    give(parts, origin)
    give(parts, origin, exam, **image)
    with parts.database.read() as session:
        lost = session.scalars(select(Instance.path)).one()
    (parts.folders.root / lost).unlink()
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 1)
    with parts.database.read() as session:
        assert session.scalars(select(Instance.path)).one() == lost
    assert f"(they differ in {what}); the file of the first is lost, the second is kept" in flags(parts)[0]


def test_while_the_disk_is_away_nothing_takes_the_place_of_anything(
    parts: Parts, origin: Origin, comparing: Comparing
) -> None:
    give(parts, origin)
    give(parts, origin, Exam())
    away = parts.folders.instances.rename(parts.folders.root / "away")
    assert compared(parts, comparing)[0] == "waiting"
    away.rename(parts.folders.instances)
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 2)


def test_a_lost_second_copy_is_nothing_to_worry_about(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    give(parts, origin)
    give(parts, origin)
    with parts.database.read() as session:
        (parts.folders.root / session.scalars(select(Duplicate.path)).one()).unlink()
    assert compared(parts, comparing)[0] == "same"
    assert flags(parts) == []


def overtake(parts: Parts, origin: Origin, child: BusyChild, numbers: list[int]) -> None:
    """Have the study forgotten while it is compared, and two different objects of another under one UID come."""

    def forget_and_receive() -> None:
        child.meanwhile = lambda: None
        forget_study(parts.database, parts.folders, parts.jobs, EXAM.study_instance_uid, "anna")
        other = Exam()
        for seed in (1, 2):
            give(parts, origin, other, seed=seed, tags={"SOPInstanceUID": "1.2.9"})
        with parts.database.read() as session:
            numbers.append(session.scalars(select(Duplicate.id)).one())

    child.meanwhile = forget_and_receive


@pytest.mark.parametrize("second", [{}, {"seed": 7}])
def test_what_came_of_a_forgotten_comparison_is_not_said_of_the_one_that_got_its_number(
    parts: Parts, origin: Origin, comparing: Comparing, child: BusyChild, second: dict[str, int]
) -> None:
    give(parts, origin)
    give(parts, origin, **second)
    numbers: list[int] = []
    overtake(parts, origin, child, numbers)
    assert compared(parts, comparing)[0] == "waiting"
    assert (numbers, flags(parts)) == ([1], [])
    said, files = compared(parts, comparing)
    assert (said, len(files)) == ("different", 2)


def test_a_forgotten_image_that_came_again_takes_no_place_of_another_image(
    parts: Parts, origin: Origin, comparing: Comparing, child: BusyChild
) -> None:
    give(parts, origin)
    with parts.database.write() as session:
        first = session.scalars(select(Instance)).one()
        remains = part_with(parts.folders.root / first.path)
        header = parts.folders.new_header(EXAM.study_instance_uid)
        write_durably(header, remains.header)
        first.deleted_at, first.fingerprint = now(), remains.fingerprint
        first.header_path = parts.folders.relative(header)
    give(parts, origin)
    numbers: list[int] = []
    overtake(parts, origin, child, numbers)
    said, files = compared(parts, comparing)
    assert (said, numbers) == ("waiting", [1])
    with parts.database.read() as session:
        held = [*session.scalars(select(Instance.path)), *session.scalars(select(Duplicate.path))]
    assert {parts.folders.root / path for path in held} <= set(files)

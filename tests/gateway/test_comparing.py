"""Two objects under one SOP Instance UID: the same, or both kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import RLELossless
from sqlalchemy import select

from dicom_node.intake import AnnouncedInstance, Origin
from gateway.database.models import Duplicate, Instance, StudyFlag
from gateway.parts import Parts
from gateway.reading.child import Child
from gateway.workflow.comparing import Comparing
from tests.peers.synthetic import Exam, mammogram, write

EXAM = Exam()
UID = "1.2.3.4"


@pytest.fixture
def comparing(parts: Parts) -> Iterator[Comparing]:
    child = Child(timeout_seconds=60)
    yield Comparing(parts.database, parts.folders, child)
    child.close()


def give(parts: Parts, origin: Origin, **image: object) -> None:
    intake = parts.intake("receive@test")
    tags = {"SOPInstanceUID": UID, **image.pop("tags", {})}  # type: ignore[dict-item] # a mapping of tags
    made = mammogram(exam=EXAM, rows=64, columns=48, tags=tags, **image)  # type: ignore[arg-type] # any argument
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


def test_a_lost_second_copy_is_nothing_to_worry_about(parts: Parts, origin: Origin, comparing: Comparing) -> None:
    give(parts, origin)
    give(parts, origin)
    with parts.database.read() as session:
        (parts.folders.root / session.scalars(select(Duplicate.path)).one()).unlink()
    assert compared(parts, comparing)[0] == "same"
    assert flags(parts) == []

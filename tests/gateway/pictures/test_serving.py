"""Which picture the feed gives, and what it says where there is none."""

from __future__ import annotations

import pytest

from reporting.feed.stores import AbsentCode, ImageAbsentError
from tests.gateway.instances import a_report
from tests.gateway.pictures.rows import Read
from tests.gateway.retention.rows import rows_of
from tests.peers.synthetic import Exam

ONE = "1.2.1"


def why(read: Read, exam: Exam, uid: str = ONE) -> tuple[AbsentCode, str]:
    with pytest.raises(ImageAbsentError) as absent:
        read.served(exam, uid)
    return absent.value.code, str(absent.value)


def change(read: Read, **columns: object) -> None:
    """Change columns of the study, or with `instance_` before them of its image."""
    with read.parts.database.write() as session:
        study, instance = rows_of(session, ONE)
        for name, value in columns.items():
            row = instance if name.startswith("instance_") else study
            setattr(row, name.removeprefix("instance_"), value)


def test_a_study_and_a_view_that_are_not_there_are_unknown(read: Read) -> None:
    exam = read.add(ONE)
    assert why(read, Exam())[0] == "unknown_study"
    assert why(read, exam, "9.9")[0] == "unknown_view"


def test_an_image_of_another_study_is_unknown(read: Read) -> None:
    read.add(ONE)
    other = read.add("1.2.2")
    assert why(read, other, ONE)[0] == "unknown_view"


def test_until_it_is_read_and_until_its_picture_is_made_it_is_not_ready(read: Read) -> None:
    exam = read.settled.add(ONE)
    change(read, status="processing")
    assert why(read, exam)[0] == "not_ready"
    read.read(ONE)
    assert why(read, exam)[0] == "not_ready"
    read.make(ONE)
    assert read.served(exam, ONE)


def test_an_image_that_is_kept_and_not_read_says_so(read: Read) -> None:
    exam = read.add(ONE)
    change(read, instance_role="kept", instance_role_reason="Kept, not read: tomosynthesis.")
    assert why(read, exam) == ("image_not_read", "Kept, not read: tomosynthesis.")


def test_of_twins_the_one_that_was_not_read_says_so(read: Read) -> None:
    exam = read.settled.add(ONE, for_processing=True)
    assert why(read, exam) == ("image_not_read", "For Processing; the same view was read For Presentation.")


def test_while_a_later_generation_is_read_the_earlier_picture_is_shown(read: Read) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    first = read.served(exam, ONE)
    change(read, status="processing")
    with read.parts.database.write() as session:
        study, _ = rows_of(session, ONE)
        study.reports.append(a_report(study.id))
    change(read, generation=2)
    assert read.served(exam, ONE) == first

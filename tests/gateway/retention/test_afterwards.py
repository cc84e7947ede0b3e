"""What goes on with a study whose images are deleted: objects that come again, later generations, retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pydicom.uid import RLELossless
from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.database.models import Delivery, Duplicate, Instance, Reading, Report, StudyFlag
from gateway.folders import write_durably
from gateway.reading.child import Child
from gateway.workflow.comparing import Comparing
from gateway.workflow.destinations import DestinationPlan, forward_images
from gateway.workflow.processing import Processing, Site
from gateway.workflow.retrying import retry_study
from tests.gateway.retention.rows import Settled, rows_of

UID, OTHER = "1.2.1", "1.2.2"


def compare(settled: Settled) -> Duplicate | None:
    """Compare the only duplicate; return its row, None when it is gone."""
    database = settled.parts.database
    with database.read() as session:
        number = session.scalars(select(Duplicate.id)).one()
    for _ in range(2):  # a step may run twice
        Comparing(database, settled.parts.folders, settled.child).compare(number)
    with database.read() as session:
        return session.get(Duplicate, number)


def flags(settled: Settled) -> list[str]:
    with settled.parts.database.read() as session:
        return list(session.scalars(select(StudyFlag.text)))


@pytest.mark.parametrize("again", [{}, {"transfer_syntax": RLELossless}], ids=["as it was", "transcoded"])
def test_the_same_image_that_comes_again_is_here_again(settled: Settled, again: dict[str, Any]) -> None:
    exam = settled.add(UID)
    settled.round()
    settled.give(UID, exam, **again)
    with capture_logs() as logs:
        assert compare(settled) is None
    assert "duplicate.brought_back_a_deleted_image" in {line["event"] for line in logs}
    back = settled.instance(UID)
    assert (back.deleted_at, back.deleted_because, back.header_path, back.fingerprint) == (None, None, None, None)
    assert settled.file(UID).stat().st_size == back.size
    assert list(settled.parts.folders.headers.rglob("*.dcm")) == []
    assert flags(settled) == []
    settled.round()
    assert settled.deleted([UID]) == set(), "it came just now"


@pytest.mark.parametrize(
    ("change", "says"),
    [({"seed": 7}, "differ in their pixels"), ({"tags": {"PatientID": "ANOTHER"}}, "differ in PatientID")],
)
def test_another_object_under_the_uid_of_a_deleted_one_is_kept_and_flagged(
    settled: Settled, change: dict[str, Any], says: str
) -> None:
    exam = settled.add(UID)
    settled.round()
    settled.give(UID, exam, **change)
    duplicate = compare(settled)
    assert duplicate is not None
    assert duplicate.status == "different"
    assert (settled.parts.folders.root / duplicate.path).exists()
    assert settled.deleted([UID]) == {UID}
    (flag,) = flags(settled)
    assert says in flag
    assert "the first was deleted here before, the second is kept" in flag


@pytest.mark.parametrize(("comment", "same"), [("one", True), ("two", False)])
def test_an_object_without_pixels_that_comes_again_is_told_by_its_bytes(
    settled: Settled, comment: str, same: bool
) -> None:
    document = {"missing": ["PixelData", "Rows", "Columns"]}
    exam = settled.add(UID, tags={"ImageComments": "one"}, **document)
    settled.round()
    settled.give(UID, exam, tags={"ImageComments": comment}, **document)
    assert (compare(settled) is None) is same


class Speaker(Child):
    """A child that says which model it has, and reads nothing."""

    def __init__(self, version: str) -> None:
        super().__init__(timeout_seconds=1)
        self.version = version

    def run_patiently(self, function: Callable[..., Any], *arguments: Any, **_named: Any) -> Any:
        assert function.__name__ == "model_version", "a deleted image is read by nobody"
        return self.version


def read_again(settled: Settled, version: str) -> Reading:
    """Read the image, which an earlier generation has read with model 1, in generation 2."""
    parts = settled.parts
    site = Site(uuid4(), draw_without_asking=False)
    processing = Processing(parts.database, parts.folders, parts.jobs, Speaker(version), DestinationPlan(()), site)
    with parts.database.read() as session:
        study, instance = rows_of(session, UID)
    processing.read(study.study_instance_uid, 2, instance.id)
    with parts.database.read() as session:
        return session.scalars(select(Reading).where(Reading.generation == 2)).one()


@pytest.fixture
def deleted_after_reading(settled: Settled) -> Settled:
    settled.add(UID)
    with settled.parts.database.write() as session:
        study, instance = rows_of(session, UID)
        values = {"generation": 1, "model_version": "1", "result": {"label": "normal", "failure": None}}
        session.add(Reading(instance_id=instance.id, study_id=study.id, **values))
    settled.round()
    assert settled.deleted([UID]) == {UID}
    return settled


def test_the_result_of_a_deleted_image_is_carried_over(deleted_after_reading: Settled) -> None:
    again = read_again(deleted_after_reading, "1")
    assert (again.model_version, again.result) == ("1", {"label": "normal", "failure": None})


def test_what_another_model_said_of_a_deleted_image_is_not_given_out_as_this_ones(
    deleted_after_reading: Settled,
) -> None:
    again = read_again(deleted_after_reading, "2")
    assert again.model_version == "2"
    assert again.result["label"] is None
    assert "deleted here on" in again.result["failure"]
    assert "send it again, then have the study retried" in again.result["failure"]


def test_a_retry_opens_no_generation_for_images_that_are_not_here(deleted_after_reading: Settled) -> None:
    read_again(deleted_after_reading, "2")
    parts = deleted_after_reading.parts
    with parts.database.write() as session:
        study, _ = rows_of(session, UID)
        study.generation = 2
        uid = study.study_instance_uid
    assert retry_study(parts.database, parts.jobs, uid) == 0
    with parts.database.write() as session:
        session.execute(Instance.__table__.update().values(deleted_at=None))
    assert retry_study(parts.database, parts.jobs, uid) == 1


def test_a_destination_that_comes_later_is_owed_what_is_here_and_not_what_is_deleted(settled: Settled) -> None:
    exam = settled.add(UID)
    settled.round()
    settled.give(OTHER, exam, laterality="R")
    with settled.parts.database.write() as session:
        study, other = rows_of(session, OTHER)
        study.generation = other.generation = 2
        forward_images(session, settled.parts.jobs, study, ["new"])
        owed = session.scalars(select(Delivery.instance_id).where(Delivery.destination == "new")).all()
        assert owed == [other.id]


def test_a_report_step_that_runs_again_after_its_work_is_done_leaves_the_reports_alone(settled: Settled) -> None:
    """Built anew without the pictures they would be other objects under the same UIDs."""
    exam = settled.add(UID)
    parts = settled.parts
    file = parts.folders.reports / exam.study_instance_uid / "1" / "2.25.1.dcm"
    write_durably(file, b"a report")
    with parts.database.write() as session:
        study, _ = rows_of(session, UID)
        values = {"kind": "summary_image", "dialect": "SCT", "sop_class_uid": "1", "series_instance_uid": "3"}
        path = parts.folders.relative(file)
        session.add(Report(study_id=study.id, generation=1, sop_instance_uid="2.25.1", path=path, **values))
    settled.round()
    site = Site(uuid4(), draw_without_asking=False)
    processing = Processing(parts.database, parts.folders, parts.jobs, Speaker("1"), DestinationPlan(()), site)
    processing.report(exam.study_instance_uid, 1, 1)
    assert file.read_bytes() == b"a report"

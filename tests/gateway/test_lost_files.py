"""One image file that is lost is that image's trouble; a disk that is away is nobody's, and waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from dbos import DBOSClient
from pydicom import dcmread
from sqlalchemy import select

from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.columns import now
from gateway.database.models import Instance, Reading, Report, Study
from gateway.parts import Parts
from gateway.reading.child import Child
from gateway.reading.disk import DiskAway
from gateway.reading.tasks import summarise
from gateway.workflow.processing import Processing, Site
from gateway.workflow.report_content import NoHeaderLeft
from tests.peers.synthetic import Exam, write
from tests.system.small_breasts import small_mammogram


class InThisProcess:
    """A child that is none; looks at the database's connections whenever views are put together."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.open_while_summarising: list[int] = []

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is summarise:
            pool = cast(Any, self._parts.database.engine.pool)
            self.open_while_summarising.append(pool.checkedout())
        return function(*arguments)


class Frozen:
    """A study of two images, frozen and queued."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.child = InThisProcess(parts)
        exam = Exam()
        intake = parts.intake("receive@test")
        origin = Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
        for side in "LR":
            path = write(small_mammogram(side, "CC", exam=exam), intake.new_file())
            assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
        intake.association_closed(origin)
        intake.close()
        with parts.database.write() as session:
            study = session.scalars(select(Study)).one()
            study.status, study.gathering, study.generation, study.run = "queued", None, 1, 1
            study.frozen_at = now()
            self.uid = study.study_instance_uid
            for instance in study.instances:
                instance.generation = 1
        site = Site(uuid4(), draw_without_asking=False)
        self.processing = Processing(
            parts.database, parts.folders, parts.jobs, cast(Child, self.child), parts.plan(), site
        )

    def begin(self) -> list[int]:
        return self.processing.begin(self.uid, 1, 1)

    def read(self, instance_id: int) -> str | None:
        """Read an image; return what its refusal is called."""
        assert self.processing.read(self.uid, 1, instance_id) is None
        with self.parts.database.read() as session:
            return session.scalars(select(Reading).where(Reading.instance_id == instance_id)).one().refusal

    def file(self, instance_id: int) -> Path:
        with self.parts.database.read() as session:
            return self.parts.folders.root / session.get_one(Instance, instance_id).path

    def report(self) -> str:
        """Report the study; return the text of the mammography CAD SR as bytes decode."""
        self.processing.report(self.uid, 1, 1)
        with self.parts.database.read() as session:
            assert session.scalars(select(Study.status)).one() == "reported"
            path = session.scalars(select(Report.path).where(Report.kind == "mammography_cad_sr")).first()
        assert path is not None
        return str(dcmread(self.parts.folders.root / path))


@pytest.fixture
def frozen(parts: Parts) -> Frozen:
    return Frozen(parts)


def remove(file: Path) -> None:
    file.unlink()


def make_unreadable(file: Path) -> None:
    file.unlink()
    file.mkdir()  # opening it is an OSError that is not "does not exist", as of a bad sector


@pytest.mark.parametrize("lose", [remove, make_unreadable])
def test_an_image_whose_file_is_lost_is_refused_and_the_study_is_reported_without_it(
    frozen: Frozen, lose: Callable[[Path], None]
) -> None:
    lost, whole = frozen.begin()
    lose(frozen.file(lost))
    assert frozen.read(lost) == "FileUnreadable"
    assert frozen.read(whole) is None
    assert "PARTIAL" in frozen.report()
    assert frozen.child.open_while_summarising == [0], "no session is open, so no row is locked"


def test_an_image_that_is_lost_after_it_was_read_is_reported_as_not_read(frozen: Frozen) -> None:
    images = frozen.begin()
    assert [frozen.read(image) for image in images] == [None, None]
    remove(frozen.file(images[0]))
    assert "PARTIAL" in frozen.report()


def test_a_study_of_which_no_file_is_left_fails_at_once_and_says_what_to_do(frozen: Frozen) -> None:
    for image in frozen.begin():
        remove(frozen.file(image))
        assert frozen.read(image) == "FileUnreadable"
    with pytest.raises(NoHeaderLeft, match=f"mammogate retry {frozen.uid}"):
        frozen.report()


def test_while_the_disk_is_away_nothing_is_refused_and_the_study_is_tried_again_by_another_job(frozen: Frozen) -> None:
    images = frozen.begin()
    instances = frozen.parts.folders.instances
    away = instances.rename(instances.with_name("away"))
    with pytest.raises(DiskAway):
        frozen.read(images[0])
    with pytest.raises(DiskAway):
        frozen.report()
    frozen.processing.wait_for_disk(frozen.uid, 1, 1, 1, "it is away")
    client = DBOSClient(system_database_engine=frozen.parts.database.engine, application_name="mammogate", lazy=True)
    (job,) = client.list_workflows(queue_name="process")
    assert (job.workflow_id, job.status) == (f"process:{frozen.uid}:1:1.2", "DELAYED")
    away.rename(instances)
    assert [frozen.read(image) for image in images] == [None, None]

"""A reading keeps what its refusal is called and which detector took the image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import select

from gateway.cli.doctor_scores import scores
from gateway.database.columns import now
from gateway.database.models import DELETED_HERE, READER_CRASHED, Instance, Reading
from gateway.folders import Folders
from gateway.parts import Parts
from gateway.reading.child import Child, ChildCrashed
from gateway.reading.tasks import ImageRead, read_image
from gateway.workflow.destinations import DestinationPlan
from gateway.workflow.processing import Processing, Site
from inference.card import read_model_info
from inference.results import ViewResult
from tests.gateway.monitoring.rows import MODEL, add_study
from tests.peers.synthetic import mammogram, write
from tests.system.small_breasts import small_mammogram


def test_the_detector_and_the_name_of_the_refusal_come_with_the_reading(tmp_path: Path) -> None:
    good = write(small_mammogram(), tmp_path / "good.dcm")
    read = read_image(good, "1.2", "L", "CC")
    assert (read.refusal, read.detector) == (None, "SYNTHETIC PHANTOM 1")
    flat = mammogram()
    flat.PixelData = bytes(len(flat.PixelData))
    del flat.Manufacturer, flat.ManufacturerModelName
    refused = read_image(write(flat, tmp_path / "flat.dcm"), "1.4", "L", "CC")
    assert (refused.refusal, refused.detector) == ("NoBreastFound", None)


class ScriptedChild:
    """Answers as a child would; a `read` that is an exception is what becomes of reading."""

    def __init__(self, read: ImageRead | Exception) -> None:
        self._read = read

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is not read_image:
            return MODEL
        if isinstance(self._read, Exception):
            raise self._read
        return self._read


def process(parts: Parts, child: ScriptedChild, instance: int, generation: int) -> Reading:
    folders = Folders(parts.folders.root)
    plan = cast(DestinationPlan, None)
    with parts.database.read() as session:
        study_uid = session.get_one(Instance, instance).study.study_instance_uid
    Processing(parts.database, folders, parts.jobs, cast(Child, child), plan, Site(uuid4(), False)).read(
        study_uid, generation, instance
    )
    with parts.database.read() as session:
        wanted = select(Reading).where(Reading.instance_id == instance, Reading.generation == generation)
        return session.scalars(wanted).one()


def test_refusals_crashes_and_what_was_read_before_are_told_apart(parts: Parts) -> None:
    plain = ViewResult(sop_instance_uid="1.2", laterality="L", view="CC")
    refused = plain.model_copy(update={"failure": "No."})
    _, (instance,) = add_study(parts.database, 0.5, model="m0")
    kept = process(parts, ScriptedChild(ImageRead(refused, MODEL, None, {}, "UpsideDown", "D")), instance, 2)
    assert (kept.refusal, kept.detector) == ("UpsideDown", "D")
    kept = process(parts, ScriptedChild(ChildCrashed("it crashed")), instance, 3)
    assert (kept.refusal, kept.detector) == (READER_CRASHED, None)
    kept = process(parts, ScriptedChild(ImageRead(plain, MODEL, None, {}, None, "D")), instance, 4)
    assert (kept.refusal, kept.detector) == (None, "D")
    kept = process(parts, ScriptedChild(AssertionError("it was read before")), instance, 5)
    assert (kept.refusal, kept.detector) == (None, "D")


def test_a_deleted_image_that_this_model_has_not_read_counts_as_that(parts: Parts) -> None:
    _, (instance,) = add_study(parts.database, 0.5, model="m0")
    with parts.database.write() as session:
        row = session.get(Instance, instance)
        assert row is not None
        row.deleted_at = now()
    assert process(parts, ScriptedChild(AssertionError("it is not here")), instance, 2).refusal == DELETED_HERE


def test_the_doctor_says_a_line_a_source_of_the_last_four_weeks(parts: Parts) -> None:
    model = read_model_info()
    assert [line[0] for line in scores(parts.database, model)] == ["scores"]
    add_study(parts.database, *[0.5] * 18, None, None, at=now(), model=model.version)
    add_study(parts.database, 0.5, at=now(), model=model.version, channel="orthanc", peer="pacs", detector=None)
    one, other = scores(parts.database, model)
    assert one[:2] == ("scores of dicom XRAY1 (SYNTHETIC PHANTOM 1)", "warning")
    assert one[2].startswith("20 images of 1 studies; 10.0% refused (Saturated 2)")
    assert other[:2] == ("scores of orthanc pacs", "ok")

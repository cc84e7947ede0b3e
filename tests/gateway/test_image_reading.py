"""Keeping what was read of an image, and with no other image that got the id of its row meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from gateway.database.columns import now
from gateway.database.models import AssociationRecord, Instance, Reading, Study
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.reading import tasks
from gateway.reading.engines import Engines
from gateway.workflow.image_reading import ImageReading
from inference.results import ViewResult
from tests.gateway.instances import an_instance

ONE, OTHER = "1.2.1", "1.2.2"
NORMAL = {
    "normal": 0.9,
    "benign_calcification": 0.04,
    "benign_mass": 0.03,
    "malignant_calcification": 0.01,
    "malignant_mass": 0.02,
}


class Engine:
    """Reads every image as normal; `meanwhile` happens while the first is read."""

    def __init__(self) -> None:
        self.read_images: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def model_version(self) -> str:
        return "m1"

    def read(self, path: Path, uid: str, laterality: Any, view: str | None, *, study_uid: str) -> tasks.ImageRead:
        self.read_images.append(uid)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        result = ViewResult(sop_instance_uid=uid, laterality=None, view=None, label="normal", probabilities=NORMAL)
        return tasks.ImageRead(result, "m1", b"a heat map", {})


@dataclass
class Room:
    """Where studies of one image are read."""

    parts: Parts
    engine: Engine

    def add(self, uid: str, **columns: Any) -> int:
        """Freeze a study whose only image has the same UID; return the id of the image's row."""
        with self.parts.database.write() as session:
            session.merge(AssociationRecord(id="a", receiver="r", channel="dicom", peer_ae_title="X", peer_address="1"))
            study = Study(study_instance_uid=uid, status="processing", generation=1, run=1, frozen_at=now())
            session.add(study)
            session.flush()
            instance = an_instance(study.id, uid, "a", **({"generation": 1} | columns))
            session.add(instance)
            session.flush()
            return instance.id

    def forget(self, uid: str) -> None:
        forget_study(self.parts.database, self.parts.folders, self.parts.jobs, uid, "anna")

    def read(self, study_uid: str, instance_id: int) -> None:
        engines = cast(Engines, self.engine)
        ImageReading(self.parts.database, self.parts.folders, engines).read(study_uid, 1, instance_id)

    def kept(self) -> list[tuple[str, str, str]]:
        """Of each reading: its study, its image, and the image that its result is of."""
        wanted = select(Study.study_instance_uid, Instance.sop_instance_uid, Reading.result)
        with self.parts.database.read() as session:
            found = session.execute(
                wanted.select_from(Reading).join(Instance, Instance.id == Reading.instance_id).join(Study)
            ).all()
        return [(study, image, result["sop_instance_uid"]) for study, image, result in found]

    def heat_maps(self) -> list[str]:
        return [file.parent.parent.name for file in self.parts.folders.readings.rglob("*.npz")]


@pytest.fixture
def room(parts: Parts) -> Room:
    return Room(parts, Engine())


def test_an_image_is_read_once_and_kept_with_its_study(room: Room) -> None:
    number = room.add(ONE)
    for _ in range(2):
        room.read(ONE, number)
    assert (room.engine.read_images, room.kept(), room.heat_maps()) == ([ONE], [(ONE, ONE, ONE)], [ONE])


def test_what_was_read_of_a_forgotten_image_is_not_kept_with_the_one_that_got_its_number(room: Room) -> None:
    number = room.add(ONE)
    reused: list[int] = []

    def overtake() -> None:
        room.forget(ONE)
        reused.append(room.add(OTHER))

    room.engine.meanwhile = overtake
    room.read(ONE, number)
    assert reused == [number], "without a number that is given out again this test tests nothing"
    assert (room.kept(), room.heat_maps()) == ([], [])
    room.read(OTHER, number)
    assert (room.kept(), room.heat_maps()) == ([(OTHER, OTHER, OTHER)], [OTHER])


def test_what_was_read_of_a_forgotten_image_is_not_kept_with_what_came_again_under_its_uids(room: Room) -> None:
    number = room.add(ONE)
    reused: list[int] = []

    def send_again() -> None:
        room.forget(ONE)
        reused.append(room.add(ONE))

    room.engine.meanwhile = send_again
    room.read(ONE, number)
    assert reused == [number]
    assert room.kept() == []


def test_a_job_of_a_forgotten_study_does_not_read_the_image_that_got_the_number(room: Room) -> None:
    number = room.add(ONE)
    room.forget(ONE)
    assert room.add(OTHER) == number
    room.read(ONE, number)
    assert (room.engine.read_images, room.kept()) == ([], [])


def test_a_job_of_a_forgotten_study_does_not_read_what_came_again_and_is_still_gathered(room: Room) -> None:
    number = room.add(ONE)
    room.forget(ONE)
    assert room.add(ONE, generation=None) == number
    room.read(ONE, number)
    assert (room.engine.read_images, room.kept()) == ([], [])


def test_a_forgotten_study_leaves_nothing_of_what_was_read(room: Room) -> None:
    number = room.add(ONE)
    room.engine.meanwhile = lambda: room.forget(ONE)
    room.read(ONE, number)
    with room.parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == 0
    assert room.heat_maps() == []

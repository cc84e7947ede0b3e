"""A study that is forgotten, and perhaps sent again as the operator is told to do, while its reports are built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy import select

from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.columns import now
from gateway.database.models import Delivery, Reading, Report, Study
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.reading.child import Child
from gateway.reading.tasks import finish_reports
from gateway.workflow.processing import Processing, Site
from inference.results import ViewResult
from tests.peers.synthetic import Exam, mammogram, write

EXAM = Exam()
UID = EXAM.study_instance_uid


class InThisProcess:
    """A child that is none; `meanwhile` happens once, when reports are built."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> Any:
        done = function(*arguments)
        if function is finish_reports:
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
        return done


class Room:
    """A study of one image that was refused, about to be reported."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.child = InThisProcess()
        self.processing = Processing(
            parts.database, parts.folders, parts.jobs, cast(Child, self.child), parts.plan(), Site(uuid4(), False)
        )

    def freeze(self) -> None:
        """Receive the image, and have it refused."""
        intake = self.parts.intake("receive@test")
        origin = Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
        path = write(mammogram(exam=EXAM, rows=64, columns=48, tags={"SOPInstanceUID": "1.2.1"}), intake.new_file())
        assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
        intake.association_closed(origin)
        intake.close()
        with self.parts.database.write() as session:
            study = session.scalars(select(Study)).one()
            study.status, study.gathering, study.generation, study.run = "processing", None, 1, 1
            study.frozen_at = now()
            (instance,) = study.instances
            instance.generation = 1
            result = ViewResult(sop_instance_uid="1.2.1", laterality="L", view="CC", failure="It is too dark.")
            session.add(
                Reading(
                    instance_id=instance.id,
                    study_id=study.id,
                    generation=1,
                    result=result.model_dump(mode="json"),
                    model_version="m1",
                )
            )

    def forget(self) -> None:
        forget_study(self.parts.database, self.parts.folders, self.parts.jobs, UID, "anna")

    def held(self) -> tuple[list[str], int]:
        """The state of each study, and how many reports there are in the tables."""
        with self.parts.database.read() as session:
            return list(session.scalars(select(Study.status))), len(session.scalars(select(Report.id)).all())

    def files(self) -> int:
        return len(list(self.parts.folders.reports.rglob("*.dcm")))


@pytest.fixture
def room(parts: Parts) -> Room:
    room = Room(parts)
    room.freeze()
    return room


def test_reports_of_a_study_that_was_forgotten_meanwhile_leave_nothing(room: Room) -> None:
    room.child.meanwhile = room.forget
    room.processing.report(UID, 1, 1)
    assert (room.held(), room.files()) == (([], 0), 0)


def test_reports_of_a_study_that_was_forgotten_and_has_come_again_are_not_those_of_what_came(room: Room) -> None:
    def send_again() -> None:
        room.forget()
        room.freeze()

    room.child.meanwhile = send_again
    room.processing.report(UID, 1, 1)
    assert (room.held(), room.files()) == ((["processing"], 0), 0)
    with room.parts.database.read() as session:
        assert session.scalars(select(Delivery)).all() == []
    room.processing.report(UID, 1, 1)
    statuses, reports = room.held()
    assert (statuses, reports > 0) == (["reported"], True)
    assert room.files() == reports

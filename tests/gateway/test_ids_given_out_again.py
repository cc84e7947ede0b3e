"""Studies that are forgotten and come at any moment of reading, picturing and delivering, ids being given out again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from dicom_node.destination import Delivered, Health, Outcome, Progress
from gateway.database.columns import now
from gateway.database.models import AssociationRecord, Delivery, Instance, Reading, Study
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.pictures.making import Picturing
from gateway.pictures.places import picture_files
from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.reading.engines import Engines
from gateway.workflow.delivering import Delivering, Patience
from gateway.workflow.destinations import DestinationPlan, PlannedDestination, plan_deliveries
from gateway.workflow.image_reading import ImageReading
from inference.results import ViewResult
from tests.gateway.instances import a_report, an_instance

UIDS = ("1.2", "1.3", "1.4")
EVENTS = ("nothing", "goes", "comes again", "makes room", "is joined")
PLAN = DestinationPlan((PlannedDestination("pacs", ("summary_image",), "SCT", "none"),))


class Turmoil:
    """What reads, draws and takes reports; at each of these moments a study may go and another come."""

    name = "pacs"

    def __init__(self, parts: Parts, draw: Callable[[], str]) -> None:
        self.parts = parts
        self.draw = draw
        self.at_work = UIDS[0]
        self.sent: set[str] = set()
        self.came = 0
        engines, child = cast(Engines, self), cast(Child, self)
        self.reading = ImageReading(parts.database, parts.folders, engines)
        self.picturing = Picturing(parts.database, parts.folders, child, reserve_bytes=0)
        patience = Patience(first_retry=5, longest_retry=60, give_up_after=3600)
        self.delivering = Delivering(parts.database, parts.folders, parts.jobs, {"pacs": self}, patience, {})

    def happen(self, *, is_read: bool = False) -> None:
        """Have the study that is worked on go, and perhaps come again, or another one come and get its ids."""
        event = self.draw()
        if event in ("goes", "comes again", "makes room"):
            self.forget(self.at_work)
        if event == "comes again":
            self.come(self.at_work, is_read=is_read)
        if event in ("makes room", "is joined") and (others := [uid for uid in UIDS if not self.is_here(uid)]):
            self.come(others[0] if others[0] != self.at_work else others[-1], is_read=is_read)

    def work(self, uid: str, number: int) -> None:
        """Do what the jobs of a study do, with the id of its image as they have it."""
        self.at_work = uid
        self.reading.read(uid, 1, number)
        self.picturing.make(number)
        self.delivering.attempt(uid, 1, "pacs", "1")

    def image(self, uid: str) -> int | None:
        with self.parts.database.read() as session:
            return session.scalar(select(Instance.id).where(Instance.sop_instance_uid == f"{uid}.1"))

    def is_here(self, uid: str) -> bool:
        return self.image(uid) is not None

    def forget(self, uid: str) -> None:
        if self.is_here(uid):
            forget_study(self.parts.database, self.parts.folders, self.parts.jobs, uid, "anna")

    def come(self, uid: str, *, is_read: bool = False) -> None:
        """A frozen study of one image with a report; the paths of both are those of this time only."""
        self.came += 1
        with self.parts.database.write() as session:
            session.merge(AssociationRecord(id="a", receiver="r", channel="dicom", peer_ae_title="X", peer_address="1"))
            study = Study(study_instance_uid=uid, status="processing", generation=1, run=1, frozen_at=now())
            session.add(study)
            session.flush()
            image = an_instance(study.id, f"{uid}.1", "a", generation=1)
            report = a_report(study.id, f"{uid}.2")
            image.path, report.path = f"instances/{self.came}.dcm", f"reports/{self.came}.dcm"
            session.add_all([image, report])
            if is_read:
                session.flush()
                session.add(
                    Reading(
                        instance_id=image.id,
                        study_id=study.id,
                        generation=1,
                        result={},
                        model_version="m1",
                        detector=image.path,
                    )
                )
            plan_deliveries(session, self.parts.jobs, PLAN, study, 1)

    # As an engine.
    def model_version(self) -> str:
        return "m1"

    def read(self, path: Path, uid: str, laterality: Any, view: str | None, *, study_uid: str) -> tasks.ImageRead:
        self.happen()
        result = ViewResult(sop_instance_uid=uid, laterality=None, view=None, failure="It is too dark.")
        return tasks.ImageRead(result, "m1", None, {}, detector=self.parts.folders.relative(path))

    # As a child.
    def run_patiently(self, _function: Callable[..., Any], image: Path, *_: Any) -> dict[str, bytes]:
        self.happen(is_read=True)
        return {"image.json": image.name.encode()}

    # As a destination.
    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        self.sent |= {self.parts.folders.relative(path) for path in paths}
        self.happen()
        return dict.fromkeys(paths, Delivered())

    def health(self) -> Health:
        return Health(True, "here")

    def disagreements(self) -> list[str]:
        """What is said of one object and is true of another."""
        with self.parts.database.read() as session:
            readings = session.execute(select(Reading, Instance).join(Instance, Instance.id == Reading.instance_id))
            wrong = [f"read {one.detector}, kept {row.path}" for one, row in readings.all() if one.detector != row.path]
            delivered = select(Delivery).where(Delivery.status == "delivered").options(joinedload(Delivery.report))
            for row in session.scalars(delivered):
                if row.report is not None and row.report.path not in self.sent:
                    wrong.append(f"never sent: {row.report.path}")
            known = picture_files(session)
        pictures = self.parts.folders.pictures
        files = [path for path in pictures.rglob("*") if path.is_file()]
        return wrong + [f"picture of nothing: {path}" for path in files if str(path.relative_to(pictures)) not in known]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_forgotten_and_comes_whenever_nothing_is_said_of_another_object(
    parts: Parts, data: st.DataObject
) -> None:
    turmoil = Turmoil(parts, lambda: data.draw(st.sampled_from(EVENTS), "meanwhile"))
    for uid in UIDS:
        turmoil.forget(uid)  # of the example before, which may have been cut short
    assert turmoil.disagreements() == []
    turmoil.come(UIDS[0])
    for _ in range(data.draw(st.integers(1, 3), "jobs")):
        here = [uid for uid in UIDS if turmoil.is_here(uid)]
        uid = data.draw(st.sampled_from(here or UIDS), "study")
        number = turmoil.image(uid) or 1
        if data.draw(st.booleans(), "late"):  # its job has the id since before it went
            turmoil.at_work = uid
            turmoil.happen()
        turmoil.work(uid, number)
        assert turmoil.disagreements() == []


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting leaves no trace in the database's file, which takes long and is not looked at here."""
    monkeypatch.setattr("gateway.database.engine.Database.scrub", lambda _self: None)

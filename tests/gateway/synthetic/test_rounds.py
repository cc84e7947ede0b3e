"""The timer of made studies: sent once, noticed when back, erased, and never taken for a patient's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from sqlalchemy import select

from dicom_node.destination import Delivered, Failed, Outcome
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.columns import now
from gateway.database.models import Delivery, FeedEvent, Instance, Reading, Report, Study
from gateway.database.synthetic_models import SyntheticStudy
from gateway.export.kept_objects import all_studies
from gateway.feed.studies import Studies
from gateway.folders import write_durably
from gateway.parts import Parts
from gateway.reading.tasks import read_image
from gateway.synthetic.images import PATIENT_ID, write_views
from gateway.synthetic.rounds import SyntheticRounds
from gateway.synthetic.telling import tell
from gateway.workflow.destinations import DestinationPlan, PlannedDestination, forward_images, plan_deliveries
from gateway.workflow.events import tell as tell_the_feed
from inference.results import ViewResult
from reporting.feed.stores import StudyQuery
from tests.peers.synthetic import Exam, mammogram, write

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PLAN = DestinationPlan((PlannedDestination("pacs", ("mammography_cad_sr",), "SCT", "none"),))


class World:
    """Rounds whose objects go straight into the gateway's intake, and a clock that is set by hand."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.moment = now()
        self.away = False
        self.sent = 0
        self.intake = parts.intake("receive@test")
        self.rounds = SyntheticRounds(
            parts.database,
            parts.folders,
            parts.jobs,
            self.send,
            every=60 * MINUTE,
            within=15 * MINUTE,
            keep=24 * 60 * MINUTE,
            clock=lambda: self.moment,
        )

    def send(self, paths: Sequence[Path]) -> dict[Path, Outcome]:
        if self.away:
            return {path: Failed("nobody listens there") for path in paths}
        self.sent += 1
        origin = Origin("dicom", str(uuid4()), "MGSYNTHETIC", "127.0.0.1")
        for path in paths:
            arriving = self.intake.new_file()
            arriving.write_bytes(path.read_bytes())
            assert self.intake.accept(arriving, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
        self.intake.association_closed(origin)
        return {path: Delivered() for path in paths}

    def rows(self) -> list[SyntheticStudy]:
        with self.parts.database.read() as session:
            return list(session.scalars(select(SyntheticStudy).order_by(SyntheticStudy.id)))

    def report(self, study_uid: str, failure: str | None = None) -> None:
        """Do what the workflow does: read, report, plan what is owed."""
        with self.parts.database.write() as session:
            study = session.scalars(select(Study).where(Study.study_instance_uid == study_uid)).one()
            study.generation, study.gathering, study.status, study.frozen_at = 1, None, "reported", now()
            for instance in study.instances:
                instance.generation = 1
                result = ViewResult(
                    sop_instance_uid=instance.sop_instance_uid,
                    laterality=instance.laterality,  # type: ignore[arg-type]  # a column of texts: pydantic checks that it is R or L
                    view=instance.view,
                    failure=failure,
                ).model_dump(mode="json")
                row = {"study_id": study.id, "instance_id": instance.id, "generation": 1, "model_version": "m1"}
                session.add(Reading(result=result, **row))
            file = self.parts.folders.reports / study_uid / "1" / "2.25.1.dcm"
            write_durably(file, b"report")
            session.add(
                Report(
                    study_id=study.id,
                    generation=1,
                    kind="mammography_cad_sr",
                    dialect="SCT",
                    sop_class_uid="1.2",
                    sop_instance_uid=f"2.25.{uuid4().int}",
                    series_instance_uid="1.3",
                    path=self.parts.folders.relative(file),
                )
            )
            forward_images(session, self.parts.jobs, study, ["pacs"])
            plan_deliveries(session, self.parts.jobs, PLAN, study, 1)
            tell_the_feed(session, "study_reported", study)


@pytest.fixture
def world(parts: Parts) -> World:
    return World(parts)


def test_one_is_sent_each_hour_and_noticed_once_its_reports_are_there(world: World) -> None:
    for _ in range(3):
        world.rounds.look()
    (row,) = world.rows()
    assert world.sent == 1
    assert row.sent_at == world.moment
    world.report(row.study_instance_uid)
    world.moment += MINUTE
    world.rounds.look()
    assert world.rows()[0].back_at == world.moment
    world.moment += 59 * MINUTE
    world.rounds.look()
    assert [bool(row.back_at) for row in world.rows()] == [True, False]


@pytest.mark.parametrize("back", [timedelta(seconds=3), 60 * MINUTE, 40 * 24 * 60 * MINUTE])
def test_a_clock_that_is_set_back_makes_no_studies_and_the_rounds_go_on_from_there(
    world: World, back: timedelta
) -> None:
    world.rounds.look()
    world.report(world.rows()[0].study_instance_uid)
    world.moment += MINUTE
    world.rounds.look()
    world.moment -= back
    for _ in range(10):
        world.rounds.look()
        world.moment += MINUTE
        with world.parts.database.read() as session:
            assert not tell(session, world.moment, 60 * MINUTE, 15 * MINUTE).late
    assert len(world.rows()) == world.sent == 1
    world.moment += 50 * MINUTE
    world.rounds.look()
    assert len(world.rows()) == 2


def test_it_is_owed_to_nobody_shown_to_nobody_and_exported_by_nobody(world: World) -> None:
    patient = Exam()
    origin = Origin("dicom", str(uuid4()), "MGSYNTHETIC", "127.0.0.1")
    # What an object says of itself makes it nobody's made study: this one is a patient's.
    exam = Exam(PATIENT_ID, study_instance_uid=patient.study_instance_uid)
    arriving = write(mammogram(exam=exam), world.intake.new_file())
    assert world.intake.accept(arriving, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    world.rounds.look()
    (row,) = world.rows()
    world.report(row.study_instance_uid)
    world.report(patient.study_instance_uid)
    with world.parts.database.read() as session:
        owed = set(session.scalars(select(Study.study_instance_uid).join(Delivery, Delivery.study_id == Study.id)))
        told = set(session.scalars(select(FeedEvent.study_instance_uid)))
    assert owed == told == {patient.study_instance_uid}
    listed = Studies(world.parts.database, world.parts.folders).studies(StudyQuery(limit=10))
    assert [item.study.study_instance_uid for item in listed] == [patient.study_instance_uid]
    assert all_studies(world.parts.database) == [patient.study_instance_uid]


def test_one_that_can_not_be_sent_is_tried_again_and_says_why(world: World) -> None:
    world.away = True
    world.rounds.look()
    (row,) = world.rows()
    assert (row.sent_at, row.problem) == (None, "It can't be sent: nobody listens there")
    world.away = False
    world.rounds.look()
    (row,) = world.rows()
    assert row.sent_at is not None
    assert row.problem is None


def test_a_process_that_is_killed_while_it_sends_leaves_one_study_of_four_images(world: World) -> None:
    world.rounds.look()
    with world.parts.database.write() as session:
        session.query(SyntheticStudy).one().sent_at = None  # killed before it could note that
    world.rounds.look()
    with world.parts.database.read() as session:
        assert len(session.scalars(select(Study)).all()) == 1
        assert len(session.scalars(select(Instance)).all()) == 4
    assert world.sent == 2


def test_a_report_of_images_that_were_not_read_is_none(world: World) -> None:
    world.rounds.look()
    world.report(world.rows()[0].study_instance_uid, failure="It is upside down.")
    world.rounds.look()
    (row,) = world.rows()
    assert (row.back_at, row.problem) == (None, "An image was not read: It is upside down.")
    with world.parts.database.read() as session:
        told = tell(session, world.moment + 16 * MINUTE, 60 * MINUTE, 15 * MINUTE)
    assert told.late
    assert "upside down" in told.sentence


def test_old_ones_are_erased_with_their_files_and_are_known_for_a_month_after(world: World) -> None:
    world.rounds.look()
    uid = world.rows()[0].study_instance_uid
    world.report(uid)
    world.moment += 25 * 60 * MINUTE
    world.rounds.look()
    with world.parts.database.read() as session:
        assert session.scalars(select(Study).where(Study.study_instance_uid == uid)).first() is None
        assert session.scalars(select(FeedEvent)).all() == []
    assert not (world.parts.folders.reports / uid).exists()
    assert world.rows()[0].erased_at is not None
    world.moment += 40 * 24 * 60 * MINUTE
    world.rounds.look()
    assert uid not in {row.study_instance_uid for row in world.rows()}


def test_the_views_are_read_by_the_model_and_made_again_they_are_the_same_bytes(tmp_path: Path) -> None:
    first, again = (write_views(tmp_path / name, "2.25.7", NOON) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    for path in first:
        image = dcmread(path, stop_before_pixels=True)
        read = read_image(path, image.SOPInstanceUID, image.ImageLaterality, image.ViewPosition)
        assert read.result.failure is None
        assert image.PatientID == PATIENT_ID


@given(
    st.lists(st.tuples(st.integers(0, 300), st.none() | st.integers(0, 40)), max_size=6, unique_by=lambda one: one[0])
)
def test_it_is_late_if_and_only_if_the_newest_that_is_known_is_not_back_in_time(
    made: list[tuple[int, int | None]],
) -> None:
    """`made`: minutes ago, and after how many it came back, if it did. Hour by hour, 15 minutes allowed."""

    class Session:  # what `tell` asks of one
        def scalars(self, _: object) -> Session:
            return self

        def all(self) -> list[SyntheticStudy]:
            return [
                SyntheticStudy(made_at=NOON - ago * MINUTE, back_at=back_at(ago, took), sent_at=NOON, problem=None)
                for ago, took in sorted(made)
            ]

    def back_at(ago: int, took: int | None) -> datetime | None:
        return None if took is None or took > ago else NOON - (ago - took) * MINUTE

    told = tell(Session(), NOON, 60 * MINUTE, 15 * MINUTE)  # type: ignore[arg-type]  # answers just what is asked
    if not made:
        assert not told.late
        return
    if min(ago for ago, _ in made) > 75:
        assert told.late
        return
    known = [(ago, took) for ago, took in sorted(made) if (took is not None and took <= ago) or ago > 15]
    assert told.late == bool(known and (known[0][1] is None or known[0][1] > min(15, known[0][0])))

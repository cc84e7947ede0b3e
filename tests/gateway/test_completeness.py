"""When a study is complete: views, settling, quiet time."""

from __future__ import annotations

from datetime import timedelta

from pydicom import Dataset
from sqlalchemy import select, update

from dicom_node.intake import AnnouncedInstance, Origin
from gateway.database.columns import now
from gateway.database.models import AssociationRecord, DeadLetter, Delivery, Instance, Study
from gateway.parts import Parts
from gateway.workflow.completeness import Verdict, judge
from gateway.workflow.gathering import Gathering
from gateway.workflow.jobs import deliver_id, process_id
from tests.peers.synthetic import STANDARD_VIEWS, Exam, mammogram, write

SETTLE, QUIET = 10.0, 120.0


def send(parts: Parts, origin: Origin, exam: Exam, *views: tuple[str, str], close: bool = True) -> None:
    intake = parts.intake("receive@test")
    for laterality, view in views:
        path = intake.new_file()
        write(mammogram(laterality, view, exam=exam, rows=64, columns=48), path)
        intake.accept(path, AnnouncedInstance(None, None), origin)
    if close:
        intake.association_closed(origin)


def judged(parts: Parts, later: float) -> Verdict:
    with parts.database.read() as session:
        study = session.scalars(select(Study)).one()
        moment = study.last_received_at + timedelta(seconds=later)
        return judge(session, study, lambda then: (moment - then).total_seconds(), SETTLE, QUIET)


def test_four_views_and_closed_associations_settle_and_are_complete(parts: Parts, origin: Origin) -> None:
    send(parts, origin, Exam(), *STANDARD_VIEWS)
    assert not judged(parts, SETTLE / 2).ready
    assert judged(parts, SETTLE + 1).ready


def test_four_views_wait_while_somebody_is_still_sending(parts: Parts, origin: Origin) -> None:
    send(parts, origin, Exam(), *STANDARD_VIEWS, close=False)
    assert not judged(parts, SETTLE - 1).ready


def test_an_association_that_never_ends_holds_nobody_up_beyond_the_quiet_time(parts: Parts, origin: Origin) -> None:
    send(parts, origin, Exam(), *STANDARD_VIEWS, close=False)
    assert judged(parts, QUIET + 1).ready


def test_a_missing_view_is_waited_for_until_the_quiet_time_and_then_named(parts: Parts, origin: Origin) -> None:
    send(parts, origin, Exam(), ("R", "CC"), ("L", "CC"), ("R", "MLO"))
    assert not judged(parts, QUIET - 1).ready
    assert judged(parts, QUIET + 1) == Verdict(0.0, ("L MLO",))


def frozen(parts: Parts, exam: Exam, generation: int) -> None:
    gathering = Gathering(parts.database, parts.jobs, settle_seconds=0.001, quiet_seconds=0.001)
    assert gathering.look(exam.study_instance_uid, generation) == 0.0


def test_freezing_assigns_the_instances_and_enqueues_the_reading(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    frozen(parts, exam, 1)
    with parts.database.read() as session:
        study = session.scalars(select(Study)).one()
        assert set(session.scalars(select(Instance.generation))) == {1}
    assert (study.status, study.generation, study.gathering, study.run) == ("queued", 1, None, 1)
    assert parts.jobs.is_alive(process_id(exam.study_instance_uid, 1, 1))


def test_freezing_twice_is_freezing_once(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    frozen(parts, exam, 1)
    frozen(parts, exam, 1)
    with parts.database.read() as session:
        assert session.scalars(select(Study.generation)).one() == 1


def test_a_late_view_opens_the_next_generation_and_leaves_the_first_alone(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    frozen(parts, exam, 1)
    send(parts, origin, exam, ("L", "XCCL"))
    with parts.database.read() as session:
        assert session.scalars(select(Study.gathering)).one() == 2
    frozen(parts, exam, 2)
    with parts.database.read() as session:
        assert sorted(session.scalars(select(Instance.generation))) == [1, 1, 1, 1, 2]


def test_associations_of_a_receiver_that_died_count_as_closed_when_it_is_back(parts: Parts, origin: Origin) -> None:
    send(parts, origin, Exam(), *STANDARD_VIEWS, close=False)
    with parts.database.write() as session:
        session.execute(update(AssociationRecord).values(closed_at=now()))
    assert judged(parts, SETTLE + 1).ready


def test_a_spot_view_does_not_complete_a_study(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, ("R", "CC"), ("L", "CC"), ("R", "MLO"))
    intake = parts.intake("receive@test")
    spot = mammogram("L", "MLO", exam=exam, rows=64, columns=48)
    modifier = Dataset()
    modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = "399055006", "SCT", "Spot compression"
    spot.ViewCodeSequence[0].ViewModifierCodeSequence = [modifier]
    intake.accept(write(spot, intake.new_file()), AnnouncedInstance(None, None), origin)
    intake.association_closed(origin)
    assert judged(parts, SETTLE + 1).missing_views == ("L MLO",)


def test_images_are_owed_to_whoever_wants_them_as_soon_as_they_are_frozen(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    gathering = Gathering(parts.database, parts.jobs, settle_seconds=0.001, quiet_seconds=0.001, forward_to=("pacs",))
    gathering.look(exam.study_instance_uid, 1)
    with parts.database.read() as session:
        assert session.scalars(select(Delivery.destination)).all() == ["pacs"] * 4
    assert parts.jobs.is_alive(deliver_id(exam.study_instance_uid, 1, "pacs", "images.1"))


def test_no_dead_letter_is_written_by_a_study_that_goes_well(parts: Parts, origin: Origin) -> None:
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    frozen(parts, exam, 1)
    with parts.database.read() as session:
        assert session.scalars(select(DeadLetter)).all() == []

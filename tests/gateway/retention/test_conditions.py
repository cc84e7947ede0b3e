"""Every condition alone keeps an image; only where all are met it goes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.models import DeadLetter, Delivery, Duplicate, Instance, Reading, Study
from gateway.retention.conditions import open_matter
from gateway.retention.witnesses import SiteWitness
from tests.gateway.retention.rows import AGE, Settled, rows_of

BYSTANDER = "1.9"
Change = Callable[[Session, Study, Instance], None]


def status(value: str) -> Change:
    def change(_session: Session, study: Study, _instance: Instance) -> None:
        study.status = value  # type: ignore[assignment] # one of the statuses below

    return change


def is_gathered_again(_session: Session, study: Study, _instance: Instance) -> None:
    study.gathering = 2


def came_lately(_session: Session, study: Study, _instance: Instance) -> None:
    study.last_received_at = now() - AGE + timedelta(minutes=1)


def owes(state: str) -> Change:
    def change(session: Session, study: Study, instance: Instance) -> None:
        owed = {"destination": "workstation", "instance_id": instance.id, "status": state}
        session.add(Delivery(study_id=study.id, generation=1, **owed))

    return change


def has_a_dead_letter(session: Session, study: Study, _instance: Instance) -> None:
    session.add(DeadLetter(study_id=study.id, generation=1, step="report", reason="a reason"))


def came_twice(state: str) -> Change:
    def change(session: Session, study: Study, instance: Instance) -> None:
        values = {"study_instance_uid": study.study_instance_uid, "path": "d", "status": state}
        session.add(Duplicate(instance_id=instance.id, **values))

    return change


def came_under_another_study(session: Session, _study: Study, instance: Instance) -> None:
    session.add(Duplicate(instance_id=instance.id, study_instance_uid="9.9", path="d", status="waiting"))


def is_named_by_an_object_of_another_study(session: Session, study: Study, _instance: Instance) -> None:
    _, of_another = rows_of(session, BYSTANDER)
    values = {"study_instance_uid": study.study_instance_uid, "path": "d", "status": "different"}
    session.add(Duplicate(instance_id=of_another.id, **values))


def is_waited_for(session: Session, _study: Study, instance: Instance) -> None:
    reference = CommitmentReference(sop_class_uid="1", sop_instance_uid=instance.sop_instance_uid)
    asked = {"transaction_uid": instance.sop_instance_uid, "requester_ae_title": "X", "requester_address": "1"}
    session.add(Commitment(references=[reference], **asked))


def could_not_be_read(session: Session, study: Study, instance: Instance) -> None:
    values = {"generation": 1, "model_version": "1", "result": {"failure": "It is broken."}}
    session.add(Reading(instance_id=instance.id, study_id=study.id, **values))


def was_not_forwarded(session: Session, _study: Study, instance: Instance) -> None:
    session.execute(delete(Delivery).where(Delivery.instance_id == instance.id, Delivery.destination == "pacs"))


def is_lost_by_the_archive(_session: Session, _study: Study, _instance: Instance) -> None:
    """The archive's side of it: see `_prepare`."""


OF_THE_ARCHIVE: dict[str, Change] = {
    "the archive does not find it": is_lost_by_the_archive,
    "it was not forwarded to the archive": was_not_forwarded,
}
OF_OURS: dict[str, Change] = {
    "the study is read": status("processing"),
    "the study failed": status("failed"),
    "the study still comes in": is_gathered_again,
    "the last image is young": came_lately,
    "a delivery waits": owes("waiting"),
    "a delivery failed": owes("failed"),
    "a dead letter is open": has_a_dead_letter,
    "a second object is not yet compared": came_twice("waiting"),
    "a second object is another one": came_twice("different"),
    "a second object names another study": came_under_another_study,
    "an object that names the study came under another's UID": is_named_by_an_object_of_another_study,
    "somebody waits for storage commitment": is_waited_for,
    "it could not be read": could_not_be_read,
}
UNMET = {**OF_OURS, **OF_THE_ARCHIVE}


def uid_of(unmet: tuple[str, ...], kind: int) -> str:
    names = list(UNMET)
    return ".".join(["1", str(kind), *(str(names.index(name) + 1) for name in unmet)])


def prepare(settled: Settled, unmet: tuple[str, ...], kind: int) -> str:
    """Add an image of which these conditions are not met; return its SOP Instance UID."""
    uid = uid_of(unmet, kind)
    settled.add(uid)
    with settled.parts.database.write() as session:
        for name in unmet:
            UNMET[name](session, *rows_of(session, uid))
    if "the archive does not find it" in unmet:
        settled.archive.holds.discard(uid)
    return uid


CHANCE = random.Random(20260914)
SETS = sorted({tuple(sorted(CHANCE.sample(sorted(UNMET), CHANCE.randint(2, 4)))) for _ in range(10)})


@pytest.fixture(scope="module", autouse=True)
def _bystander(one_settled: Settled) -> None:
    one_settled.add(BYSTANDER)


@pytest.fixture(scope="module")
def deleted(one_settled: Settled) -> set[str]:
    """What one round deletes of images with no, one and some conditions unmet."""
    prepared = [prepare(one_settled, unmet, 1) for unmet in [(), *((name,) for name in UNMET), *SETS]]
    one_settled.round()
    return one_settled.deleted(prepared)


def test_an_image_of_which_all_conditions_are_met_is_deleted(deleted: set[str]) -> None:
    assert uid_of((), 1) in deleted


@pytest.mark.parametrize("name", UNMET)
def test_a_single_condition_that_is_not_met_keeps_the_image(deleted: set[str], name: str) -> None:
    assert uid_of((name,), 1) not in deleted


def test_no_two_unmet_conditions_make_up_for_each_other(deleted: set[str]) -> None:
    assert deleted == {uid_of((), 1)}


def test_the_word_of_the_site_stands_for_the_archive_and_for_nothing_else(one_settled: Settled) -> None:
    without = [prepare(one_settled, (name,), 2) for name in OF_THE_ARCHIVE]
    others = [prepare(one_settled, (name,), 2) for name in OF_OURS]
    one_settled.round(SiteWitness())
    assert one_settled.deleted([*without, *others]) == set(without)


@pytest.mark.parametrize("name", [name for name in OF_OURS if name != "it could not be read"])
def test_each_condition_is_asked_again_in_the_transaction_that_deletes(one_settled: Settled, name: str) -> None:
    """What selects the studies is not what decides: this looks at the question that is asked under the lock."""
    uid = prepare(one_settled, (name,), 3)
    with one_settled.parts.database.write() as session:
        study, _ = rows_of(session, uid)
        assert open_matter(session, study, now() - AGE) is not None


def test_a_failure_that_a_later_generation_has_overcome_keeps_nothing(one_settled: Settled) -> None:
    uid = prepare(one_settled, ("it could not be read",), 4)
    with one_settled.parts.database.write() as session:
        study, instance = rows_of(session, uid)
        values = {"generation": 2, "model_version": "1", "result": {"failure": None}}
        session.add(Reading(instance_id=instance.id, study_id=study.id, **values))
    one_settled.round()
    assert one_settled.deleted([uid]) == {uid}

"""Resending: what a destination has lost, or was never owed, and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from dicom_node.destination import Delivered, Failed, Refused
from gateway.database.models import Delivery
from gateway.parts import Parts
from gateway.workflow.destinations import DestinationPlan
from gateway.workflow.jobs import deliver_id
from gateway.workflow.resending import UnknownDestination, resend_study
from gateway.workflow.retrying import UnknownStudy
from tests.gateway.test_delivering import STUDY_UID, Peer, add_reports, delivering, planned, rows


def resend(parts: Parts, *wanted: object, name: str = "pacs", study_uid: str = STUDY_UID) -> int:
    plan = DestinationPlan((planned(**(wanted[0] if wanted else {})),))  # type: ignore[arg-type] # a dict of its fields
    return resend_study(parts.database, parts.jobs, plan, study_uid, name)


def test_what_was_delivered_or_refused_goes_again_under_the_same_uids(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(Delivered())).attempt(STUDY_UID, 1, "pacs", "1")
    with parts.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == rows(parts)[0].id).values(status="failed"))
    assert resend(parts) == 2
    assert parts.jobs.any_alive(deliver_id(STUDY_UID, 1, "pacs", "resend"))
    peer = Peer(Delivered())
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "resend1.1")
    assert peer.seen == ["mammography_cad_sr.SCT.1", "summary_image.SCT.1"]
    assert {(row.status, row.attempts) for row in rows(parts)} == {("delivered", 2)}


def test_what_is_on_its_way_is_not_sent_twice(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(Failed("away"))).attempt(STUDY_UID, 1, "pacs", "1")
    assert resend(parts) == 0


def test_only_the_newest_generation_goes_again(parts: Parts) -> None:
    for generation in (1, 2):
        add_reports(parts, generation, planned(withdraw="note"))
        delivering(parts, Peer(Delivered())).attempt(STUDY_UID, generation, "pacs", "1")
    assert resend(parts, {"withdraw": "note"}) == 2
    waiting = [(row.action, row.generation) for row in rows(parts) if row.status == "waiting"]
    assert waiting == [("send", 2), ("send", 2)]


def test_a_destination_that_came_into_the_settings_later_gets_what_it_wants(parts: Parts) -> None:
    add_reports(parts, 1)
    assert rows(parts) == []
    assert resend(parts, {"dialect": "SRT"}) == 2
    peer = Peer(Delivered())
    delivering(parts, peer).attempt(STUDY_UID, 1, "pacs", "1")
    assert peer.seen == ["mammography_cad_sr.SRT.1", "summary_image.SCT.1"]


def test_a_resend_that_is_refused_is_a_visible_failure_again(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    delivering(parts, Peer(Delivered())).attempt(STUDY_UID, 1, "pacs", "1")
    resend(parts)
    delivering(parts, Peer(Refused("no room"))).attempt(STUDY_UID, 1, "pacs", "resend1.1")
    assert {(row.status, row.last_error) for row in rows(parts)} == {("failed", "no room")}


def test_what_is_unknown_is_named(parts: Parts) -> None:
    add_reports(parts, 1, planned())
    with pytest.raises(UnknownDestination, match="elsewhere"):
        resend(parts, name="elsewhere")
    with pytest.raises(UnknownStudy, match=r"9\.9\.9"):
        resend(parts, study_uid="9.9.9")

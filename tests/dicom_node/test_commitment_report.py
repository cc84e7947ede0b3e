"""The report on a request for storage commitment, as a modality gets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pynetdicom.sop_class import (
    StorageCommitmentPushModelInstance,
)

from dicom_node.commitment_report import (
    ALL_COMMITTED,
    NO_SUCH_OBJECT,
    SOME_FAILED,
    event_information,
    event_type,
    send_report,
)
from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, Refused
from dicom_node.storage_commitment import SopReference
from tests.dicom_node.scripted_scp import scripted_scp
from tests.peers.committing_modality import CommittingModality, committing_modality
from tests.peers.ports import LOOPBACK, free_port

MG = "1.2.840.10008.5.1.4.1.1.1.2"
ONE, TWO = SopReference(MG, "1.2.1"), SopReference(MG, "1.2.2")


def peer(port: int, ae_title: str = "XRAY1") -> DicomDestinationSettings:
    return DicomDestinationSettings(ae_title, LOOPBACK, port, ae_title, acse_timeout=5, dimse_timeout=5)


@pytest.fixture
def modality() -> Iterator[CommittingModality]:
    with committing_modality() as running:
        yield running


def test_all_committed_is_event_type_1_with_every_instance() -> None:
    verdicts: dict[SopReference, int | None] = {ONE: None, TWO: None}
    assert event_type(verdicts) == ALL_COMMITTED == 1
    information = event_information("1.2.3", verdicts)
    assert information.TransactionUID == "1.2.3"
    assert [item.ReferencedSOPInstanceUID for item in information.ReferencedSOPSequence] == ["1.2.1", "1.2.2"]
    assert "FailedSOPSequence" not in information


def test_a_failure_is_event_type_2_with_the_reason_of_each() -> None:
    verdicts = {ONE: None, TWO: NO_SUCH_OBJECT}
    assert event_type(verdicts) == SOME_FAILED == 2
    information = event_information("1.2.3", verdicts)
    assert [item.ReferencedSOPInstanceUID for item in information.ReferencedSOPSequence] == ["1.2.1"]
    (failed,) = information.FailedSOPSequence
    assert (failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID, failed.FailureReason) == (MG, "1.2.2", 0x112)


def test_where_nothing_is_committed_there_is_no_empty_sequence() -> None:
    assert "ReferencedSOPSequence" not in event_information("1.2.3", {ONE: NO_SUCH_OBJECT})


def test_the_modality_gets_it_from_us_in_the_role_of_the_scp(modality: CommittingModality, log: Any) -> None:
    assert send_report(peer(modality.port), "1.2.3", {ONE: None, TWO: NO_SUCH_OBJECT}, log) == Delivered()
    (report,) = modality.reports
    assert (report.event_type, report.information.TransactionUID) == (2, "1.2.3")
    assert (report.committed, report.failed) == ({"1.2.1"}, {"1.2.2": 0x0112})
    assert (report.called_by, report.roles) == ("MAMMOGATE", (False, True))
    assert report.sop_instance_uid == StorageCommitmentPushModelInstance


def test_a_modality_that_knows_nothing_of_roles_gets_it_too(log: Any) -> None:
    with committing_modality(takes_roles=False) as modality:
        assert send_report(peer(modality.port), "1.2.3", {ONE: None}, log) == Delivered()
    assert len(modality.reports) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(0x0110, Failed), (0x0213, Failed), (0x0112, Refused), (0x0113, Refused), (0xB000, Delivered)],
)
def test_the_answer_says_whether_another_attempt_makes_sense(
    modality: CommittingModality, log: Any, status: int, outcome: type
) -> None:
    modality.answers = [status]
    assert type(send_report(peer(modality.port), "1.2.3", {ONE: None}, log)) is outcome


def test_a_modality_that_is_away_is_tried_again_later(log: Any) -> None:
    outcome = send_report(peer(free_port()), "1.2.3", {ONE: None}, log)
    assert isinstance(outcome, Failed)
    assert "Cannot connect" in outcome.reason


def test_a_server_that_takes_no_reports_is_tried_again_and_the_operator_told_what_to_set(log: Any) -> None:
    with scripted_scp() as other:
        outcome = send_report(peer(other.port, other.ae_title), "1.2.3", {ONE: None}, log)
    assert isinstance(outcome, Failed)
    assert "dicom.allowed_peers" in outcome.reason

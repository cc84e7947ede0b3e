"""Asking for storage commitment: what is accepted, what is recorded, what is answered to malformed requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_context
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from dicom_node.storage_commitment import CommitmentRequest, Recorded, SopReference, StorageCommitment
from dicom_node.storage_scp import ScpSettings, StorageScp
from tests.dicom_node.conftest import StartReceiver
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.peers.committing_modality import CommittingModality, commitment_request
from tests.peers.ports import LOOPBACK

MG = "1.2.840.10008.5.1.4.1.1.1.2"
PRINT = "1.2.840.10008.5.1.1.1"


@dataclass
class Desk:
    """Answers what it is told to, and keeps what it was asked."""

    answer: Recorded = Recorded.DURABLY
    requests: list[CommitmentRequest] = field(default_factory=list)

    def record(self, request: CommitmentRequest) -> Recorded:
        self.requests.append(request)
        return self.answer


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def port(desk: Desk, intake: DirectoryIntake, log: Any) -> Iterator[int]:
    scp = StorageScp(ScpSettings(port=0, stop_seconds=1.0), intake, log, StorageCommitment(desk, log))
    scp.start()
    yield scp.port
    scp.stop()


@pytest.fixture
def modality() -> CommittingModality:
    return CommittingModality()  # it does not listen


def test_a_request_is_recorded_and_then_answered_with_success(
    port: int, desk: Desk, modality: CommittingModality
) -> None:
    assert modality.request(port, [(MG, "1.2.1"), (MG, "1.2.2"), (MG, "1.2.1")], "1.2.3") == 0x0000
    (request,) = desk.requests
    assert request == CommitmentRequest(
        "1.2.3", (SopReference(MG, "1.2.1"), SopReference(MG, "1.2.2")), "XRAY1", LOOPBACK
    )


@pytest.mark.parametrize("verdict", list(Recorded))
def test_the_answer_is_what_the_desk_says(
    port: int, desk: Desk, modality: CommittingModality, verdict: Recorded
) -> None:
    desk.answer = verdict
    assert modality.request(port, [(MG, "1.2.1")]) == verdict.value


def _without(keyword: str) -> Dataset:
    information = commitment_request([(MG, "1.2.1")], "1.2.3")
    delattr(information, keyword)
    return information


def _with_item(**values: str) -> Dataset:
    information = commitment_request([(MG, "1.2.1")], "1.2.3")
    for keyword, value in values.items():
        information.ReferencedSOPSequence[0][keyword].value = value
    return information


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"class_uid": PRINT}, 0x0118),
        ({"instance_uid": "1.2.3.4"}, 0x0112),
        ({"action_type": 2}, 0x0123),
        ({"information": Dataset()}, 0x0114),
        ({"information": _without("TransactionUID")}, 0x0114),
        ({"information": _without("ReferencedSOPSequence")}, 0x0114),
        ({"information": commitment_request([], "1.2.3")}, 0x0114),
        ({"information": _with_item(ReferencedSOPInstanceUID="")}, 0x0114),
        ({"information": _with_item(ReferencedSOPClassUID="mammogram")}, 0x0115),
        ({"information": commitment_request([(MG, "1.2.1")], "no-uid")}, 0x0115),
        ({"information": commitment_request([(MG, f"1.2.{n}") for n in range(10_001)], "1.2.3")}, 0x0213),
    ],
)
def test_a_malformed_request_gets_the_status_of_the_standard_and_is_not_recorded(
    port: int, desk: Desk, modality: CommittingModality, request_: dict[str, Any], status: int
) -> None:
    assert modality.request(port, [(MG, "1.2.1")], **request_) == status
    assert desk.requests == []
    assert modality.request(port, [(MG, "1.2.1")]) == 0x0000, "it goes on serving"


def test_an_error_comment_says_why(port: int, desk: Desk) -> None:
    desk.answer = Recorded.NOBODY_TO_TELL
    association = AE("XRAY1").associate(LOOPBACK, port, [build_context(StorageCommitmentPushModel)], "MAMMOGATE")
    status, _ = association.send_n_action(
        commitment_request([(MG, "1.2.1")], "1.2.3"), 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    association.release()
    assert status.ErrorComment == "No port is known to send the report to"


@pytest.mark.parametrize(
    ("scu", "scp", "accepted"), [(True, False, True), (True, True, True), (False, True, False), (None, None, True)]
)
def test_we_are_the_scp_whatever_roles_are_proposed(
    port: int, scu: bool | None, scp: bool | None, accepted: bool
) -> None:
    roles: list[Any] = []
    if scu is not None and scp is not None:
        roles.append(build_role(StorageCommitmentPushModel, scu_role=scu, scp_role=scp))
    association = AE("XRAY1").associate(
        LOOPBACK, port, [build_context(StorageCommitmentPushModel)], "MAMMOGATE", ext_neg=roles
    )
    assert [(cx.as_scu, cx.as_scp) for cx in association.accepted_contexts] == ([(True, False)] if accepted else [])
    if association.is_established:
        association.release()


def test_it_is_not_offered_where_nobody_stands_behind_it(
    start_receiver: StartReceiver, modality: CommittingModality
) -> None:
    assert modality.request(start_receiver().port, [(MG, "1.2.1")]) is None

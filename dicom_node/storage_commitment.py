"""The Storage Commitment Push Model as SCP (PS3.4 Annex J): takes N-ACTION requests and has them recorded.

The answer to the N-ACTION only says that the request is recorded. What became of the instances is said later, by an
N-EVENT-REPORT on an association of our own (`commitment_report`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol, cast

import structlog
from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time from a table
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from dicom_node import transfer_syntaxes
from dicom_node.command_set import ERROR_COMMENT_LENGTH

SOP_CLASS: Final = UID(StorageCommitmentPushModel)
# The one instance of that class that there is (PS3.4 J.3.5, PS3.6 Table A-1).
WELL_KNOWN_INSTANCE: Final = UID(StorageCommitmentPushModelInstance)
REQUEST_COMMITMENT: Final = 1  # the only Action Type ID (PS3.4 J.3.2)

# Statuses of PS3.7 10.1.4.1.10 and Annex C that the request's form alone decides.
NO_SUCH_INSTANCE: Final = 0x0112
NO_SUCH_ARGUMENT: Final = 0x0114
INVALID_ARGUMENT: Final = 0x0115
NO_SUCH_CLASS: Final = 0x0118
NO_SUCH_ACTION: Final = 0x0123
# A study has hundreds of instances; the limit only bounds what one message can make us keep.
MAX_REFERENCES: Final = 10_000
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True)
class SopReference:
    """An item of Referenced SOP Sequence (0008,1199)."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentRequest:
    """What an AE asks for: that we are responsible for these instances from now on."""

    transaction_uid: str
    references: tuple[SopReference, ...]
    """Each once, in the order of the request."""
    requester_ae_title: str
    requester_address: str


class Recorded(Enum):
    """What became of a request; the value is the N-ACTION status (PS3.7 10.1.4.1.10)."""

    DURABLY = 0x0000
    """Its row and its job are on disk. Also for a request that is there already."""
    OTHER_INSTANCES = 0x0115
    """The Transaction UID is in use for other instances."""
    NOBODY_TO_TELL = 0x0110
    """It is not known where the requester listens for the report."""
    OUT_OF_RESOURCES = 0x0213
    """It could not be made durable; ask again later."""


class CommitmentDesk(Protocol):
    """Implemented by the gateway; called from many threads at once, and never raises."""

    def record(self, request: CommitmentRequest) -> Recorded:
        """Make the request durable, with the job that will report on it; only then may the requester be answered."""


class MalformedRequest(ValueError):
    """The N-ACTION can't be what it should be; `status` is the answer, the sentence its Error Comment."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


class StorageCommitment:
    """What a Storage SCP needs in order to offer storage commitment: a context to accept, handlers to bind."""

    def __init__(self, desk: CommitmentDesk, log: structlog.typing.FilteringBoundLogger) -> None:
        self._desk = desk
        self._log = log

    def context(self) -> PresentationContext:
        """Accept the class from a requestor that is SCU, by role selection or by default (PS3.7 D.3.3.4)."""
        context = build_context(SOP_CLASS, list(transfer_syntaxes.LITTLE_ENDIAN))
        context.scu_role, context.scp_role = True, False
        return context

    def handlers(self) -> list[EventHandlerType]:
        return [(evt.EVT_N_ACTION, self._on_action)]

    def _on_action(self, event: Event) -> tuple[Dataset, None]:
        requestor = event.assoc.requestor
        log = self._log.bind(peer=requestor.ae_title, address=requestor.address)
        try:
            action = cast(N_ACTION, event.request)
            request = read_request(action, lambda: event.action_information, requestor.ae_title, requestor.address)
        except MalformedRequest as problem:
            log.warning("commitment_request_malformed", status=f"0x{problem.status:04X}", reason=str(problem))
            return _response(problem.status, str(problem)), None
        recorded = self._desk.record(request)
        log.info(
            "commitment_requested",
            transaction_uid=request.transaction_uid,
            instances=len(request.references),
            recorded=recorded.name,
        )
        return _response(recorded.value, _COMMENTS.get(recorded, "")), None


_COMMENTS = {
    Recorded.OTHER_INSTANCES: "This Transaction UID is in use for other instances",
    Recorded.NOBODY_TO_TELL: "No port is known to send the report to",
    Recorded.OUT_OF_RESOURCES: "The request could not be recorded; ask again",
}


def read_request(
    action: N_ACTION, information: Callable[[], Dataset], requester_ae_title: str, requester_address: str
) -> CommitmentRequest:
    """Return what an N-ACTION asks for (PS3.4 Table J.3-1).

    Raises:
        MalformedRequest: it can't be carried out as it stands.

    """
    if action.RequestedSOPClassUID != SOP_CLASS:
        raise MalformedRequest(NO_SUCH_CLASS, "Not the Storage Commitment Push Model SOP class")
    if action.RequestedSOPInstanceUID != WELL_KNOWN_INSTANCE:
        raise MalformedRequest(NO_SUCH_INSTANCE, "Not the well-known Storage Commitment instance")
    if action.ActionTypeID != REQUEST_COMMITMENT:
        raise MalformedRequest(NO_SUCH_ACTION, "Action Type ID is not 1")
    if action.ActionInformation is None or not action.ActionInformation.getbuffer().nbytes:
        raise MalformedRequest(NO_SUCH_ARGUMENT, "There is no Action Information")
    try:
        data_set = information()
        transaction_uid = _uid(data_set, "TransactionUID")
        references = tuple(dict.fromkeys(_references(data_set)))
    except MalformedRequest:
        raise
    except Exception as problem:  # whatever pydicom stumbles over in a stranger's bytes
        raise MalformedRequest(INVALID_ARGUMENT, "The Action Information can't be read") from problem
    return CommitmentRequest(transaction_uid, references, requester_ae_title, requester_address)


def _references(data_set: Dataset) -> Iterator[SopReference]:
    items = data_set.get("ReferencedSOPSequence")
    if not items:
        raise MalformedRequest(NO_SUCH_ARGUMENT, "Referenced SOP Sequence is missing or empty")
    if len(items) > MAX_REFERENCES:
        raise MalformedRequest(Recorded.OUT_OF_RESOURCES.value, f"More than {MAX_REFERENCES} instances at once")
    for item in items:
        yield SopReference(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))


def _uid(data_set: Dataset, keyword: str) -> str:
    value: Any = data_set.get(keyword)
    if value is None or value == "":
        raise MalformedRequest(NO_SUCH_ARGUMENT, f"{keyword} is missing or empty")
    text = str(value)
    if not _UID.fullmatch(text):
        raise MalformedRequest(INVALID_ARGUMENT, f"{keyword} is not a UID")
    return text


def _response(status: int, comment: str) -> Dataset:
    response = Dataset()
    response.Status = status
    if status and comment:
        response.ErrorComment = comment[:ERROR_COMMENT_LENGTH]
    return response

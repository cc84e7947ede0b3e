"""Verification (PS3.4 Annex A), both sides: answering C-ECHO, and asking a peer whether it is there."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from pynetdicom.events import Event
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time from a table

from dicom_node.association_request import AssociationFailed, associate
from dicom_node.destination import DicomDestinationSettings

SUCCESS = 0x0000


def answer_echo(event: Event, log: structlog.typing.FilteringBoundLogger) -> int:
    """Say that we are here; whoever got an association may ask."""
    log.info("echo_answered", peer=event.assoc.requestor.ae_title, address=event.assoc.requestor.address)
    return SUCCESS


@dataclass(frozen=True)
class EchoResult:
    ok: bool
    detail: str
    """A sentence for the operator."""
    seconds: float
    """How long the C-ECHO itself took; 0 when it was not answered."""


def echo(peer: DicomDestinationSettings) -> EchoResult:
    """Ask a peer by C-ECHO whether it is there and knows us."""
    try:
        association = associate(peer, [build_context(Verification)])
    except AssociationFailed as problem:
        return EchoResult(False, str(problem), 0.0)
    started = time.perf_counter()
    status = association.send_c_echo()
    seconds = time.perf_counter() - started
    if association.is_established:
        association.release()
    if "Status" not in status:
        detail = f"{peer.ae_title} accepted the association but did not answer the C-ECHO; look into its log."
        return EchoResult(False, detail, 0.0)
    if status.Status != SUCCESS:
        return EchoResult(False, f"{peer.ae_title} answered the C-ECHO with status 0x{status.Status:04X}.", seconds)
    return EchoResult(True, f"{peer.ae_title} at {peer.host}:{peer.port} answered in {seconds * 1000:.0f} ms.", seconds)

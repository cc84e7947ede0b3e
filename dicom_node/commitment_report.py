"""Telling who asked what became of the instances: N-EVENT-REPORT on an association of our own (PS3.4 J.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from pydicom import Dataset
from pynetdicom.presentation import build_context, build_role

from dicom_node import transfer_syntaxes
from dicom_node.association_request import AssociationFailed, NoContextAccepted, associate
from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, Outcome, Refused
from dicom_node.storage_commitment import SOP_CLASS, WELL_KNOWN_INSTANCE, SopReference

# Event Type IDs (PS3.4 J.3.3.1).
ALL_COMMITTED: Final = 1
SOME_FAILED: Final = 2

# Failure Reasons (0008,1197) that we give (PS3.3 C.14.1.1).
PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_OBJECT: Final = 0x0112
CLASS_CONFLICT: Final = 0x0119
RESOURCE_LIMITATION: Final = 0x0213

# Statuses with which a peer says that it will never take this report (PS3.7 10.1.1.1.8).
_NEVER: Final = frozenset({0x0112, 0x0113, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0124, 0x0211, 0x0212})
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116, *range(0xB000, 0xC000)})

Verdicts = Mapping[SopReference, int | None]
"""For each instance its Failure Reason, or None: we have committed to it."""


def event_type(verdicts: Verdicts) -> int:
    """Return the Event Type ID that says what became of all of them."""
    return ALL_COMMITTED if all(reason is None for reason in verdicts.values()) else SOME_FAILED


def event_information(transaction_uid: str, verdicts: Verdicts) -> Dataset:
    """Return the Event Information (PS3.4 Table J.3-2).

    Retrieve AE Title stays out: nothing can be retrieved from us.
    """
    information = Dataset()
    information.TransactionUID = transaction_uid
    committed = [_item(reference) for reference, reason in verdicts.items() if reason is None]
    failed = [_item(reference, reason) for reference, reason in verdicts.items() if reason is not None]
    if committed:
        information.ReferencedSOPSequence = committed
    if failed:
        information.FailedSOPSequence = failed
    return information


def send_report(
    peer: DicomDestinationSettings,
    transaction_uid: str,
    verdicts: Verdicts,
    log: structlog.typing.FilteringBoundLogger,
) -> Outcome:
    """Send the report; it never raises for what the peer or the network does."""
    context = build_context(SOP_CLASS, list(transfer_syntaxes.LITTLE_ENDIAN))
    # We request the association, and are its SCP all the same (PS3.7 D.3.3.4).
    role = build_role(SOP_CLASS, scu_role=False, scp_role=True)
    try:
        association = associate(peer, [context], roles=[role])
    except NoContextAccepted:
        return Failed(
            f"{peer.ae_title} at {peer.host}:{peer.port} does not take storage commitment reports; switch them on "
            "there, or correct host and port of its entry in dicom.allowed_peers."
        )
    except AssociationFailed as problem:
        return Failed(str(problem))
    try:
        if not association.accepted_contexts[0].as_scp:
            # Older machines know nothing of roles, and take the report nevertheless.
            log.info("role_selection_not_answered", peer=peer.ae_title)
        information = event_information(transaction_uid, verdicts)
        answer, _ = association.send_n_event_report(information, event_type(verdicts), SOP_CLASS, WELL_KNOWN_INSTANCE)
    except (RuntimeError, ValueError, OSError) as problem:
        return Failed(f"{peer.ae_title} broke the association before the report was sent ({type(problem).__name__}).")
    finally:
        if association.is_established:
            association.release()
    return _outcome(peer, answer)


def _outcome(peer: DicomDestinationSettings, answer: Dataset) -> Outcome:
    if "Status" not in answer:
        return Failed(f"{peer.ae_title} did not answer the report; it is not known whether it was taken.")
    status = int(answer.Status)
    if status == 0:
        return Delivered()
    if status in _WARNINGS:
        return Delivered(f"with warning 0x{status:04X}")
    reason = f"{peer.ae_title} answered the report with status 0x{status:04X}; look into its log."
    return Refused(reason) if status in _NEVER else Failed(reason)


def _item(reference: SopReference, failure_reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if failure_reason is not None:
        item.FailureReason = failure_reason
    return item

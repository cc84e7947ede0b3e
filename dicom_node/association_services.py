"""Who answers the messages of one association: the intake for C-STORE, pynetdicom for C-ECHO and N-ACTION."""

from __future__ import annotations

from typing import cast

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, N_ACTION
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time from a table
    StorageCommitmentPushModel,
    Verification,
)

from dicom_node import sop_classes
from dicom_node.command_set import C_ECHO_RQ, N_ACTION_RQ, Command
from dicom_node.data_set_file import DataSetFile
from dicom_node.file_meta import part10_head
from dicom_node.intake import AnnouncedInstance, Intake, Origin, Verdict

SOP_CLASS_NOT_SUPPORTED = 0x0122


class AssociationServices:
    """Implements `association_reader.Services`."""

    def __init__(
        self, association: Association, intake: Intake, origin: Origin, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._association = association
        self._intake = intake
        self._origin = origin
        self._log = log

    def open(self, command: Command, transfer_syntax_uid: str) -> DataSetFile:
        """Return a file of the intake's, with its head written."""
        head = part10_head(
            sop_class_uid=command.sop_class_uid,
            sop_instance_uid=command.sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            sender=self._origin.peer_ae_title,
        )
        return DataSetFile(self._intake, head)

    def store(self, command: Command, incoming: DataSetFile | None) -> tuple[int, str]:
        """Have the intake make the object durable; whatever fails, the sender hears that it has to send again."""
        log = self._log.bind(association_id=self._origin.association_id, sop_instance_uid=command.sop_instance_uid[:64])
        if incoming is None:
            log.warning("object_without_data_set")
            return Verdict.UNREADABLE.value, "The request had no data set"
        try:
            return self._store(command, incoming, log)
        except Exception:
            log.exception("object_not_stored")
            return Verdict.OUT_OF_RESOURCES.value, "The gateway failed; send again"
        finally:
            incoming.discard()

    def _store(
        self, command: Command, incoming: DataSetFile, log: structlog.typing.FilteringBoundLogger
    ) -> tuple[int, str]:
        if not sop_classes.is_accepted(command.sop_class_uid):
            # Sent under the context of another class, or it would have been refused at negotiation.
            log.warning("sop_class_not_supported", sop_class_uid=command.sop_class_uid[:64])
            return SOP_CLASS_NOT_SUPPORTED, "This SOP class is not accepted here"
        path = incoming.hand_over()
        if path is None:
            log.error("object_not_written", problem=str(incoming.failure))
            return Verdict.OUT_OF_RESOURCES.value, "The object could not be written to disk"
        announced = AnnouncedInstance(command.sop_class_uid, command.sop_instance_uid)
        try:
            answer = self._intake.accept(path, announced, self._origin)
        except BaseException:
            self._intake.discard(path)
            raise
        if answer.verdict is not Verdict.STORED:
            log.warning("object_refused", verdict=answer.verdict.name, comment=answer.comment)
        return answer.verdict.value, answer.comment

    def serve(self, request: Command, context_id: int, command: bytes, data_set: bytes) -> bool:
        """Let pynetdicom's service classes, and the handlers bound to their events, answer what they serve."""
        context = self._association._accepted_cx[context_id]
        is_echo = request.field == C_ECHO_RQ and request.sop_class_uid == Verification
        is_action = request.field == N_ACTION_RQ and context.abstract_syntax == StorageCommitmentPushModel
        if not (is_echo or is_action):
            return False
        fragments = P_DATA()
        fragments.presentation_data_value_list.append((context_id, b"\x03" + command))
        if data_set:
            fragments.presentation_data_value_list.append((context_id, b"\x02" + data_set))
        message = DIMSEMessage()
        try:
            message.decode_msg(fragments, self._association)
            primitive = cast(C_ECHO | N_ACTION, message.message_to_primitive())
        except Exception as problem:  # noqa: BLE001 (pynetdicom raises what it likes; all of it means malformed)
            self._log.warning("malformed_message", problem=type(problem).__name__)
            self._association.abort(block=False)
            return True
        self._association._serve_request(primitive, context_id)
        return True

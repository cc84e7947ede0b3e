"""A data set on its way from the network to the intake's disk, never in memory and never decoded.

pynetdicom can itself write incoming data sets to temporary files, but only to the system's temporary folder (from
which they would have to be copied) and without removing them when an association is aborted. So a provider of ours
gives each C-STORE request a file that the intake has named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, cast

import structlog
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dsutils import create_file_meta
from pynetdicom.pdu_primitives import P_DATA

from dicom_node import pynetdicom_options  # noqa: F401 (sets pynetdicom's global switches)
from dicom_node.intake import Intake

PREAMBLE = b"\0" * 128 + b"DICM"


class DataSetFile:
    """A Part 10 file being received.

    Stands in for the temporary file of pynetdicom, which calls `write`, `file.flush` and `close`. A failure to write
    is remembered rather than raised: it happens on pynetdicom's network thread, which would die of it, and the sender
    is owed an answer after its data set has been read to the end.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self.failure: Exception | None = None

    def open(self, *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, sender: str) -> None:
        try:
            self._path = self._intake.new_file()
            # Unbuffered: a PDV is large enough to be a write of its own.
            self._file = cast(BinaryIO, self._path.open("xb", buffering=0))
            self._file.write(PREAMBLE)
            meta = create_file_meta(
                sop_class_uid=UID(sop_class_uid),
                sop_instance_uid=UID(sop_instance_uid),
                transfer_syntax=UID(transfer_syntax_uid),
            )
            if sender:
                meta.SourceApplicationEntityTitle = sender
            write_file_meta_info(DicomFileLike(self._file), meta)
        except Exception as problem:  # noqa: BLE001 (whatever it was, the sender gets "out of resources", not silence)
            self.failure = problem

    @property
    def file(self) -> DataSetFile:
        return self

    def flush(self) -> None:
        """Nothing is buffered."""

    def write(self, data: bytes) -> int:
        if self.failure is None and self._file is not None:
            try:
                remaining = memoryview(data)
                while remaining:  # an unbuffered write may take less than it was given
                    remaining = remaining[self._file.write(remaining) :]
            except OSError as problem:
                self.failure = problem
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as problem:
                self.failure = self.failure or problem
            self._file = None

    def hand_over(self) -> Path | None:
        """Close and return the path, which is the caller's from now on; None if writing failed."""
        self.close()
        if self.failure is not None:
            return None
        path, self._path = self._path, None
        return path

    def discard(self) -> None:
        """Remove what was written, unless it has been handed over."""
        self.close()
        if self._path is not None:
            self._intake.discard(self._path)
            self._path = None


class ReceivingProvider(DIMSEServiceProvider):
    """pynetdicom's DIMSE provider, writing the data sets of C-STORE requests to the intake's files."""

    def __init__(self, association: Association, intake: Intake, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(association)
        self._intake = intake
        self._log = log
        self._unfinished: set[DataSetFile] = set()

    def receive_primitive(self, primitive: P_DATA) -> None:
        # One PDU may carry the end of a command and the beginning of its data set: fragment by fragment, there is a
        # moment between them at which the file can be opened.
        try:
            for fragment in primitive.presentation_data_value_list:
                single = P_DATA()
                single.presentation_data_value_list.append(fragment)
                super().receive_primitive(single)
                if isinstance(self.message, C_STORE_RQ):
                    message = cast(Any, self.message)  # its attribute is declared as a NamedTemporaryFile
                    if message._data_set_file is None:
                        message._data_set_file = self._opened(message)
        except Exception:  # noqa: BLE001 (logged; raised any further it would end the network thread without an abort)
            self._log.exception("malformed_message", peer=self.assoc.requestor.ae_title)
            self.dul.event_queue.put("Evt19")  # what pynetdicom itself does with invalid messages: abort

    def _opened(self, message: Any) -> DataSetFile:
        command = message.command_set
        context = self.assoc._accepted_cx.get(message.context_id)
        incoming = DataSetFile(self._intake)
        self._unfinished.add(incoming)
        incoming.open(
            sop_class_uid=str(command.get("AffectedSOPClassUID", "")),
            sop_instance_uid=str(command.get("AffectedSOPInstanceUID", "")),
            transfer_syntax_uid=str(context.transfer_syntax[0]) if context else "",
            sender=self.assoc.requestor.ae_title,
        )
        return incoming

    def finished(self, incoming: DataSetFile) -> None:
        """Forget a file that has been accepted or discarded."""
        self._unfinished.discard(incoming)

    def discard_unfinished(self) -> None:
        """Remove what the association left behind; called after its end."""
        for incoming in list(self._unfinished):
            incoming.discard()
            self._log.warning("incomplete_object_discarded")
        self._unfinished.clear()

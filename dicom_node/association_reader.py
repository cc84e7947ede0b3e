"""One established association, read to its end by one blocking thread: the bulk of a C-STORE goes straight to a file.

pynetdicom listens, negotiates and answers everything that isn't C-STORE; see `association_server`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from dicom_node import command_set
from dicom_node.association_connection import AssociationConnection, PeerSilent
from dicom_node.association_states import TABLE, Action, Event, State
from dicom_node.command_set import BadCommand, Command
from dicom_node.data_set_file import DataSetFile
from dicom_node.pdu_stream import Control, Fragment, InvalidPdu, PduStream, UnexpectedPdu, UnknownPdu

# Large enough that the calls per megabyte don't count, small enough to stay in a processor's cache.
BUFFER_BYTES = 256 << 10
MAX_COLLECTED_BYTES = 16 << 20
"""How large the data set of anything but a C-STORE may be; a storage commitment request has some kilobytes."""
_MAX_PIECES = 1000

_RELEASE_RP = struct.pack(">BxII", 0x06, 4, 0)
# Source and reason of each A-ABORT (PS3.8 table 9-26): 0 = service user, 2 = service provider.
_ABORTS = {
    Action.ABORT: (0, 0),
    Action.ABORT_UNKNOWN: (2, 1),
    Action.ABORT_UNEXPECTED: (2, 2),
    Action.ABORT_INVALID: (2, 6),
}
_ABORT_FAILED = struct.pack(">BxIxxBB", 0x07, 4, 2, 0)  # no reason given: the defect is ours
_FAULTS = {
    UnknownPdu: Event.UNKNOWN_PDU,
    UnexpectedPdu: Event.UNEXPECTED_PDU,
    InvalidPdu: Event.INVALID_PDU,
}


class Services(Protocol):
    """Who answers the messages of one association."""

    def open(self, command: Command, transfer_syntax_uid: str) -> DataSetFile:
        """Return the file that takes the data set of a C-STORE request."""

    def store(self, command: Command, incoming: DataSetFile | None) -> tuple[int, str]:
        """Make the object durable and return status and error comment; never raises. None: there was no data set."""

    def serve(self, request: Command, context_id: int, command: bytes, data_set: bytes) -> bool:
        """Answer any other request on the same connection; False: it is none that is served."""


class AssociationReader:
    """Reads until the association ends. `contexts` has the transfer syntax of each accepted presentation context."""

    def __init__(
        self,
        connection: AssociationConnection,
        contexts: Mapping[int, str],
        services: Services,
        log: structlog.typing.FilteringBoundLogger,
        *,
        max_pdu_bytes: int,
        linger_seconds: float,
    ) -> None:
        self._connection = connection
        self._contexts = contexts
        self._services = services
        self._log = log
        self._max_pdu_bytes = max_pdu_bytes
        self._linger_seconds = linger_seconds
        self._state = State.READY
        self._stopping = False
        self._context_id = 0
        self._command_bytes = bytearray()
        self._command: Command | None = None
        self._data = bytearray()
        self._incoming: DataSetFile | None = None
        self._pieces: list[memoryview] = []
        self.ending = "lost"
        """How it ended, for the log: released, aborted or lost."""

    def stop(self) -> None:
        """Have the association aborted as soon as the message in work is answered; from any thread."""
        self._stopping = True
        self._connection.wake()

    def run(self) -> None:
        """Read, answer, and close the connection at the end; what was not whole by then is removed.

        Raises:
            Exception: a defect of ours; the peer has been told by an A-ABORT.

        """
        stream = PduStream()
        buffer = memoryview(bytearray(BUFFER_BYTES))
        kept = 0
        try:
            while self._state is not State.ENDED:
                within = self._state is not State.READY or stream.is_within_pdu or kept > 0
                count = self._receive(buffer[kept:], within_message=within)
                if not count:
                    continue
                end = kept + count
                self._take(stream, buffer[:end])
                self._write_out()
                kept = end - stream.consumed
                if kept:  # less than a header: the rest of it comes next
                    buffer[:kept] = bytes(buffer[end - kept : end])
        except Exception:
            self._say_failed()
            raise
        finally:
            self._discard()
            self._connection.close(wait_for_peer=0)

    def _receive(self, view: memoryview, *, within_message: bool) -> int:
        if self._stopping:
            self._on(Event.STOP)
            return 0
        try:
            count = self._connection.receive_into(view, within_message=within_message)
        except PeerSilent as problem:
            self._log.warning("association_too_slow", problem=str(problem))
            self._on(Event.SILENCE)
            return 0
        except OSError:
            count = 0
        if not count:
            self._on(Event.STOP if self._stopping else Event.CLOSED)
        return count

    def _take(self, stream: PduStream, view: memoryview) -> None:
        try:
            for piece in stream.cut(view):
                if isinstance(piece, Fragment):
                    self._on_fragment(piece)
                else:
                    self._on(Event.RELEASE_REQUEST if piece is Control.RELEASE_REQUEST else Event.PEER_ABORT)
                if self._state is State.ENDED:
                    return
        except (UnknownPdu, UnexpectedPdu, InvalidPdu) as problem:
            self._log.warning("malformed_message", problem=str(problem))
            self._on(_FAULTS[type(problem)])

    def _on_fragment(self, fragment: Fragment) -> None:
        foreign = self._state is not State.READY and fragment.context_id != self._context_id
        if foreign or fragment.context_id not in self._contexts:
            self._log.warning("malformed_message", problem=f"a fragment in context {fragment.context_id}")
            self._on(Event.FOREIGN_FRAGMENT)
            return
        self._context_id = fragment.context_id
        ends = fragment.is_last and fragment.is_whole
        if not fragment.is_command:
            self._on(Event.DATA_END if ends else Event.DATA_PART, fragment.data)
        elif self._state not in (State.READY, State.COMMAND):
            self._on(Event.COMMAND_PART)  # refused there, before anything of it is kept
        else:
            self._command_bytes += fragment.data
            self._on(self._whole_command() if ends else self._part_of_command())

    def _part_of_command(self) -> Event:
        return Event.COMMAND_PART if len(self._command_bytes) <= command_set.MAX_COMMAND_BYTES else Event.BAD_COMMAND

    def _whole_command(self) -> Event:
        try:
            self._command = command_set.parse_command(self._command_bytes)
        except BadCommand as problem:
            self._log.warning("malformed_message", problem=str(problem))
            return Event.BAD_COMMAND
        if not self._command.has_data_set:
            return Event.LONE_COMMAND
        return Event.STORE_COMMAND if self._command.field == command_set.C_STORE_RQ else Event.OTHER_COMMAND

    def _on(self, event: Event, data: memoryview | None = None) -> None:
        action, self._state = TABLE[self._state][event]
        try:
            self._do(action, data)
        except OSError as problem:
            # An answer that can't be sent: the peer will send its object again, and find it here.
            self._log.warning("answer_not_sent", problem=type(problem).__name__)
            self._state = State.ENDED

    def _do(self, action: Action, data: memoryview | None) -> None:
        match action:
            case Action.WRITE:
                self._write(data)
            case Action.STORE:
                self._write(data)
                self._write_out()
                self._store()
            case Action.OPEN_FILE:
                assert self._command is not None  # noqa: S101 (the table leads here from a whole command only)
                self._incoming = self._services.open(self._command, self._contexts[self._context_id])
            case Action.KEEP_DATA:
                self._collect(data)
            case Action.SERVE:
                self._collect(data)
                self._serve()
            case Action.RELEASE:
                self.ending = "released"
                self._say_last(_RELEASE_RP)
            case Action.LEAVE:
                pass
            case Action.HEAR_ABORT:
                self.ending = "aborted"
            case Action.KEEP_COMMAND:
                pass  # it is kept before the table is asked: only a whole command tells which event it is
            case _:
                self.ending = "aborted"
                self._say_last(struct.pack(">BxIxxBB", 0x07, 4, *_ABORTS[action]))

    def _write(self, data: memoryview | None) -> None:
        if data:
            self._pieces.append(data)
            if len(self._pieces) >= _MAX_PIECES:
                self._write_out()

    def _write_out(self) -> None:
        """Write before the buffer that the pieces are views of is received into again."""
        if self._pieces and self._incoming is not None:
            self._incoming.write(self._pieces)
        self._pieces.clear()

    def _store(self) -> None:
        command, incoming = self._command, self._incoming
        assert command is not None  # noqa: S101 (a C-STORE request has been parsed before its data set)
        self._incoming = None
        self._answer(command, *self._services.store(command, incoming))
        self._forget_message()

    def _collect(self, data: memoryview | None) -> None:
        if data:
            self._data += data
        if len(self._data) > MAX_COLLECTED_BYTES:
            self._on(Event.INVALID_PDU)

    def _serve(self) -> None:
        command = self._command
        if command is None or self._state is State.ENDED:
            return
        if command.field == command_set.C_STORE_RQ:
            self._answer(command, *self._services.store(command, None))
        elif not command.is_request:
            # Cancelling what can't be cancelled, or an answer to what was never asked: nothing to say to it.
            self._log.info("message_ignored", command_field=f"{command.field:04X}")
        elif not self._services.serve(command, self._context_id, bytes(self._command_bytes), bytes(self._data)):
            self._answer(command, command_set.UNRECOGNISED_OPERATION, "This operation is not served here")
        self._forget_message()

    def _answer(self, command: Command, status: int, comment: str) -> None:
        answer = command_set.response(command, status, comment)
        self._connection.send(command_set.as_p_data(self._context_id, answer, self._max_pdu_bytes))

    def _forget_message(self) -> None:
        self._command = None
        self._command_bytes = bytearray()
        self._data = bytearray()

    def _discard(self) -> None:
        self._pieces.clear()
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None
            self._log.warning("incomplete_object_discarded")

    def _say_failed(self) -> None:
        self.ending = "aborted"
        with suppress(OSError):
            self._say_last(_ABORT_FAILED)

    def _say_last(self, pdu: bytes) -> None:
        # What was not whole goes before the peer hears that it is over: it may look at once.
        self._discard()
        self._connection.send(pdu)
        self._connection.close(wait_for_peer=0 if self._stopping else self._linger_seconds)

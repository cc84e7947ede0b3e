"""A C-STORE sender that costs next to nothing, so that the receiver is what is measured.

with SendingAssociation(Address("127.0.0.1", 11112, "MAMMOGATE"), images) as association:
    association.store(images[0], fresh_uid(), fresh_uid())
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from types import TracebackType

from benchmarks import wire
from benchmarks.image_file import ImageFile

# Longer than any receiver needs for a gigabyte; a stalled one should end the run, not hang it.
TIMEOUT_SECONDS = 300
CALLING = "BENCHMARK"
# Linux takes 1024 buffers in one gathering write (UIO_MAXIOV).
_BUFFERS_A_WRITE = 1000

_salt = secrets.randbelow(10**18)
_numbers = count()


def fresh_uid() -> str:
    """Return a UID that no receiver has seen, of the same length each time (PS3.5 B.2: 2.25 and an integer)."""
    return f"2.25.1{_salt:018d}{next(_numbers):020d}"


class SendingFailed(Exception):
    """The receiver refused the association or an image, or went away."""


@dataclass(frozen=True)
class Address:
    """Where a receiver listens, and the AE title that it is called by."""

    host: str
    port: int
    ae_title: str


class SendingAssociation:
    """An association for these images' SOP classes and transfer syntaxes; established when constructed."""

    def __init__(self, to: Address, images: Iterable[ImageFile]) -> None:
        contexts = sorted({(image.sop_class_uid, image.transfer_syntax_uid) for image in images})
        self._socket = socket.create_connection((to.host, to.port), timeout=TIMEOUT_SECONDS)
        # A Python timeout makes the socket non-blocking, and a large write many small ones; the kernel's doesn't.
        self._socket.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", TIMEOUT_SECONDS, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(wire.association_request(to.ae_title, CALLING, contexts))
            accepted = wire.acceptance(self._receive(wire.A_ASSOCIATE_AC))
        except BaseException:
            self._socket.close()
            raise
        self._capacity = accepted.capacity
        numbered = ((context, 2 * number + 1) for number, context in enumerate(contexts))
        self._context_ids = {context: number for context, number in numbered if number in accepted.context_ids}
        self._message_id = 0

    def __enter__(self) -> SendingAssociation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._socket.close()

    def store(self, image: ImageFile, sop_instance_uid: str, study_instance_uid: str) -> int:
        """Send one image under these UIDs, wait for the answer, and return how many bytes its data set had.

        Raises:
            SendingFailed: the status is not 0x0000.

        """
        context_id = self._context_ids.get((image.sop_class_uid, image.transfer_syntax_uid))
        if context_id is None:
            raise SendingFailed(f"the receiver takes no {image.sop_class_uid} in {image.transfer_syntax_uid}")
        self._message_id = self._message_id % 0xFFFF + 1
        parts = image.parts(sop_instance_uid, study_instance_uid)
        request = wire.store_request(context_id, self._message_id, image.sop_class_uid, sop_instance_uid)
        self._write(request, wire.data_set_pdus(context_id, parts, self._capacity))
        answer = self._answer()
        if answer.status != 0 or answer.message_id != self._message_id:
            raise SendingFailed(f"the receiver answered 0x{answer.status:04X} {answer.comment}".rstrip())
        return sum(map(len, parts))

    def close(self) -> None:
        """Release the association, as PS3.8 7.2 has it, and close the connection."""
        try:
            self._socket.sendall(wire.pdu(wire.A_RELEASE_RQ, bytes(4)))
            self._receive(wire.A_RELEASE_RP)
        finally:
            self._socket.close()

    def _write(self, request: bytes, pdus: Iterable[bytes | memoryview]) -> None:
        buffers = iter(pdus)
        batch: Sequence[bytes | memoryview] = [request, *islice(buffers, _BUFFERS_A_WRITE - 1)]
        while batch:
            self._write_all(batch)
            batch = list(islice(buffers, _BUFFERS_A_WRITE))

    def _write_all(self, batch: Sequence[bytes | memoryview]) -> None:
        left = [memoryview(buffer) for buffer in batch]
        while left:
            written = self._socket.sendmsg(left)
            done = 0
            while done < len(left) and written >= len(left[done]):
                written -= len(left[done])
                done += 1
            left = left[done:]
            if written:
                left[0] = left[0][written:]

    def _answer(self) -> wire.StoreAnswer:
        command, complete = b"", False
        while not complete:
            fragment, complete = wire.command_fragments(self._receive(wire.P_DATA))
            command += fragment
        return wire.store_answer(command)

    def _receive(self, wanted: int) -> bytes:
        kind, length = struct.unpack(">BxI", self._exactly(6))
        content = self._exactly(length)
        if kind != wanted:
            raise SendingFailed(f"the receiver sent a PDU of type {kind} where {wanted} was due: {content[:8].hex()}")
        return content

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            more = self._socket.recv(size - len(received))
            if not more:
                raise SendingFailed("the receiver closed the connection")
            received += more
        return bytes(received)

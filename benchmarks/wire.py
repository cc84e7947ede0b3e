"""The bytes of an association (PS3.8 9.3) and of C-STORE (PS3.7 9.3.1), as far as a sender needs them.

Written here by hand: a library's copies and waits would be measured along with the receiver.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.image_file import padded

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA, A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = range(1, 8)
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
# Any UID and name will do: nobody has registered this sender (PS3.7 D.3.3.2).
IMPLEMENTATION_CLASS_UID = b"2.25.146170341"
IMPLEMENTATION_VERSION = b"BENCHMARKS"
OWN_MAX_PDU = 16_384
# What is sent in one piece to an acceptor that sets no limit.
UNLIMITED_PDU = 1 << 20
# PS3.8 9.3.5: a PDV's length, context and control byte count towards the acceptor's limit, the PDU's header doesn't.
_PDV_HEADER = 6
_COMMAND, _LAST = 1, 2
_C_STORE_RQ, _DATA_SET_FOLLOWS = 0x0001, 0x0001

Context = tuple[str, str]
"""SOP class UID, transfer syntax UID."""


@dataclass(frozen=True)
class Acceptance:
    """What the acceptor agreed to."""

    context_ids: frozenset[int]
    capacity: int
    """Bytes of a data set that go into one P-DATA PDU, an even number."""


@dataclass(frozen=True)
class StoreAnswer:
    """The fields of a C-STORE response that matter to a sender."""

    status: int
    message_id: int
    comment: str


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(content)) + content


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def association_request(called: str, calling: str, contexts: Sequence[Context]) -> bytes:
    """An A-ASSOCIATE-RQ that proposes one transfer syntax a context; their ids are 1, 3, 5 ..."""
    content = struct.pack(">HH16s16s32x", 1, 0, called.encode().ljust(16), calling.encode().ljust(16))
    content += _item(0x10, APPLICATION_CONTEXT)
    for number, (sop_class, syntax) in enumerate(contexts):
        proposal = _item(0x30, sop_class.encode()) + _item(0x40, syntax.encode())
        content += _item(0x20, bytes([2 * number + 1, 0, 0, 0]) + proposal)
    user = _item(0x51, struct.pack(">I", OWN_MAX_PDU))
    user += _item(0x52, IMPLEMENTATION_CLASS_UID) + _item(0x55, IMPLEMENTATION_VERSION)
    return pdu(A_ASSOCIATE_RQ, content + _item(0x50, user))


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from(">BxH", content, at)
        yield kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def acceptance(content: bytes) -> Acceptance:
    """Read an A-ASSOCIATE-AC."""
    accepted: set[int] = set()
    limit = 0
    for kind, body in _items(content[68:]):
        if kind == 0x21 and body[2] == 0:
            accepted.add(body[0])
        elif kind == 0x50:
            for sub_kind, value in _items(body):
                if sub_kind == 0x51:
                    limit = int(struct.unpack(">I", value)[0])
    # Fragments other than the last have an even length, as everything in DICOM does.
    return Acceptance(frozenset(accepted), ((limit or UNLIMITED_PDU) - _PDV_HEADER) & ~1)


def store_request(context_id: int, message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """A C-STORE-RQ command set in one P-DATA PDU; command sets are implicit little endian."""

    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    body = element(0x0002, padded(sop_class_uid)) + element(0x0100, struct.pack("<H", _C_STORE_RQ))
    body += element(0x0110, struct.pack("<H", message_id)) + element(0x0700, struct.pack("<H", 0))
    body += element(0x0800, struct.pack("<H", _DATA_SET_FOLLOWS)) + element(0x1000, padded(sop_instance_uid))
    command = element(0x0000, struct.pack("<I", len(body))) + body
    return pdu(P_DATA, struct.pack(">IBB", len(command) + 2, context_id, _COMMAND | _LAST) + command)


def data_set_pdus(context_id: int, parts: Sequence[memoryview], capacity: int) -> Iterator[bytes | memoryview]:
    """The data set in P-DATA PDUs, as buffers for a gathering write: headers of ours, slices of the parts."""
    remaining = sum(map(len, parts))
    part, offset = 0, 0
    while remaining:
        room = min(capacity, remaining)
        remaining -= room
        yield struct.pack(">BxIIBB", P_DATA, room + _PDV_HEADER, room + 2, context_id, 0 if remaining else _LAST)
        while room:
            piece = parts[part][offset : offset + room]
            room -= len(piece)
            offset += len(piece)
            if offset == len(parts[part]):
                part, offset = part + 1, 0
            if piece:
                yield piece


def command_fragments(content: bytes) -> tuple[bytes, bool]:
    """Of a P-DATA PDU: the command's bytes in it, and whether they are its last."""
    command, complete, at = b"", False, 0
    while at < len(content):
        length, control = struct.unpack_from(">IxB", content, at)
        command += content[at + 6 : at + 4 + length]
        complete = complete or bool(control & _LAST)
        at += 4 + length
    return command, complete


def store_answer(command: bytes) -> StoreAnswer:
    """Read a C-STORE-RSP command set."""
    values: dict[int, bytes] = {}
    at = 0
    while at < len(command):
        element, length = struct.unpack_from("<2xHI", command, at)
        values[element] = command[at + 8 : at + 8 + length]
        at += 8 + length
    (status,) = struct.unpack("<H", values[0x0900])
    (message_id,) = struct.unpack("<H", values[0x0120])
    return StoreAnswer(status, message_id, values.get(0x0902, b"").decode("ascii", "replace").strip())

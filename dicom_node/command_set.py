"""The command sets that the receiver reads and writes itself: C-STORE's, and the refusal of what is not served.

A command set is implicit VR little endian, whatever the context's transfer syntax (PS3.7 6.3.1). pynetdicom reads and
writes all others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_COMMAND_BYTES = 64 << 10
"""Far above any command of PS3.7; what is longer is no command."""

C_STORE_RQ, C_ECHO_RQ, N_ACTION_RQ, C_CANCEL_RQ = 0x0001, 0x0030, 0x0130, 0x0FFF
RESPONSE = 0x8000
_NO_DATA_SET = 0x0101
UNRECOGNISED_OPERATION = 0x0211
ERROR_COMMENT_LENGTH = 64

_ELEMENT = struct.Struct("<HHI")
_GROUP = 0x0000
_LENGTH, _AFFECTED_CLASS, _REQUESTED_CLASS, _FIELD = 0x0000, 0x0002, 0x0003, 0x0100
_MESSAGE_ID, _RESPONDED_TO, _DATA_SET_TYPE = 0x0110, 0x0120, 0x0800
_STATUS, _ERROR_COMMENT, _AFFECTED_INSTANCE = 0x0900, 0x0902, 0x1000
_NUMBERS = (_FIELD, _MESSAGE_ID, _RESPONDED_TO, _DATA_SET_TYPE)


class BadCommand(ValueError):
    """The bytes are no command set of PS3.7."""


@dataclass(frozen=True)
class Command:
    """What the receiver needs of a command set. UIDs are without padding; the empty string where there is none."""

    field: int
    """(0000,0100): which message it is."""
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    """The affected or else the requested one."""
    sop_instance_uid: str

    @property
    def is_request(self) -> bool:
        """Whether it wants an answer."""
        return not self.field & RESPONSE and self.field != C_CANCEL_RQ


def parse_command(data: bytes | bytearray) -> Command:
    """Read a whole command set.

    Raises:
        BadCommand: lengths that lead outside, a repeated or misplaced element, or one that every message needs is
            missing.

    """
    elements: dict[int, bytes] = {}
    for element, value in _elements(bytes(data)):
        if element in elements:
            raise BadCommand(f"element {element:04x} twice")
        elements[element] = value
    if any(len(elements[number]) != 2 for number in _NUMBERS if number in elements):
        raise BadCommand("a number that is not two bytes long")
    if _FIELD not in elements or _DATA_SET_TYPE not in elements:
        raise BadCommand("no command field, or not said whether a data set follows")
    field = _number(elements[_FIELD])
    command = Command(
        field=field,
        message_id=_number(elements.get(_MESSAGE_ID, b"\0\0")),
        has_data_set=_number(elements[_DATA_SET_TYPE]) != _NO_DATA_SET,
        sop_class_uid=_uid(elements.get(_AFFECTED_CLASS) or elements.get(_REQUESTED_CLASS) or b""),
        sop_instance_uid=_uid(elements.get(_AFFECTED_INSTANCE, b"")),
    )
    if command.is_request and _MESSAGE_ID not in elements:
        raise BadCommand("a request without a Message ID")
    if field == C_STORE_RQ and not (command.sop_class_uid and command.sop_instance_uid):
        raise BadCommand("a C-STORE request that names no SOP class or instance")
    return command


def response(command: Command, status: int, comment: str = "") -> bytes:
    """Return the command set that answers `command`, without a data set; the comment only where it is no success.

    The comment is LO in a command set: ASCII, one line, at most 64 characters (PS3.7 table E.1-1, PS3.5 6.2).
    """
    elements = [
        (_AFFECTED_CLASS, _padded(command.sop_class_uid)),
        (_FIELD, struct.pack("<H", command.field | RESPONSE)),
        (_RESPONDED_TO, struct.pack("<H", command.message_id)),
        (_DATA_SET_TYPE, struct.pack("<H", _NO_DATA_SET)),
        (_STATUS, struct.pack("<H", status)),
    ]
    if status and comment:
        text = " ".join(comment.replace("\\", "/").split()).encode("ascii", "replace")[:ERROR_COMMENT_LENGTH]
        elements.append((_ERROR_COMMENT, text + b" " * (len(text) % 2)))
    if command.sop_instance_uid:
        elements.append((_AFFECTED_INSTANCE, _padded(command.sop_instance_uid)))
    body = b"".join(_ELEMENT.pack(_GROUP, element, len(value)) + value for element, value in elements)
    return _ELEMENT.pack(_GROUP, _LENGTH, 4) + struct.pack("<I", len(body)) + body


def as_p_data(context_id: int, command: bytes, max_pdu_bytes: int) -> bytes:
    """Return the P-DATA-TF PDUs that carry a command; 0 means that the peer takes any length (PS3.8 D.1)."""
    longest = max(max_pdu_bytes - 6, 2) if max_pdu_bytes else len(command)
    pieces = [command[at : at + longest] for at in range(0, len(command), longest)]
    last = len(pieces) - 1
    return b"".join(
        struct.pack(">BxIIBB", 0x04, len(piece) + 6, len(piece) + 2, context_id, 3 if number == last else 1) + piece
        for number, piece in enumerate(pieces)
    )


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if len(data) - position < _ELEMENT.size:
            raise BadCommand("it ends inside an element")
        group, element, length = _ELEMENT.unpack_from(data, position)
        position += _ELEMENT.size
        if group != _GROUP:
            raise BadCommand(f"an element of group {group:04x}")
        if length > len(data) - position:
            raise BadCommand(f"element {element:04x} is longer than the command")
        yield element, data[position : position + length]
        position += length


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _uid(value: bytes) -> str:
    # Bytes outside ASCII must not end an association: what is wrong with a UID is said in the answer.
    return value.rstrip(b"\0 ").decode("latin-1")


def _padded(uid: str) -> bytes:
    value = uid.encode("latin-1")
    return value + b"\0" * (len(value) % 2)

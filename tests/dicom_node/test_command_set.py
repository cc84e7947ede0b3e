"""The command sets that the receiver reads and writes itself, against pynetdicom's."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_STORE_RQ, C_STORE_RSP, N_ACTION_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE, N_ACTION
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA

from dicom_node.command_set import BadCommand, Command, as_p_data, parse_command, response

uids = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(lambda parts: ".".join(map(str, parts)))
A_STORE = Command(0x0001, 7, True, "1.2.840.10008.5.1.4.1.1.1.2", "1.2.3.4")


def encoded(message: DIMSEMessage, primitive: C_STORE | N_ACTION) -> bytes:
    message.primitive_to_message(primitive)
    body = encode(message.command_set, True, True)
    assert body is not None
    return body


@given(uids, uids, st.integers(0, 65535))
def test_a_store_request_of_pynetdicom_is_read(sop_class: str, instance: str, message_id: int) -> None:
    request = C_STORE()
    request.MessageID, request.Priority = message_id, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, instance
    request.DataSet = BytesIO(b"\0\0")
    request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID = "PACS", 3
    assert parse_command(encoded(C_STORE_RQ(), request)) == Command(1, message_id, True, sop_class, instance)


def test_the_requested_class_counts_where_none_is_affected() -> None:
    request = N_ACTION()
    request.MessageID, request.ActionTypeID = 1, 1
    request.RequestedSOPClassUID, request.RequestedSOPInstanceUID = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
    command = parse_command(encoded(N_ACTION_RQ(), request))
    assert (command.field, command.sop_class_uid) == (0x0130, "1.2.840.10008.1.20.1")


@given(uids, uids, st.integers(0, 65535), st.sampled_from([0, 0xA700, 0xA900, 0xC000, 0x0122]), st.text(max_size=90))
def test_a_response_is_what_pynetdicom_reads_as_such(
    sop_class: str, instance: str, message_id: int, status: int, comment: str
) -> None:
    sent = response(Command(1, message_id, True, sop_class, instance), status, comment)
    read = decode(BytesIO(sent), True, True)
    assert read.CommandGroupLength == len(sent) - 12
    assert (read.CommandField, read.MessageIDBeingRespondedTo, read.CommandDataSetType) == (0x8001, message_id, 0x0101)
    assert (read.AffectedSOPClassUID, read.AffectedSOPInstanceUID, read.Status) == (sop_class, instance, status)
    assert ("ErrorComment" in read) == bool(status and comment)
    assert [element.tag for element in read] == sorted(element.tag for element in read)
    if "ErrorComment" in read:
        assert len(str(read.ErrorComment)) <= 64
        assert str(read.ErrorComment).isascii()
    message = DIMSEMessage()
    whole = P_DATA()
    whole.presentation_data_value_list.append((1, b"\x03" + sent))
    assert message.decode_msg(whole)
    assert isinstance(message, C_STORE_RSP)


@given(st.integers(0, 255).map(lambda n: n | 1), st.integers(8, 300))
def test_a_response_keeps_to_the_longest_pdu_of_the_peer(context_id: int, longest: int) -> None:
    command = response(A_STORE, 0xA700, "no space")
    stream, pieces = as_p_data(context_id, command, longest), []
    while stream:
        (length,) = struct.unpack_from(">I", stream, 2)
        assert length <= longest
        parsed = P_DATA_TF()
        parsed.decode(stream[: 6 + length])
        (item,) = parsed.presentation_data_value_items
        assert item.context_id == context_id
        value = item.presentation_data_value
        assert value is not None
        pieces.append(value)
        stream = stream[6 + length :]
    assert [piece[0] for piece in pieces] == [1] * (len(pieces) - 1) + [3]
    assert b"".join(piece[1:] for piece in pieces) == command


def test_no_longest_pdu_means_one() -> None:
    command = response(A_STORE, 0)
    assert as_p_data(1, command, 0) == struct.pack(">BBIIBB", 4, 0, len(command) + 6, len(command) + 2, 1, 3) + command


@given(st.binary(max_size=120))
def test_any_bytes_are_a_command_or_refused(data: bytes) -> None:
    try:
        command = parse_command(data)
    except BadCommand:
        return
    assert 0 <= command.field <= 0xFFFF


GOOD = response(A_STORE, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD[:14],
        GOOD + struct.pack("<HHI", 8, 5, 0),
        GOOD + struct.pack("<HHIH", 0, 0x0900, 2, 0),
        GOOD.replace(struct.pack("<HHI", 0, 0x0100, 2), struct.pack("<HHI", 0, 0x0101, 2)),
        struct.pack("<HHIH", 0, 0x0100, 2, 1) + struct.pack("<HHIH", 0, 0x0800, 2, 1),
        struct.pack("<HHIHHHIHHHIH", 0, 0x0100, 2, 1, 0, 0x0110, 2, 1, 0, 0x0800, 2, 1),
    ],
    ids=[
        "empty",
        "cut off in a value",
        "cut off in an element",
        "an element of another group",
        "an element twice",
        "no command field",
        "a request without a number",
        "a store request without UIDs",
    ],
)
def test_what_is_no_command_is_refused(data: bytes) -> None:
    with pytest.raises(BadCommand):
        parse_command(data)

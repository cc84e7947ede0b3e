"""Cutting the bytes of an association into fragments, however they arrive."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.pdu_stream import (
    MAX_INCOMING_PDU_BYTES,
    Control,
    Fragment,
    InvalidPdu,
    PduStream,
    UnexpectedPdu,
    UnknownPdu,
)
from tests.dicom_node.raw_peer import pdu, pdv

Whole = tuple[int, bool, bool, bytes] | Control
RELEASE, ABORT = pdu(5, b"\0\0\0\0"), pdu(7, b"\0\0\2\1")


def read(stream: bytes, sizes: list[int]) -> list[Whole]:
    """Feed the bytes in portions of these sizes, in turn, the way the reader does; put split fragments together."""
    parser, found, waiting, at, turn = PduStream(), [], b"", 0, 0
    part = b""
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        turn += 1
        view = waiting + stream[at : at + size]
        at += size
        for piece in parser.cut(memoryview(view)):
            if isinstance(piece, Fragment):
                part += bytes(piece.data)
                if piece.is_whole:
                    found.append((piece.context_id, piece.is_command, piece.is_last, part))
                    part = b""
            else:
                found.append(piece)
        waiting = view[parser.consumed :]
        assert len(waiting) < 10, "more than the beginning of a PDU was left lying"
    assert not part
    return found


fragments = st.tuples(st.integers(0, 255), st.integers(0, 3), st.binary(max_size=40))
messages = st.lists(
    st.one_of(st.lists(fragments, min_size=1, max_size=4), st.just(Control.RELEASE_REQUEST), st.just(Control.ABORT)),
    max_size=6,
)


@given(messages, st.lists(st.integers(1, 70), min_size=1, max_size=8))
def test_any_portions_give_the_same_fragments(
    sent: list[list[tuple[int, int, bytes]] | Control], sizes: list[int]
) -> None:
    stream, expected = b"", []
    for item in sent:
        if isinstance(item, Control):
            stream += RELEASE if item is Control.RELEASE_REQUEST else ABORT
            expected.append(item)
            continue
        stream += pdu(4, b"".join(pdv(*fragment) for fragment in item))
        expected += [(context, bool(flags & 1), bool(flags & 2), data) for context, flags, data in item]
    assert read(stream, sizes) == expected


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_any_bytes_are_cut_or_refused_and_never_anything_else(stream: bytes, sizes: list[int]) -> None:
    parser, waiting, at, turn = PduStream(), b"", 0, 0
    try:
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            turn += 1
            view = waiting + stream[at : at + size]
            at += size
            for _ in parser.cut(memoryview(view)):
                pass
            assert 0 <= parser.consumed <= len(view)
            waiting = view[parser.consumed :]
    except (UnknownPdu, UnexpectedPdu, InvalidPdu):
        pass


@pytest.mark.parametrize("kind", [1, 2, 3, 6])
def test_what_belongs_to_the_negotiation_is_unexpected(kind: int) -> None:
    with pytest.raises(UnexpectedPdu):
        list(PduStream().cut(memoryview(pdu(kind, b"\0" * 4))))


@pytest.mark.parametrize("kind", [0, 8, 255])
def test_other_types_are_unknown(kind: int) -> None:
    with pytest.raises(UnknownPdu):
        list(PduStream().cut(memoryview(pdu(kind, b""))))


@pytest.mark.parametrize(
    "stream",
    [
        pdu(4, b""),
        pdu(4, b"\0" * 5),
        struct.pack(">BBI", 4, 0, MAX_INCOMING_PDU_BYTES + 1),
        pdu(4, struct.pack(">IBB", 1, 1, 3)),
        pdu(4, struct.pack(">IBB", 3, 1, 3)),
        pdu(4, pdv(1, 3, b"ab") + b"\0" * 5),
        pdu(4, struct.pack(">IBB", 0xFFFFFFFF, 1, 3)),
        pdu(5, b"\0" * 5),
        pdu(7, b""),
    ],
    ids=[
        "no fragment",
        "shorter than a fragment's header",
        "longer than any honest PDU",
        "a fragment shorter than its header",
        "a fragment longer than its PDU",
        "a rest too short for a fragment",
        "a fragment of four gigabytes",
        "a long release request",
        "an empty abort",
    ],
)
def test_lengths_that_contradict_each_other_are_invalid(stream: bytes) -> None:
    with pytest.raises(InvalidPdu):
        list(PduStream().cut(memoryview(stream)))

"""The bytes of an established association, cut into fragments of messages as they come (PS3.8 9.3.5 and Annex E).

Nothing is copied: a fragment's data is a view of the buffer that was received into, and a fragment that straddles two
receipts comes in two pieces. Only what is smaller than a header is left for the next time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

_PDU_HEADER = struct.Struct(">BxI")
_FRAGMENT_HEADER = struct.Struct(">IBB")
HEADER_BYTES = 6
# Far above the size that we announce, which some senders ignore.
MAX_INCOMING_PDU_BYTES = 16 << 20

_P_DATA, _RELEASE_RQ, _ABORT = 0x04, 0x05, 0x07
# A-ASSOCIATE-RQ, -AC, -RJ and A-RELEASE-RP: known, and out of place once the association is established.
_OUT_OF_PLACE = frozenset({0x01, 0x02, 0x03, 0x06})
_SHORT_PDU_BYTES = 4


class Fragment(NamedTuple):
    """A piece of a presentation data value."""

    context_id: int
    is_command: bool
    is_last: bool
    """Whether the message's command or data set ends with this fragment (the whole of it, not this piece)."""
    data: memoryview
    is_whole: bool
    """False: more pieces of this fragment follow."""


class Control(Enum):
    """A PDU that is about the association itself."""

    RELEASE_REQUEST = 0x05
    ABORT = 0x07


class UnknownPdu(ValueError):
    """A PDU type that PS3.8 does not know."""


class UnexpectedPdu(ValueError):
    """A PDU that has no place in an established association."""


class InvalidPdu(ValueError):
    """A PDU whose lengths contradict each other, or that is longer than any honest one."""


class PduStream:
    """Remembers where in a PDU the last call of `cut` ended."""

    def __init__(self) -> None:
        self.consumed = 0
        """How many bytes of the view given to `cut` are done with; the rest has to be given again, with more."""
        self._pdu_left = 0
        self._fragment_left = 0
        self._in_fragment = False
        self._context_id = 0
        self._control = 0

    @property
    def is_within_pdu(self) -> bool:
        """Whether the peer still owes bytes of a PDU that it began."""
        return self._pdu_left > 0

    def cut(self, view: memoryview) -> Iterator[Fragment | Control]:
        """Yield what `view` holds. A piece has to be dealt with before the next one is asked for.

        Raises:
            UnknownPdu, UnexpectedPdu, InvalidPdu: the peer breaks PS3.8; nothing after that can be trusted.

        """
        position, end = 0, len(view)
        self.consumed = 0
        while True:
            if self._in_fragment:
                take = min(self._fragment_left, end - position)
                if not take and self._fragment_left:
                    return
                data = view[position : position + take]
                position += take
                self.consumed = position
                self._fragment_left -= take
                self._pdu_left -= take
                self._in_fragment = self._fragment_left > 0
                control = self._control
                yield Fragment(self._context_id, bool(control & 1), bool(control & 2), data, not self._in_fragment)
            elif end - position < HEADER_BYTES:
                return
            elif self._pdu_left:
                self._begin_fragment(view, position)
                position += HEADER_BYTES
                self.consumed = position
            else:
                kind, length = _PDU_HEADER.unpack_from(view, position)
                if kind == _P_DATA:
                    if not HEADER_BYTES <= length <= MAX_INCOMING_PDU_BYTES:
                        raise InvalidPdu(f"a P-DATA-TF of {length} bytes")
                    self._pdu_left = length
                    position += HEADER_BYTES
                    self.consumed = position
                    continue
                _check_short(kind, length)
                if end - position < HEADER_BYTES + _SHORT_PDU_BYTES:
                    return
                position += HEADER_BYTES + _SHORT_PDU_BYTES
                self.consumed = position
                yield Control(kind)

    def _begin_fragment(self, view: memoryview, position: int) -> None:
        length, self._context_id, self._control = _FRAGMENT_HEADER.unpack_from(view, position)
        self._pdu_left -= HEADER_BYTES
        self._fragment_left = length - 2  # the length counts context id and control header
        self._in_fragment = True
        rest = self._pdu_left - self._fragment_left
        if self._fragment_left < 0 or rest < 0 or 0 < rest < HEADER_BYTES:
            raise InvalidPdu(f"a presentation data value of {length} bytes leaves {rest} bytes of its PDU")


def _check_short(kind: int, length: int) -> None:
    if kind in _OUT_OF_PLACE:
        raise UnexpectedPdu(f"PDU type {kind} in an established association")
    if kind not in (_RELEASE_RQ, _ABORT):
        raise UnknownPdu(f"PDU type {kind}")
    if length != _SHORT_PDU_BYTES:
        raise InvalidPdu(f"PDU type {kind} of {length} bytes")

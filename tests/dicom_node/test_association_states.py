"""Every state of an association meets every event, over a real connection: the table, cell by cell."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, generate_uid

from dicom_node.association_states import TABLE, Event, State
from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.dicom_node.raw_peer import RawPeer, pdu, pdv, store_command
from tests.dicom_node.test_storage_scp import data_set_of

MG = DigitalMammographyXRayImageStorageForPresentation
COMMAND, LAST = 1, 2
CUT = 11  # inside the first element of a command
C_FIND_RQ = 0x0020

GOES_ON, REFUSED, STORED, RELEASED, CLOSED = "goes on", "status 0211", "status 0000", "released", "closed"
ABORT_USER, ABORT_UNKNOWN, ABORT_UNEXPECTED, ABORT_INVALID = "abort 0 0", "abort 2 1", "abort 2 2", "abort 2 6"

# What the peer sees, written down from PS3.8 tables 9-10 and 9-26 and PS3.7 6.3.1, not from the code's table.
ANYWHERE = {
    Event.BAD_COMMAND: ABORT_INVALID,
    Event.FOREIGN_FRAGMENT: ABORT_INVALID,
    Event.RELEASE_REQUEST: RELEASED,
    Event.PEER_ABORT: CLOSED,
    Event.UNKNOWN_PDU: ABORT_UNKNOWN,
    Event.UNEXPECTED_PDU: ABORT_UNEXPECTED,
    Event.INVALID_PDU: ABORT_INVALID,
    Event.CLOSED: CLOSED,
    Event.SILENCE: ABORT_USER,
    Event.STOP: ABORT_USER,
}
COMMANDS = (Event.COMMAND_PART, Event.STORE_COMMAND, Event.OTHER_COMMAND, Event.LONE_COMMAND)
BETWEEN = dict(zip(COMMANDS, (GOES_ON, GOES_ON, GOES_ON, REFUSED), strict=True))
WITHIN = dict.fromkeys(COMMANDS, ABORT_INVALID)
DATA = (Event.DATA_PART, Event.DATA_END)
SEEN: dict[State, dict[Event, str]] = {
    State.READY: {**ANYWHERE, **BETWEEN, **dict.fromkeys(DATA, ABORT_INVALID)},
    State.COMMAND: {**ANYWHERE, **BETWEEN, **dict.fromkeys(DATA, ABORT_INVALID)},
    State.STORING: {**ANYWHERE, **WITHIN, Event.DATA_PART: GOES_ON, Event.DATA_END: STORED},
    State.COLLECTING: {**ANYWHERE, **WITHIN, Event.DATA_PART: GOES_ON, Event.DATA_END: REFUSED},
}
CELLS = [(state, event) for state in SEEN for event in Event]


def test_the_table_has_a_cell_for_every_state_and_event() -> None:
    assert TABLE.keys() == SEEN.keys() == set(State) - {State.ENDED}
    assert all(set(row) == set(SEEN[state]) == set(Event) for state, row in TABLE.items())


class Script:
    """A peer that goes into a state and then has one thing happen."""

    def __init__(self, receiver: Receiver, peer: RawPeer, data: bytes, uid: str) -> None:
        self.receiver, self.peer, self.data = receiver, peer, data
        self.store = store_command(MG, uid)
        self.find = self.store.replace(
            struct.pack("<HHIH", 0, 0x0100, 2, 1), struct.pack("<HHIH", 0, 0x0100, 2, C_FIND_RQ)
        )
        self.lone = self.find.replace(struct.pack("<HHIH", 0, 0x0800, 2, 1), struct.pack("<HHIH", 0, 0x0800, 2, 0x0101))

    def enter(self, state: State, event: Event) -> None:
        if state is State.COMMAND:
            self.peer.send(pdv(1, COMMAND, self.command_of(event)[:CUT]))
        elif state is State.STORING:
            self.peer.send(pdv(1, COMMAND | LAST, self.store), pdv(1, 0, self.data[:100]))
        elif state is State.COLLECTING:
            self.peer.send(pdv(1, COMMAND | LAST, self.find), pdv(1, 0, self.data[:100]))

    def command_of(self, event: Event) -> bytes:
        other = {Event.OTHER_COMMAND: self.find, Event.LONE_COMMAND: self.lone, Event.BAD_COMMAND: b"\xff" * 40}
        return other.get(event, self.store)

    def have_happen(self, state: State, event: Event) -> None:
        rest = self.command_of(event)[CUT if state is State.COMMAND else 0 :]
        happenings: dict[Event, Callable[[], object]] = {
            Event.COMMAND_PART: lambda: self.peer.send(pdv(1, COMMAND, rest[:9])),
            Event.DATA_PART: lambda: self.peer.send(pdv(1, 0, self.data[100:120])),
            Event.DATA_END: lambda: self.peer.send(pdv(1, LAST, self.data[100:])),
            Event.FOREIGN_FRAGMENT: lambda: self.peer.send(pdv(3, COMMAND, rest)),
            Event.RELEASE_REQUEST: lambda: self.peer.socket.sendall(pdu(5, b"\0" * 4)),
            Event.PEER_ABORT: self.peer.abort,
            Event.UNKNOWN_PDU: lambda: self.peer.socket.sendall(pdu(9, b"\0" * 4)),
            Event.UNEXPECTED_PDU: lambda: self.peer.socket.sendall(pdu(2, b"\0" * 4)),
            Event.INVALID_PDU: lambda: self.peer.socket.sendall(pdu(4, b"\0" * 4)),
            Event.CLOSED: lambda: self.peer.socket.shutdown(socket.SHUT_WR),
            Event.SILENCE: lambda: None,
            Event.STOP: lambda: threading.Thread(target=self.receiver.scp.stop).start(),
        }
        happenings.get(event, lambda: self.peer.send(pdv(1, COMMAND | LAST, rest)))()

    def seen(self, event: Event, expected: str) -> str:
        if expected == GOES_ON:
            assert self.receiver.scp.open_associations == 1
            return GOES_ON if self.peer.release() == 6 else "ended"
        kind, content = self.peer.receive()
        if kind == 4:
            at = content.index(struct.pack("<HH", 0x0000, 0x0900))
            return f"status {struct.unpack('<H', content[at + 8 : at + 10])[0]:04X}"
        if kind == 7:
            return f"abort {content[2]} {content[3]}"
        return {0: CLOSED, 6: RELEASED}[kind]


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda value: value.name.lower())
def test_in_each_state_each_event_has_the_answer_of_the_standard(
    start_receiver: StartReceiver, tmp_path: Path, state: State, event: Event
) -> None:
    receiver = start_receiver(network_timeout=0.3 if event is Event.SILENCE else 60, stop_seconds=0.1)
    uid = generate_uid()
    expected = SEEN[state][event]
    with RawPeer(receiver.port) as peer:
        script = Script(receiver, peer, data_set_of(MG, uid, tmp_path / "f"), uid)
        script.enter(state, event)
        script.have_happen(state, event)
        assert script.seen(event, expected) == expected
    receiver.wait_for_endings(1)
    assert receiver.intake.leftovers() == []
    assert receiver.intake.kept_uids() == ({uid} if expected == STORED else set())

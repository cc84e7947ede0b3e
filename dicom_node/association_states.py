"""What an established association does at each event, in each of its states: one table.

The states refine Sta6 of PS3.8 table 9-10 by where in a DIMSE message the peer is (PS3.7 6.3.1, PS3.8 Annex E): no
fragment of another message may come before the one in progress has ended.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple


class State(Enum):
    """Where the peer is."""

    READY = auto()
    """Between two messages."""
    COMMAND = auto()
    """Inside a command."""
    STORING = auto()
    """Inside the data set of a C-STORE request."""
    COLLECTING = auto()
    """Inside the data set of another message."""
    ENDED = auto()
    """Nothing more is read or sent."""


class Event(Enum):
    """What came, or did not come."""

    COMMAND_PART = auto()
    """A fragment of a command that has more."""
    STORE_COMMAND = auto()
    """A command is whole: a C-STORE request whose data set follows."""
    OTHER_COMMAND = auto()
    """A command is whole: any other message whose data set follows."""
    LONE_COMMAND = auto()
    """A command is whole, and no data set follows."""
    BAD_COMMAND = auto()
    """A command is whole, and not to be understood."""
    DATA_PART = auto()
    """A fragment of a data set that has more."""
    DATA_END = auto()
    """The last fragment of a data set."""
    FOREIGN_FRAGMENT = auto()
    """A fragment in a context that was not accepted, or is not that of the message in progress."""
    RELEASE_REQUEST = auto()
    PEER_ABORT = auto()
    UNKNOWN_PDU = auto()
    UNEXPECTED_PDU = auto()
    INVALID_PDU = auto()
    CLOSED = auto()
    """The connection ended."""
    SILENCE = auto()
    """The network timeout, or a peer too slow to be one."""
    STOP = auto()
    """We want to end it: the program stops, or a service asked for it."""


class Action(Enum):
    """What we do."""

    KEEP_COMMAND = auto()
    OPEN_FILE = auto()
    KEEP_DATA = auto()
    WRITE = auto()
    STORE = auto()
    """Have the object made durable, and answer."""
    SERVE = auto()
    """Answer the message."""
    RELEASE = auto()
    """Send A-RELEASE-RP, and let the peer close (PS3.8 AR-4)."""
    HEAR_ABORT = auto()
    """The peer has ended it; nothing is left to be said (AA-3)."""
    LEAVE = auto()
    """The connection is gone (AA-4)."""
    ABORT = auto()
    """Send A-ABORT as service user."""
    ABORT_UNKNOWN = auto()
    """Send A-ABORT as provider: unrecognised PDU (AA-8, PS3.8 table 9-26)."""
    ABORT_UNEXPECTED = auto()
    """Send A-ABORT as provider: unexpected PDU."""
    ABORT_INVALID = auto()
    """Send A-ABORT as provider: invalid PDU parameter value."""


class Cell(NamedTuple):
    """An action and the state that it leads to."""

    action: Action
    state: State


_INVALID = Cell(Action.ABORT_INVALID, State.ENDED)
_UNEXPECTED = Cell(Action.ABORT_UNEXPECTED, State.ENDED)

# The same wherever the peer is: an object that has not ended was never acknowledged, and goes.
_ANYWHERE: dict[Event, Cell] = {
    Event.BAD_COMMAND: _INVALID,
    Event.FOREIGN_FRAGMENT: _INVALID,
    Event.RELEASE_REQUEST: Cell(Action.RELEASE, State.ENDED),
    Event.PEER_ABORT: Cell(Action.HEAR_ABORT, State.ENDED),
    Event.UNKNOWN_PDU: Cell(Action.ABORT_UNKNOWN, State.ENDED),
    Event.UNEXPECTED_PDU: _UNEXPECTED,
    Event.INVALID_PDU: _INVALID,
    Event.CLOSED: Cell(Action.LEAVE, State.ENDED),
    Event.SILENCE: Cell(Action.ABORT, State.ENDED),
    Event.STOP: Cell(Action.ABORT, State.ENDED),
}
_WHERE_A_COMMAND_MAY_COME: dict[Event, Cell] = {
    Event.COMMAND_PART: Cell(Action.KEEP_COMMAND, State.COMMAND),
    Event.STORE_COMMAND: Cell(Action.OPEN_FILE, State.STORING),
    Event.OTHER_COMMAND: Cell(Action.KEEP_COMMAND, State.COLLECTING),
    Event.LONE_COMMAND: Cell(Action.SERVE, State.READY),
    Event.DATA_PART: _INVALID,
    Event.DATA_END: _INVALID,
}
_WHERE_NO_COMMAND_MAY_COME: dict[Event, Cell] = {
    Event.COMMAND_PART: _INVALID,
    Event.STORE_COMMAND: _INVALID,
    Event.OTHER_COMMAND: _INVALID,
    Event.LONE_COMMAND: _INVALID,
}

TABLE: dict[State, dict[Event, Cell]] = {
    State.READY: {**_ANYWHERE, **_WHERE_A_COMMAND_MAY_COME},
    State.COMMAND: {**_ANYWHERE, **_WHERE_A_COMMAND_MAY_COME},
    State.STORING: {
        **_ANYWHERE,
        **_WHERE_NO_COMMAND_MAY_COME,
        Event.DATA_PART: Cell(Action.WRITE, State.STORING),
        Event.DATA_END: Cell(Action.STORE, State.READY),
    },
    State.COLLECTING: {
        **_ANYWHERE,
        **_WHERE_NO_COMMAND_MAY_COME,
        Event.DATA_PART: Cell(Action.KEEP_DATA, State.COLLECTING),
        Event.DATA_END: Cell(Action.SERVE, State.READY),
    },
}

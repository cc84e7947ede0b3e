"""The circuit breaker (Nygard, Release It!, 2007): a server that failed several times in a row is left alone a while.

A pure state machine: it holds no clock and does nothing. Times are seconds of any steady clock.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Closed:
    """Calls go through; `failures` in a row so far."""

    failures: int = 0


@dataclass(frozen=True)
class Open:
    """No call goes through until `rest` seconds after `since`."""

    since: float
    rest: float


@dataclass(frozen=True)
class HalfOpen:
    """One call is trying; its outcome decides. `rest`: how long it rested before."""

    rest: float


State = Closed | Open | HalfOpen


@dataclass(frozen=True)
class Limits:
    """`failures` in a row (at least 1) open it; after `rest` seconds (above 0) one call may try.

    Each call that then fails doubles the rest, up to `longest_rest`: trying a server that hangs costs a whole deadline.
    """

    failures: int = 3
    rest: float = 5.0
    longest_rest: float = 60.0


def ask(state: State, now: float) -> tuple[State, bool]:
    """Say whether a call may be made now, and the state that follows."""
    if isinstance(state, Closed):
        return state, True
    if isinstance(state, Open) and now - state.since >= state.rest:
        return HalfOpen(state.rest), True
    return state, False


def succeeded(state: State) -> State:
    """The state after a call that succeeded; one that began before it opened changes nothing."""
    return state if isinstance(state, Open) else Closed()


def rested(state: State) -> State:
    """The state after the server was seen to be well: the next call may try; whether it works is not known yet."""
    return Open(-math.inf, state.rest) if isinstance(state, Open) else state


def failed(state: State, limits: Limits, now: float) -> State:
    """The state after a call that failed; one that began before it opened changes nothing."""
    if isinstance(state, Open):
        return state
    if isinstance(state, Closed) and state.failures + 1 < limits.failures:
        return Closed(state.failures + 1)
    if isinstance(state, HalfOpen):
        return Open(now, max(state.rest, min(state.rest * 2, limits.longest_rest)))
    return Open(now, limits.rest)

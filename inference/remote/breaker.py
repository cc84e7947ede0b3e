"""The circuit breaker (Nygard, Release It!, 2007): a server that failed several times in a row is left alone a while.

A pure state machine: it holds no clock and does nothing. Times are seconds of any steady clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Closed:
    """Calls go through; `failures` in a row so far."""

    failures: int = 0


@dataclass(frozen=True)
class Open:
    """No call goes through until the rest is over."""

    since: float


@dataclass(frozen=True)
class HalfOpen:
    """One call is trying; its outcome decides."""


State = Closed | Open | HalfOpen


@dataclass(frozen=True)
class Limits:
    """`failures` in a row (at least 1) open it; after `rest` seconds (above 0) one call may try."""

    failures: int = 3
    rest: float = 5.0


def ask(state: State, limits: Limits, now: float) -> tuple[State, bool]:
    """Say whether a call may be made now, and the state that follows."""
    if isinstance(state, Closed):
        return state, True
    if isinstance(state, Open) and now - state.since >= limits.rest:
        return HalfOpen(), True
    return state, False


def succeeded(state: State) -> State:
    """The state after a call that succeeded; one that began before it opened changes nothing."""
    return state if isinstance(state, Open) else Closed()


def failed(state: State, limits: Limits, now: float) -> State:
    """The state after a call that failed; one that began before it opened changes nothing."""
    if isinstance(state, Open):
        return state
    if isinstance(state, Closed) and state.failures + 1 < limits.failures:
        return Closed(state.failures + 1)
    return Open(now)

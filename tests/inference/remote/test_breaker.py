"""The circuit breaker, cell by cell: every state with every event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.remote.breaker import Closed, HalfOpen, Limits, Open, State, ask, failed, rested, succeeded

LIMITS = Limits(failures=3, rest=10.0, longest_rest=30.0)


@pytest.mark.parametrize(
    ("state", "now", "follows", "may"),
    [
        (Closed(0), 0.0, Closed(0), True),
        (Closed(2), 0.0, Closed(2), True),
        (Open(100.0, 10.0), 109.9, Open(100.0, 10.0), False),
        (Open(100.0, 10.0), 110.0, HalfOpen(10.0), True),
        (Open(100.0, 20.0), 110.0, Open(100.0, 20.0), False),
        (HalfOpen(10.0), 500.0, HalfOpen(10.0), False),
    ],
)
def test_who_asks_may_call_unless_it_rests_or_another_is_trying(
    state: State, now: float, follows: State, may: bool
) -> None:
    assert ask(state, now) == (follows, may)


@pytest.mark.parametrize(
    ("state", "follows"), [(Closed(2), Closed(0)), (HalfOpen(9.0), Closed(0)), (Open(100.0, 9.0), Open(100.0, 9.0))]
)
def test_a_success_closes_it_unless_the_call_is_older_than_the_rest(state: State, follows: State) -> None:
    assert succeeded(state) == follows


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        (Closed(0), Closed(1)),
        (Closed(1), Closed(2)),
        (Closed(2), Open(50.0, 10.0)),
        (HalfOpen(10.0), Open(50.0, 20.0)),
        (HalfOpen(20.0), Open(50.0, 30.0)),
        (HalfOpen(30.0), Open(50.0, 30.0)),
        (Open(7.0, 10.0), Open(7.0, 10.0)),
    ],
)
def test_the_third_failure_in_a_row_opens_it_and_one_while_trying_doubles_its_rest(
    state: State, follows: State
) -> None:
    assert failed(state, LIMITS, 50.0) == follows


@pytest.mark.parametrize("state", [Closed(0), Closed(2), HalfOpen(10.0), Open(100.0, 20.0)])
def test_a_server_that_was_seen_to_be_well_is_tried_at_once_and_a_failure_then_still_doubles_the_rest(
    state: State,
) -> None:
    seen = rested(state)
    if not isinstance(state, Open):
        assert seen == state
        return
    trying, may = ask(seen, 100.0)
    assert may
    assert failed(trying, LIMITS, 101.0) == Open(101.0, 30.0)


EVENTS = st.lists(st.tuples(st.sampled_from(["good", "bad"]), st.floats(0.0, 20.0)), max_size=60)


@given(EVENTS, st.integers(1, 5), st.floats(0.5, 15.0))
def test_whatever_happens_it_refuses_only_within_the_rest_after_enough_failures(
    events: list[tuple[str, float]], failures: int, rest: float
) -> None:
    limits = Limits(failures, rest, longest_rest=4 * rest)
    state: State = Closed()
    now, in_a_row, last_failure, resting = 0.0, 0, -1.0, 0.0
    for outcome, pause in events:
        now += pause
        state, may = ask(state, now)
        if not may:
            assert in_a_row >= failures
            assert now - last_failure < resting
            continue
        assert in_a_row < failures or now - last_failure >= resting
        if outcome == "good":
            state, in_a_row, resting = succeeded(state), 0, 0.0
        else:
            resting = min(2 * resting, 4 * rest) if in_a_row >= failures else rest
            state, in_a_row, last_failure = failed(state, limits, now), in_a_row + 1, now

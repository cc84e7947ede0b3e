"""Paging visits every study once and in order, whatever arrives in the meantime."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.feed import cursors
from reporting.feed.schemas import ATTENTION_ORDER, Attention
from reporting.feed.stores import Position
from tests.reporting.feed.fakes import START, a_study
from tests.reporting.feed.world import World

# Few distinct times, so that studies often share one and the UID has to decide.
ARRIVALS = st.tuples(st.sampled_from(ATTENTION_ORDER), st.integers(min_value=-3, max_value=3))


@settings(max_examples=30)
@given(
    at_first=st.lists(ARRIVALS, max_size=12),
    later=st.lists(st.lists(ARRIVALS, max_size=2), max_size=6),
    limit=st.integers(min_value=1, max_value=5),
)
def test_each_study_is_visited_once_and_in_order_even_when_others_arrive_between_pages(
    at_first: list[tuple[Attention, int]], later: list[list[tuple[Attention, int]]], limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.studies.rows.clear()
        arrived: dict[str, tuple[int, int]] = {}

        def arrive(attention: Attention, micros: int) -> None:
            uid = f"1.{len(arrived)}"
            arrived[uid] = (ATTENTION_ORDER.index(attention), -micros)
            world.studies.add(a_study(uid, attention), START + timedelta(microseconds=micros))

        for attention, micros in at_first:
            arrive(attention, micros)
        there_from_the_start = set(arrived)
        doctor = world.logged_in("doctor")
        visited: list[str] = []
        path: str | None = f"/api/v1/studies?limit={limit}"
        arrivals = iter(later)
        while path is not None:
            page = doctor.get(path).json()
            assert len(page["items"]) <= limit
            visited += [item["study_instance_uid"] for item in page["items"]]
            path = f"/api/v1/studies?limit={limit}&cursor={page['next']}" if page["next"] else None
            for attention, micros in next(arrivals, []):
                arrive(attention, micros)
        assert len(visited) == len(set(visited))
        assert there_from_the_start <= set(visited)
        assert [(arrived[uid], uid) for uid in visited] == sorted((arrived[uid], uid) for uid in visited)


@given(
    attention=st.sampled_from(ATTENTION_ORDER),
    arrived_at=st.datetimes(timezones=st.just(UTC)),
    uid=st.from_regex(r"[0-9.]{1,64}", fullmatch=True),
)
def test_a_cursor_gives_back_the_position_it_was_made_of(attention: Attention, arrived_at: datetime, uid: str) -> None:
    position = Position(attention, arrived_at, uid)
    cursor = cursors.encode(position)
    assert cursors.decode(cursor) == position
    assert len(cursor) <= 200

"""Who follows a source: one process at a time, and another one once it is dead or has let go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from gateway.database.columns import now
from gateway.database.models import Heartbeat
from gateway.heartbeat import SILENT, Heart
from gateway.parts import Parts
from gateway.processes.sources import KeptPosition, let_go_of_sources


def position(parts: Parts, follower: str) -> KeptPosition:
    """The position as a living follower has it."""
    Heart(parts.database, follower).beat()
    return KeptPosition(parts.database, "orthanc", follower)


@pytest.fixture
def first(parts: Parts) -> KeptPosition:
    return position(parts, "receive@gate1")


@pytest.fixture
def second(parts: Parts) -> KeptPosition:
    return position(parts, "receive@gate2")


def falls_silent(parts: Parts, follower: str) -> None:
    with parts.database.write() as session:
        session.execute(delete(Heartbeat).where(Heartbeat.executor_id == follower))
        session.add(Heartbeat(executor_id=follower, seen_at=now() - SILENT - timedelta(seconds=1)))


def test_one_of_two_follows_and_keeps_on(first: KeptPosition, second: KeptPosition) -> None:
    assert first.is_ours()
    assert not second.is_ours()
    first.save(7)
    assert first.is_ours()
    assert second.load() == 7


def test_the_other_takes_over_from_the_dead_where_it_had_got_to(
    parts: Parts, first: KeptPosition, second: KeptPosition
) -> None:
    assert first.is_ours()
    first.save(7)
    falls_silent(parts, "receive@gate1")
    assert second.is_ours()
    assert second.load() == 7


def test_one_that_wakes_after_it_was_overtaken_follows_no_more_and_does_not_turn_back(
    parts: Parts, first: KeptPosition, second: KeptPosition
) -> None:
    assert first.is_ours()
    falls_silent(parts, "receive@gate1")
    assert second.is_ours()
    second.save(9)
    Heart(parts.database, "receive@gate1").beat()
    first.save(7)  # the poll that it was frozen in
    assert second.load() == 9
    assert not first.is_ours()


def test_one_that_ends_lets_go_at_once(parts: Parts, first: KeptPosition, second: KeptPosition) -> None:
    assert first.is_ours()
    let_go_of_sources(parts.database, "receive@gate1")
    assert second.is_ours()
    assert not first.is_ours()

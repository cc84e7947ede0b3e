"""What came is sorted by source and ISO week, each image once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.database.engine import Database
from gateway.database.migrate import open_database
from gateway.database.models import DELETED_HERE
from gateway.monitoring.weeks import NO_REASON_KEPT, Sent, Source, first_moment, sent_by_week, together, week_of
from tests.gateway.monitoring.rows import MODEL, MONDAY, add_study, read_again
from tests.peers.postgresql import running_postgresql

XRAY1 = Source("dicom", "XRAY1", "SYNTHETIC PHANTOM 1")
WEEK, WEEK_BEFORE = "2026-W48", "2026-W47"


def sort(database: Database, weeks: int = 2) -> dict[tuple[Source, str], Sent]:
    with database.read() as session:
        return sent_by_week(session, first_moment(MONDAY, weeks), MODEL)


def fill(database: Database) -> None:
    """A bit of everything."""
    add_study(database, 0.25, 0.5, study_score=0.5)
    add_study(database, None, 0.75, at=MONDAY - timedelta(seconds=1))
    add_study(database, 1.0, channel="orthanc", peer="pacs", detector=None)
    add_study(database, None, refusal=None, channel="stow", peer="STOW-RS")


def check(found: dict[tuple[Source, str], Sent]) -> None:
    assert set(found) == {
        (XRAY1, WEEK),
        (XRAY1, WEEK_BEFORE),
        (Source("orthanc", "pacs", ""), WEEK),
        (Source("stow", "STOW-RS", XRAY1.detector), WEEK),
    }
    here = found[XRAY1, WEEK]
    assert here.image_scores == pytest.approx([0.25, 0.5])
    assert (here.studies, here.study_scores, here.images) == (1, [0.5], 2)
    before = found[XRAY1, WEEK_BEFORE]
    assert before.image_scores == pytest.approx([0.75])
    assert dict(before.refused) == {"Saturated": 1}
    assert before.images == 2
    assert before.study_scores == []
    assert dict(found[Source("stow", "STOW-RS", XRAY1.detector), WEEK].refused) == {NO_REASON_KEPT: 1}


def test_images_are_sorted_by_source_and_week_in_sqlite(database: Database) -> None:
    fill(database)
    check(sort(database))


@pytest.mark.system
def test_and_alike_in_postgresql(tmp_path: Path) -> None:
    with running_postgresql(tmp_path / "postgresql") as server:
        database = open_database(server.url)
        fill(database)
        check(sort(database))
        database.engine.dispose()


def test_an_image_of_several_generations_counts_as_it_was_read_last(database: Database) -> None:
    study, (first, second) = add_study(database, 0.5, None)
    for instance, score in ((first, 0.5), (second, 0.25)):
        later = MONDAY + timedelta(hours=1)
        read_again(database, study, instance, score, later)
    (sent,) = sort(database).values()
    assert sent.image_scores == pytest.approx([0.5, 0.25])
    assert (sent.studies, sent.refused.total()) == (1, 0)


def test_other_models_older_weeks_and_deleted_images_do_not_count(database: Database) -> None:
    add_study(database, 0.5, model="m0")
    add_study(database, 0.5, at=MONDAY - timedelta(weeks=2))
    add_study(database, None, refusal=DELETED_HERE)
    study, (old,) = add_study(database, 0.5, at=MONDAY - timedelta(weeks=3))
    read_again(database, study, old, 0.5, MONDAY)
    assert sort(database) == {}


def test_the_weeks_of_a_source_add_up(database: Database) -> None:
    fill(database)
    sent = together(sort(database).items())[XRAY1]
    assert sorted(sent.image_scores) == pytest.approx([0.25, 0.5, 0.75])
    assert (sent.studies, sent.images, sent.study_scores) == (2, 4, [0.5])


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 8))  # noqa: DTZ001 - made aware below
def test_the_first_moment_is_the_monday_that_so_many_weeks_begin_with(naive: datetime, weeks: int) -> None:
    moment = naive.replace(tzinfo=UTC)
    first = first_moment(moment, weeks)
    assert first.isoweekday() == 1
    assert first == first.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {week_of(first + timedelta(days=day)) for day in range((moment - first).days + 1)}
    assert len(named) == weeks
    assert week_of(moment) in named


def test_the_turn_of_the_year_belongs_to_the_week_that_iso_8601_says() -> None:
    assert week_of(datetime(2027, 1, 3, tzinfo=UTC)) == "2026-W53"


def test_a_source_is_named_for_people() -> None:
    assert str(XRAY1) == "dicom XRAY1 (SYNTHETIC PHANTOM 1)"
    assert str(Source("orthanc", "pacs", "")) == "orthanc pacs"

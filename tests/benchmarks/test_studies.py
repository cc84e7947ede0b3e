"""Figures of the benchmark of studies: what they are computed from."""

from __future__ import annotations

import pytest

from benchmarks.clients import rate
from benchmarks.failure import BenchmarkFailed
from benchmarks.studies import Rate, stops_growing


def rates(*per_hour: float) -> list[Rate]:
    return [Rate("embedded", 2**power, 10, 36000 / value) for power, value in enumerate(per_hour)]


def test_studies_an_hour_count_those_between_the_first_and_the_last_report() -> None:
    assert Rate("embedded", 1, studies=5, seconds=50).per_hour == pytest.approx(360)


@pytest.mark.parametrize(
    ("per_hour", "workers"), [((100, 105, 109), 1), ((100, 180, 190), 2), ((100, 109, 120), 4), ((100, 90, 80), 1)]
)
def test_growth_stops_where_no_later_number_of_workers_adds_a_tenth(per_hour: tuple[float, ...], workers: int) -> None:
    assert stops_growing(rates(*per_hour)) == workers


def test_a_rate_is_told_between_answers_and_not_from_one() -> None:
    assert rate([10.0, 10.5, 11.0, 12.0]) == pytest.approx(1.5)
    with pytest.raises(BenchmarkFailed):
        rate([10.0])

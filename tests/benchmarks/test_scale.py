"""The simulation gives what can be worked out by hand, and the document says what it gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.measured import Throughput, read_measured
from benchmarks.scale import TABLES, Region, busy, filled, reproduction, steps_of
from benchmarks.shared_cores import Task, speeds
from benchmarks.simulation import POLL_SECONDS, Step, poisson, simulate
from tests.docs.papers import ROOT

WIDTHS = st.lists(st.floats(0.1, 8), min_size=1, max_size=8)


@given(WIDTHS, st.floats(0.5, 16))
def test_cores_are_shared_wholly_and_fairly(widths: list[float], cores: float) -> None:
    given_cores = speeds([Task(1, width) for width in widths], cores)
    assert sum(given_cores) == pytest.approx(min(cores, sum(widths)))
    for width, share in zip(widths, given_cores, strict=True):
        assert share <= width + 1e-9
        # Who has less than it could use has as much as anybody.
        assert share == pytest.approx(width) or share >= max(given_cores) - 1e-6


def test_a_worker_alone_takes_its_own_time() -> None:
    found = simulate([0.0] * 11, [Step(3.0, reports=True)], workers=1, cores=4)
    assert found.per_hour == pytest.approx(3600 / (3.0 + POLL_SECONDS), rel=1e-6)


@pytest.mark.parametrize(("workers", "width", "expected"), [(1, 1, 1), (2, 1, 2), (4, 1, 2), (1, 8, 2), (4, 8, 2)])
def test_more_workers_help_until_the_cores_are_busy(workers: int, width: float, expected: int) -> None:
    found = simulate([0.0] * 40 * workers, [Step(10.0, width, reports=True)], workers=workers, cores=2)
    assert found.per_hour == pytest.approx(360 * expected, rel=0.12)


def test_what_comes_after_the_report_holds_up_the_next_study_only() -> None:
    found = simulate([0.0, 0.0], [Step(1.0, reports=True), Step(5.0)], workers=1, cores=1)
    first, second = sorted(found.waited)
    assert first == pytest.approx(1.0, abs=POLL_SECONDS)
    assert second == pytest.approx(first + 5.0 + 1.0, abs=2 * POLL_SECONDS)


@settings(max_examples=20)
@given(st.integers(1, 4), st.floats(0.2, 0.7), st.integers(0, 5))
def test_every_study_is_reported_once_and_none_before_it_could_be(workers: int, load: float, seed: int) -> None:
    seconds, cores = 20.0, 2
    arrivals = poisson(load * cores * 3600 / seconds, 1, seed)
    found = simulate(arrivals, [Step(seconds, reports=True)], workers=workers, cores=cores, seed=seed)
    assert len(found.waited) == len(arrivals)
    assert min(found.waited) >= seconds - 1e-6


def test_one_server_with_a_queue_waits_as_theory_says() -> None:
    """M/D/1: mean wait = service x load / (2 x (1 - load)) (Pollaczek-Khinchine)."""
    service, load = 30.0, 0.6
    arrivals = poisson(load * 3600 / (service + POLL_SECONDS), 200, seed=3)
    found = simulate(arrivals, [Step(service, reports=True)], workers=1, cores=1)
    wait = sum(found.waited) / len(found.waited) - service
    assert wait == pytest.approx(service * load / (2 * (1 - load)), rel=0.15)


def test_a_measured_cell_is_set_beside_its_simulation() -> None:
    measured = read_measured()
    cell = Throughput("embedded", 1, 100.0)
    found = busy(measured, cell, measured.cores).per_hour
    shown = reproduction(type(measured)(measured.figures, [cell], measured.cores, measured.sources))
    assert f"{found / 100 - 1:+.0%}" in shown
    alone = sum(step.seconds / min(step.width, measured.cores) for step in steps_of(measured, "embedded"))
    assert found == pytest.approx(3600 / (alone + POLL_SECONDS), rel=0.01)


def test_every_measured_cell_is_given_within_a_fifth() -> None:
    measured = read_measured()
    assert {(cell.engine, cell.workers) for cell in measured.throughputs} == {
        (engine, workers) for engine in ("embedded", "remote") for workers in (1, 2, 4)
    }
    for cell in measured.throughputs:
        assert busy(measured, cell, measured.cores).per_hour == pytest.approx(cell.per_hour, rel=0.2), cell


def test_the_document_has_the_tables_that_the_command_gives() -> None:
    text = (ROOT / "docs" / "scale.md").read_text("utf-8")
    for name in TABLES:
        assert f"<!-- {name} -->" in text
    assert filled(text, read_measured(), Region()) == text

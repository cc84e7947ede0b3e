"""The figures for Prometheus: closed until the site opens them. Who may see them else is in test_access."""

from __future__ import annotations

from pathlib import Path

from reporting.feed.metrics_route import METRICS_PATH
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import World


def test_without_login_they_are_closed_until_the_site_opens_them(tmp_path: Path) -> None:
    assert World(tmp_path).stranger().get("/metrics").status_code == 401
    opened = World(tmp_path, FeedSettings(open_paths=(METRICS_PATH,))).stranger()
    answer = opened.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == "mammogate_studies 1.0\n"
    assert opened.get("/api/v1/operations/queue").status_code == 401
    assert opened.get("/metrics/").status_code == 401


def test_when_the_database_is_away_the_answer_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.studies.away = True
    assert world.logged_in("operator").get("/metrics").status_code == 503

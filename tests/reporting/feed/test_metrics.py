"""Who may see the figures for Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest

from reporting.feed.access import ROLES, Role
from reporting.feed.metrics_route import METRICS_PATH
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import World


@pytest.mark.parametrize("role", ROLES)
def test_operators_and_admins_see_the_figures_by_session_and_by_token(tmp_path: Path, role: Role) -> None:
    world = World(tmp_path)
    expected = 200 if role in ("operator", "admin") else 403
    assert world.logged_in(role).get("/metrics").status_code == expected
    assert world.with_token(role).get("/metrics").status_code == expected


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

"""What a real Prometheus makes of the gateway's figures, of the alert rules and of the dashboard's questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.gateway import running_gateway
from tests.peers.prometheus import Prometheus, dashboard, running_prometheus
from tests.system.board_world import add_work

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

# Of figures that a gateway has only with what the settings here leave out, or once real images were read.
EMPTY_HERE = {
    "Images of a week, by source",
    "Share of images refused",
    "Drift of the scores (PSI; above 0.25 large)",
    "Seconds an image, by engine and step",
    "From complete to reported",
    "Images read in the last hour",
    "Waiting for the remote engine",
    "Destinations: oldest that is owed",
    "Synthetic study: from made to back",
    "Synthetic study is late",
}


def wait_until(true: Callable[[], bool], say: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, say()
        time.sleep(0.3)


def test_the_rules_fire_on_what_went_wrong_and_the_panels_show_it(tmp_path: Path) -> None:
    with running_gateway(tmp_path / "gateway") as gateway:
        gateway.add_user("operator", "operator")
        with running_prometheus(tmp_path / "prometheus", gateway, gateway.add_token("operator")) as prometheus:
            wait_until(lambda: _is_up(prometheus), prometheus.scrapes)
            wait_until(
                lambda: all(rule["health"] == "ok" for rule in prometheus.rules().values()),
                lambda: [(name, rule["health"], rule.get("lastError")) for name, rule in prometheus.rules().items()],
            )
            assert {name for name, rule in prometheus.rules().items() if rule["state"] == "firing"} == set()
            add_work(gateway)
            wanted = {"MammogateStudyFailed", "MammogateDeliveryFailed"}
            wait_until(
                lambda: wanted <= {name for name, rule in prometheus.rules().items() if rule["state"] == "firing"},
                lambda: {name: rule["state"] for name, rule in prometheus.rules().items()},
            )
            now = time.time()
            shown = {panel["title"]: prometheus.panel(panel, now - 60, now, 1) for panel in dashboard()["panels"]}
            assert {title for title, series in shown.items() if not series} <= EMPTY_HERE
            assert [series.points[-1][1] for series in shown["Failed for good"]] == [1]
            gateway.stop()
            wait_until(lambda: prometheus.rules()["MammogateAway"]["state"] == "pending", prometheus.rules)


def _is_up(prometheus: Prometheus) -> bool:
    return [target["health"] for target in prometheus.scrapes()] == ["up"]

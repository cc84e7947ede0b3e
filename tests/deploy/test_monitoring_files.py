"""Alert rules and dashboard name figures that the gateway serves, and sections that tell what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from config.loading import load_settings
from gateway.workflow.jobs import COMMIT, COMPARE, GATHER, PROCESS
from tests.docs.papers import ROOT, anchors, tables

FOLDER = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
SCRAPED = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
# tests/gateway/monitoring holds this table to what is served.
FIGURES = {
    name: set(labels.split(", ")) - {""}
    for name, labels, _ in tables((ROOT / "docs" / "operations.md").read_text("utf-8"))[("figure", "labels", "is")]
}


def expressions() -> dict[str, str]:
    shown = {target["expr"]: panel["title"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
    return {**{rule["alert"]: rule["expr"] for rule in RULES}, **{title: expr for expr, title in shown.items()}}


@pytest.mark.parametrize("name", sorted(expressions()))
def test_every_figure_and_label_exists(name: str) -> None:
    expression = expressions()[name]
    figures = re.findall(r"\bmammogate_\w+", expression)
    assert figures or 'up{job="mammogate"}' in expression
    for figure in figures:
        assert figure in FIGURES
    for figure, labels in re.findall(r"\b(mammogate_\w+)\{([^}]*)\}", expression):
        assert {one.partition("=")[0] for one in labels.split(",")} <= FIGURES[figure]
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(labels.split(", ")) <= {label for figure in figures for label in FIGURES[figure]}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_leads_to_the_section_that_says_what_to_do(rule: dict[str, Any]) -> None:
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors(ROOT / file)
    assert rule["labels"]["severity"] in ("critical", "warning")
    figures = re.findall(r"\bmammogate_\w+", rule["expr"])
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        assert label in FIGURES[figures[0]]


@pytest.mark.parametrize(
    "watched",
    [
        *(f'mammogate_processes{{part="{part}"}}' for part in ("receive", "work")),
        'up{job="mammogate"}',  # the part api serves the figures
        *(f'mammogate_queue_oldest_seconds{{queue="{queue}"}}' for queue in (GATHER, PROCESS, COMPARE, COMMIT)),
        "mammogate_destination_waiting_seconds",  # of the queue deliver, each destination by itself
        "mammogate_studies_waiting_for_engine",
        "mammogate_images_read_instead",
        "mammogate_disk_free_bytes",
        "mammogate_synthetic_late",
        *("mammogate_dead_letters", 'mammogate_deliveries{status="failed"}', 'mammogate_commitments{status="failed"}'),
    ],
)
def test_an_alert_watches_every_queue_part_engine_and_destination(watched: str) -> None:
    assert any(watched in rule["expr"] for rule in RULES)


def test_the_dashboard_shows_every_queue_part_engine_and_destination() -> None:
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    for figure in (
        "processes",
        "queue_oldest_seconds",
        "step_seconds",
        "destination_waiting_seconds",
        "synthetic_late",
    ):
        assert f"mammogate_{figure}" in shown
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_asks_the_api_with_a_token() -> None:
    (job,) = SCRAPED["scrape_configs"]
    settings = load_settings(ROOT / "deploy" / "mammogate.toml", {})
    assert job["static_configs"] == [{"targets": [f"api:{settings.http.port}"]}]
    assert job["metrics_path"] == "/metrics"
    assert not settings.http.metrics_open
    assert job["authorization"]["credentials_file"].startswith("/run/secrets/")
    assert SCRAPED["rule_files"] == ["/etc/prometheus/alerts.yml"]

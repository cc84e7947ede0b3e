"""The text for Prometheus: every figure that is documented, cheap to ask for, and no patient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from config.inference_settings import InferenceSettings
from config.settings import DestinationSettings, HttpSettings, Settings, SyntheticSettings
from dicom_node.intake import Intake
from gateway.database.engine import Database
from gateway.database.feedback_models import FeedbackRow
from gateway.database.models import DeadLetter, Delivery
from gateway.database.synthetic_models import SyntheticStudy
from gateway.folders import Folders
from gateway.monitoring import prometheus
from gateway.monitoring.prometheus import PrometheusText
from gateway.monitoring.work_figures import WorkFigures
from gateway.parts import Parts
from gateway.processes.api import build_app
from gateway.workflow.jobs import Jobs
from inference.card import ModelInfo, read_model_info
from inference.drift import histogram
from tests.docs.papers import ROOT, tables
from tests.gateway.monitoring.rows import MODEL, MONDAY, add_study
from tests.reporting.feed.world import Browser

FRIDAY = MONDAY + timedelta(days=4)
PACS = DestinationSettings(name="pacs", kind="orthanc", url="http://pacs.hospital:8042")
XRAY1 = {"channel": "dicom", "source": "XRAY1", "detector": "SYNTHETIC PHANTOM 1", "week": "2026-W48"}


def model(*, validated: bool = True) -> ModelInfo:
    shipped = read_model_info()
    sample = np.random.default_rng(0).beta(1, 4, 2000)
    scores = {
        "image": list(histogram(sample)),
        "n": len(sample),
        "quantiles": np.quantile(sample, np.linspace(0, 1, 101)).tolist(),
    }
    card = {name: value for name, value in shipped.card.items() if name != "validation_scores"}
    return shipped.model_copy(
        update={"version": MODEL, "card": {**card, **({"validation_scores": scores} if validated else {})}}
    )


def text_of(database: Database, **of_model: Any) -> PrometheusText:
    root = Path(str(database.engine.url.database)).parent
    settings = Settings(
        data_dir=root, destinations=(PACS,), synthetic=SyntheticSettings(every_minutes=60, within_minutes=15)
    )
    work = WorkFigures(database, Folders(root), Jobs(database), settings).families
    return PrometheusText(database, model(**of_model), lambda: FRIDAY, work)


def figures(text: PrometheusText) -> dict[str, list[tuple[dict[str, str], float]]]:
    families = text_string_to_metric_families(text.text().decode())
    return {family.name: [(sample.labels, sample.value) for sample in family.samples] for family in families}


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def fill(database: Database) -> None:
    scores = np.random.default_rng(2).beta(4, 4, 240).tolist()
    for place in range(0, 240, 4):
        add_study(database, *scores[place : place + 4], study_score=max(scores[place : place + 4]))
    study, (_, instance) = add_study(database, 0.25, None, peer="XRAY2", at=MONDAY - timedelta(days=1))
    delivered = {"status": "delivered", "delivered_at": FRIDAY, "report_id": None, "action": "send"}
    with database.write() as session:
        session.add(Delivery(study_id=study, generation=1, destination="pacs", instance_id=instance, status="failed"))
        session.add(Delivery(study_id=study, generation=1, destination="pacs", **delivered))
        session.add(DeadLetter(study_id=study, generation=1, step="process.report", reason="It failed."))
        made = {"made_at": FRIDAY - timedelta(minutes=20), "sent_at": FRIDAY - timedelta(minutes=19)}
        session.add(SyntheticStudy(study_instance_uid="2.25.7", back_at=FRIDAY - timedelta(minutes=18), **made))
        for number in range(20):
            session.add(said(study, f"reader {number}", "agree" if number < 15 else "disagree"))


def said(study: int, author: str, verdict: str) -> FeedbackRow:
    return FeedbackRow(
        study_id=study,
        generation=1,
        model_version=MODEL,
        verdict=verdict,
        comment="",
        author=author,
        role="doctor",
        idempotency_key="key-0001",
        at=MONDAY,
    )


def test_every_figure_that_is_documented_is_there_and_none_else(database: Database) -> None:
    fill(database)
    documented = tables((ROOT / "docs" / "operations.md").read_text("utf-8"))[("figure", "labels", "is")]
    found = figures(text_of(database))
    assert {name: set(samples[0][0]) for name, samples in found.items()} == {
        name: {label.strip("` ") for label in labels.split(",")} - {""} for name, labels, _ in documented
    }


def test_the_figures_are_those_of_the_database(database: Database) -> None:
    fill(database)
    found = figures(text_of(database))
    assert found["mammogate_instances"] == [({"role": "read"}, 242)]
    assert found["mammogate_synthetic_late"] == [({}, 0)]
    assert found["mammogate_synthetic_seconds"] == [({}, 120)]
    assert ({"part": "work"}, 0) in found["mammogate_processes"]
    assert found["mammogate_destination_waiting_seconds"] == [({"destination": "pacs"}, 0)]
    assert found["mammogate_studies"] == [({"status": "reported"}, 61)]
    assert ({"destination": "pacs", "status": "failed"}, 1) in found["mammogate_deliveries"]
    assert found["mammogate_dead_letters"] == [({}, 1)]
    assert found["mammogate_feedback_agreement_ratio"] == [({"version": MODEL, "week": "2026-W48"}, 0.75)]
    assert (XRAY1, 240) in found["mammogate_images"]
    assert (XRAY1, 60) in found["mammogate_week_studies"]
    bins = [value for labels, value in found["mammogate_image_scores"] if labels["source"] == "XRAY1"]
    assert (len(bins), sum(bins)) == (10, 240)
    assert sum(value for labels, value in found["mammogate_study_scores"] if labels["source"] == "XRAY1") == 60
    ((labels, psi),) = found["mammogate_score_psi"]
    assert labels == XRAY1
    assert psi > 0.25
    assert found["mammogate_score_ks_p_value"][0][1] < 0.001
    before = {"channel": "dicom", "source": "XRAY2", "detector": "SYNTHETIC PHANTOM 1", "week": "2026-W47"}
    assert ({**before, "reason": "Saturated"}, 1) in found["mammogate_images_refused"]
    assert (before, 1) in found["mammogate_scores_too_few"]
    assert [labels for labels, _ in found["mammogate_images_refused_ratio"]] == [XRAY1]


@pytest.mark.parametrize(("wanted", "instead"), [("embedded", 0), ("remote", 2)])
def test_images_that_the_embedded_engine_read_for_a_remote_one_are_a_figure(
    database: Database, wanted: Literal["embedded", "remote"], instead: int
) -> None:
    add_study(database, 0.5, 0.5, None, at=FRIDAY)
    inference = InferenceSettings(engine=wanted, url="grpcs://gpu.hospital:8001/mammogate")
    settings = Settings(data_dir=Path(str(database.engine.url.database)).parent, inference=inference)
    work = WorkFigures(database, Folders(settings.data_dir), Jobs(database), settings)
    found = {family.name: family.samples for family in work.families(FRIDAY)}
    assert [sample.value for sample in found["mammogate_images_read_instead"]] == [instead]


def test_that_nothing_was_ever_reported_is_a_figure_too(database: Database) -> None:
    assert figures(text_of(database))["mammogate_studies"] == [({"status": "reported"}, 0)]


def test_no_patient_and_no_study_is_in_it(database: Database) -> None:
    fill(database)
    text = text_of(database).text().decode()
    assert "ERIKA" not in text
    assert "PID-4711" not in text
    assert "1.2.840" not in text


def test_a_card_without_scores_gives_no_drift_and_says_so(database: Database) -> None:
    fill(database)
    found = figures(text_of(database, validated=False))
    assert found["mammogate_validation_images"] == [({}, 0)]
    assert found["mammogate_score_psi"] == found["mammogate_scores_too_few"] == []
    assert (XRAY1, 240) in found["mammogate_images"]


def test_without_a_card_the_counts_are_there(database: Database) -> None:
    fill(database)
    found = figures(PrometheusText(database, None))
    assert found["mammogate_dead_letters"] == [({}, 1)]
    assert "mammogate_images" not in found


def test_asking_again_at_once_asks_the_database_nothing(database: Database) -> None:
    fill(database)
    text = text_of(database)
    with statements(database) as first:
        text.text()
    with statements(database) as second:
        text.text()
    assert 5 < len(first) < 40
    assert second == []


def test_counts_are_asked_for_again_after_some_seconds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(database)
    assert figures(text)["mammogate_instances"] == []
    add_study(database, 0.5)
    monkeypatch.setattr(prometheus, "_COUNTS_SECONDS", 0.0)
    assert figures(text)["mammogate_instances"] == [({"role": "read"}, 1)]
    assert figures(text)["mammogate_images"] == []
    monkeypatch.setattr(prometheus, "_SCORES_SECONDS", 0.0)
    assert figures(text)["mammogate_images"] == [(XRAY1, 1)]


def test_invented_senders_do_not_flood_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_MOST_SOURCES", 2)
    for number in range(4):
        add_study(database, *[0.5] * (number + 1), peer=f"AE{number}")
    assert [labels["source"] for labels, _ in figures(text_of(database))["mammogate_images"]] == ["AE2", "AE3"]


def test_a_senders_name_can_not_break_the_text(database: Database) -> None:
    odd = 'A"\n\\B} 7'
    add_study(database, 0.5, peer=odd)
    ((labels, _),) = figures(text_of(database))["mammogate_images"]
    assert labels["source"] == odd


def test_the_api_process_opens_them_only_where_the_site_says_so(parts: Parts) -> None:
    for is_open, expected in ((False, 401), (True, 200)):
        settings = parts.settings.model_copy(update={"http": HttpSettings(metrics_open=is_open)})
        app = build_app(replace(parts, settings=settings), cast(Intake, None))
        assert Browser(app).get("/metrics").status_code == expected

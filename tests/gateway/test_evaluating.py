"""`mammogate evaluate` as it is typed, with the shipped model on a few drawn pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from inference.evaluate import evaluate
from tests.inference.labelled_folders import crop, lesion_crops, normal_views, write_labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lesions of four patients, normal crops of two collections, a normal view."""
    folder = tmp_path_factory.mktemp("evaluated")
    lesion_crops(folder / "lesions", patients=4)
    normal_views(folder / "views", patients=1)
    for source, shows in (("one", "benign_mass"), ("other", "malignant_calcification")):
        (folder / source).mkdir()
        rows = []
        for number in range(3):
            cv2.imwrite(str(folder / source / f"{number}.png"), crop(shows, seed=number))
            rows.append({"file": f"{number}.png", "patient_id": f"{source}_{number}", "label5": "normal"})
        write_labels(folder / source, rows)
    return folder


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Any]:
    return evaluate(folder, draws=5).figures


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    done = CliRunner().invoke(app, ["evaluate", "--data", str(folder)])
    assert done.exit_code == 0, done.output
    return done.output


def cells(printed: str, name: str) -> list[str]:
    """What stands in the table beside this figure: its value and its interval, or what it is."""
    rows = ([cell.strip() for cell in line.split("│")] for line in printed.splitlines())
    (found,) = (row for row in rows if row[0] == name)
    return found[1:]


def test_four_patients_give_figures_and_no_interval(printed: str) -> None:
    assert cells(printed, "lesion_malignancy_auroc")[1] == "too few patients for an interval"


def test_marks_on_normal_views_are_printed_at_each_threshold_and_as_a_gateway_would_report_them(
    printed: str, figures: dict[str, Any]
) -> None:
    assert len(figures["marks_per_normal_view"]) == 4
    for name, value in figures["marks_per_normal_view"].items():
        where = name if name == "operating point" else f"threshold for {name}"
        assert cells(printed, f"marks_per_normal_view, {where}")[0] == f"{value:.2f}"
    reported = figures["marks_per_normal_view_reported"]["operating point"]
    told = cells(printed, "marks_per_normal_view_reported, operating point")
    assert told == [f"{reported:.2f}", "as a gateway reports: 5 at most"]


def test_the_source_probe_is_printed_for_each_patient_left_out(printed: str, figures: dict[str, Any]) -> None:
    assert len(figures["source_probe_auroc"]) == 3
    told = ", ".join(f"{value:.3f}" for value in figures["source_probe_auroc"])
    assert cells(printed, "source_probe_auroc")[0] == told


def test_it_says_that_images_of_the_training_flatter_the_model(printed: str) -> None:
    (said,) = (line for line in printed.splitlines() if "flatter" in line)
    assert "CBIS-DDSM's training crops" in said

"""`mammogate evaluate` as it is typed, with the shipped model on a few drawn crops."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from tests.inference.labelled_folders import lesion_crops


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = lesion_crops(tmp_path_factory.mktemp("evaluated"), patients=4)
    done = CliRunner().invoke(app, ["evaluate", "--data", str(folder)])
    assert done.exit_code == 0, done.output
    return done.output


def test_four_patients_give_figures_and_no_interval(printed: str) -> None:
    line = next(line for line in printed.splitlines() if line.startswith("lesion_malignancy_auroc "))
    assert line.rstrip().endswith("too few patients for an interval")

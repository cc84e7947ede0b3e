"""The commands around the reference: training that survives kill -9, options it doesn't take, its pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from gateway.cli.failures import CommandFailed
from tests.docs.papers import ROOT
from tests.inference.labelled_folders import lesion_crops, normal_views


def refusal(*words: str) -> str:
    error = CliRunner().invoke(app, list(words)).exception
    assert isinstance(error, CommandFailed)
    return str(error)


def test_the_recipe_refuses_options_that_it_does_not_take_and_sizes_that_do_not_exist(tmp_path: Path) -> None:
    train = ("train", "--recipe", "reference", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert "not for the recipe reference" in refusal(*train, "--steps", "3")
    assert "multiple of 16" in refusal(*train, "--side", "100")
    assert "no labels.csv" in refusal(*train, "--side", "64")
    assert not (tmp_path / "out" / "run.json").exists()


def test_the_pictures_of_the_documents_are_drawn_from_the_real_films(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["model", "pictures", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for name in ("reference-steps.png", "reference-patches.png"):
        drawn = cv2.imread(str(tmp_path / name))
        shown = cv2.imread(str(ROOT / "docs" / "model" / name))
        assert drawn.shape == shown.shape
        assert cv2.absdiff(drawn, shown).mean() < 1.0, f"docs/model/{name} is not what `make pictures` draws"


@pytest.mark.long
@pytest.mark.system
def test_a_run_killed_with_kill_9_goes_on_by_the_same_command_to_the_same_figures(tmp_path: Path) -> None:
    lesion_crops(tmp_path / "data" / "lesions", patients=60)
    normal_views(tmp_path / "data" / "normals", patients=3)

    def command(out: str) -> list[str]:
        return [
            sys.executable, "-m", "gateway", "train", "--recipe", "reference", "--split", "patient", "--blocks", "2",
            "--side", "16", "--epochs", "4", "--data", str(tmp_path / "data"), "--out", str(tmp_path / out),
            "--patches", str(tmp_path / "patches"),
        ]  # fmt: skip

    subprocess.run(command("whole"), cwd=ROOT, check=True, capture_output=True)
    kills = 0
    for epochs_there in (1, 3):
        running = subprocess.Popen(command("killed"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None and done_epochs(tmp_path / "killed") < epochs_there:
            time.sleep(0.02)
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
            kills += running.wait() == -signal.SIGKILL
    assert kills >= 1
    last = subprocess.run(command("killed"), cwd=ROOT, check=True, capture_output=True, text=True)
    assert last.stdout.strip() == str(tmp_path / "killed" / "figures.json")
    whole, killed = ((tmp_path / name / "figures.json").read_text("utf-8") for name in ("whole", "killed"))
    assert killed == whole
    assert done_epochs(tmp_path / "killed") == 4


def done_epochs(folder: Path) -> int:
    file = folder / "curves.json"
    return len(json.loads(file.read_text("utf-8"))) if file.exists() else 0

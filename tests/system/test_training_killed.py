"""`mammogate train`, killed with SIGKILL in the middle of a run and started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.inference.labelled_folders import lesion_crops, normal_views

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(1800)]

STEPS = 60


def train(data: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gateway", "train", "--data", str(data), "--out", str(out)]
    options = ["--folds", "0", "--seeds", "1", "--steps", str(STEPS)]
    return subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)


def curve(out: Path) -> list[dict[str, float]]:
    (file,) = out.glob("work/runs/*/curve.json")
    return [{name: value for name, value in row.items() if name != "seconds"} for row in json.loads(file.read_text())]


def test_a_training_killed_after_its_first_keeping_ends_with_the_same_model_as_one_that_never_was(
    tmp_path: Path,
) -> None:
    lesion_crops(tmp_path / "data" / "lesions", patients=8)
    normal_views(tmp_path / "data" / "normals", patients=2)
    whole = train(tmp_path / "data", tmp_path / "whole")
    told = whole.communicate()[1]
    assert whole.returncode == 0, told
    assert "step 50" in told, "progress is told"

    cut = train(tmp_path / "data", tmp_path / "cut")
    assert cut.stderr is not None
    for line in cut.stderr:
        if "step 50" in line:
            break
    cut.send_signal(signal.SIGKILL)
    assert cut.wait() == -signal.SIGKILL
    assert [row["step"] for row in curve(tmp_path / "cut")] == [50]
    assert not (tmp_path / "cut" / "model.onnx").exists()

    again = train(tmp_path / "data", tmp_path / "cut")
    told = again.communicate()[1]
    assert again.returncode == 0, told
    assert "step 50" not in told, "what was kept is not done again"
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    for name in ("model.onnx", "card.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_training_killed_while_it_computes_windows_goes_on_and_says_nothing_of_an_unfinished_file(
    tmp_path: Path,
) -> None:
    lesion_crops(tmp_path / "data", patients=8)
    first = train(tmp_path / "data", tmp_path / "out")
    silent = threading.Thread(target=first.communicate)
    silent.start()
    features = tmp_path / "out" / "work" / "features"
    deadline = time.monotonic() + 300
    while not features.is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    silent.join()
    assert first.returncode == -signal.SIGKILL
    again = train(tmp_path / "data", tmp_path / "out")
    told = again.communicate()[1]
    assert again.returncode == 0, told
    assert (tmp_path / "out" / "card.json").is_file()

"""Evaluation of a folder as people make them: with files that can't be read, and DICOM under any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from inference.evaluate import evaluate
from inference.training.labels import LabelsUnusable
from tests.inference.labelled_folders import crop, write_labels
from tests.peers.synthetic import mammogram, write


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two pictures and a mammogram that can be read, among files that can't."""
    folder = tmp_path_factory.mktemp("mixed")
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(folder / name), crop("benign_mass", seed=0))
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "broken.jpg").write_bytes((folder / "a.png").read_bytes()[:50])
    (folder / "broken.dcm").write_bytes(b"no object")
    (folder / "broken").write_bytes(b"no object")
    (folder / "folder").mkdir()
    write(mammogram(), folder / "IM0001")
    write_labels(folder, [
        {"file": name, "patient_id": name, "label5": "benign_mass"}
        for name in ("a.png", "broken.png", "broken.jpg", "broken.dcm", "broken", "IM0001", "folder", "absent", "c.png")
    ])  # fmt: skip
    return evaluate(folder, threads=2, draws=5).figures


def test_a_file_that_cannot_be_read_is_left_out_with_its_reason_and_the_rest_is_evaluated(
    figures: dict[str, Any],
) -> None:
    assert figures["n"] == 3
    assert len(figures["left_out"]) == 6
    for name, sentence in zip(
        ("broken.png", "broken.jpg", "broken.dcm", "broken", "folder", "absent"), figures["left_out"], strict=True
    ):
        assert f"{name} is " in sentence or f"{name}: " in sentence


def test_a_mammogram_without_an_ending_is_read_as_one(figures: dict[str, Any]) -> None:
    assert not any("IM0001" in sentence for sentence in figures["left_out"])
    assert figures["n"] == 3


def test_when_nothing_can_be_read_the_first_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,patient_id,label5\n", encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"no labels\.csv there has a row"):
        evaluate(tmp_path, threads=2, draws=5)
    write_labels(tmp_path, [{"file": "absent.png", "patient_id": "P", "label5": "normal"}])
    with pytest.raises(LabelsUnusable, match=r"could be evaluated: .*absent\.png"):
        evaluate(tmp_path, threads=2, draws=5)

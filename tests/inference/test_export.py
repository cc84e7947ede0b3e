"""The model leaves for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest

from inference.export import FormatUnavailable, export_model
from inference.sweep import SweepModel


def test_the_exported_onnx_folder_is_a_model_folder(tmp_path: Path) -> None:
    written = export_model(tmp_path / "onnx", "onnx")
    assert {file.name for file in written} == {"model.onnx", "card.json"}
    picture = np.random.default_rng(0).random((1, 128, 96), dtype=np.float32)
    assert np.array_equal(SweepModel(tmp_path / "onnx", 1).cells(picture), SweepModel(threads=1).cells(picture))


def test_the_exported_openvino_model_computes_the_same(tmp_path: Path) -> None:
    written = export_model(tmp_path / "ir", "openvino")
    assert {file.name for file in written} == {"model.xml", "model.bin", "card.json"}
    picture = np.random.default_rng(0).random((1, 96, 96), dtype=np.float32)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(tmp_path / "ir" / "model.xml"), "CPU", options)
    logits = compiled(picture[:, None])[0]
    assert np.allclose(logits, SweepModel(threads=1).cells(picture), atol=1e-4)


def test_a_format_that_is_not_there_yet_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatUnavailable, match="not available yet"):
        export_model(tmp_path, "triton")

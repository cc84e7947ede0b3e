"""The model leaves for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from inference.card import read_model_info
from inference.export import FormatUnavailable, export_model
from inference.remote.version import served_version
from inference.remote.wire import as_sent
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


def test_a_format_that_does_not_exist_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatUnavailable, match="use onnx, openvino, triton"):
        export_model(tmp_path, "keras")  # type: ignore[arg-type] # what a caller may say


def test_the_triton_repository_is_one_that_triton_can_read(tmp_path: Path) -> None:
    written = export_model(tmp_path, "triton")
    version = served_version(read_model_info().version)
    config_file, graph_file = tmp_path / "mammogate/config.pbtxt", tmp_path / f"mammogate/{version}/model.onnx"
    assert written == [config_file, graph_file]
    config = text_format.Parse(config_file.read_text(), model_config_pb2.ModelConfig())
    assert (config.name, config.platform, config.max_batch_size) == ("mammogate", "onnxruntime_onnx", 0)
    assert not config.HasField("dynamic_batching")
    assert list(config.version_policy.specific.versions) == [int(version)]
    (image,), (logits,) = config.input, config.output
    assert (image.name, image.data_type, list(image.dims)) == ("image", model_config_pb2.TYPE_UINT16, [-1, 1, -1, -1])
    assert (logits.name, logits.data_type, list(logits.dims)) == (
        "logits",
        model_config_pb2.TYPE_FP32,
        [-1, -1, -1, 10],
    )
    for warm_up in config.model_warmup:
        n, channels, height, width = warm_up.inputs["image"].dims
        assert (n, channels, height % 32, width % 32) == (1, 1, 0, 0)
    assert len(config.model_warmup) == 2


def test_the_graph_in_the_triton_repository_takes_what_the_gateway_sends(tmp_path: Path) -> None:
    _, graph_file = export_model(tmp_path, "triton")
    picture = np.random.default_rng(0).random((2, 96, 64), dtype=np.float32)
    compiled = openvino.Core().compile_model(str(graph_file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (image,) = compiled.inputs
    assert (image.any_name, image.element_type) == ("image", openvino.Type.u16)
    assert np.abs(compiled(as_sent(picture))[0] - SweepModel(threads=1).cells(picture)).max() < 1e-3

"""The architecture, and that what ships computes what Keras computes."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from inference.card import GRAPH_FILE, MODEL_DIR
from inference.efficientnet import BLOCKS, fill_from_imagenet
from inference.network import fill_sweep, sweep_network, to_network_range, trained_part
from inference.onnx_graph import build_graph, fill_network, read_weights, weights_of
from inference.sweep import SweepModel
from inference.training.frozen import CHANNELS, FROZEN_BLOCKS, FrozenLayers
from inference.training.imagenet import imagenet_weights
from preprocessing.patches import SCALES
from preprocessing.prepare import prepare
from tests.preprocessing.lesion_boxes import real_mammograms

TOLERANCE = 1e-4


def test_the_model_code_uses_keras_layers_only() -> None:
    for name in ("network.py", "efficientnet.py"):
        source = Path(__file__).parents[2] / "inference" / name
        nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
        assert not {"tf", "tensorflow"} & {node.id for node in nodes if isinstance(node, ast.Name)}
        assert "Lambda" not in {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_the_imagenet_weights_still_know_a_flower_and_a_palace() -> None:
    """The whole port at once: the file's strides, the folding, the order of axes, the padding."""
    from sklearn.datasets import load_sample_image

    weights = imagenet_weights()
    network = sweep_network()
    fill_from_imagenet(network, weights)
    import keras

    features = keras.Model(network.input, network.get_layer("head_relu").output)
    for name, expected in (("flower.jpg", 985), ("china.jpg", 698)):
        picture = load_sample_image(name)
        side = min(picture.shape[:2]) // 32 * 32
        left = (picture.shape[1] - side) // 2
        # Grey is all that the network sees; the objects are told by their shape.
        grey = (picture[:side, left : left + side] / 255.0).mean(axis=2, dtype=np.float32)
        means = np.asarray(features(grey[None, :, :, None])).mean(axis=(1, 2))
        scores = means @ weights["_fc.weight"].T + weights["_fc.bias"]
        assert expected in np.argsort(-scores[0])[:5]


def test_frozen_layers_and_trained_part_together_are_the_sweep_over_one_window() -> None:
    trained = trained_part(FROZEN_BLOCKS, CHANNELS)
    fill_from_imagenet(trained, imagenet_weights())
    sweep = sweep_network()
    fill_from_imagenet(sweep, imagenet_weights())
    fill_sweep(sweep, trained)
    for scale in SCALES:
        window = np.random.default_rng(0).random((scale.side, scale.side), dtype=np.float32)
        maps = FrozenLayers().maps([window], scale.side).astype(np.float32)
        cells = np.asarray(sweep(window[None, :, :, None]))
        assert cells.shape == (1, scale.side // 32, scale.side // 32, 10)
        # The stored maps are of half precision.
        assert np.allclose(np.asarray(trained(maps)), cells.mean(axis=(1, 2)), atol=0.02)


def test_the_shipped_sweep_equals_keras_within_a_ten_thousandth_on_a_real_mammogram() -> None:
    sweep = sweep_network()
    fill_network(sweep, read_weights(MODEL_DIR / GRAPH_FILE))
    contrast = prepare(real_mammograms()["1-282.dcm"]).coarse
    keras_logits = np.asarray(sweep(contrast[None, :, :, None]))
    assert np.abs(SweepModel(threads=2).cells(contrast[None]) - keras_logits).max() < TOLERANCE


def test_weights_survive_the_way_into_the_graph_and_back() -> None:
    first, second = sweep_network(), sweep_network()
    weights = weights_of(first)
    fill_network(second, weights)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)
    stored = {tensor.name for tensor in build_graph(weights, version="test").graph.initializer}
    assert stored == set(weights) | {"range_gain", "range_shift", "zero", "six"}


def test_the_windows_of_a_sweep_are_means_of_its_cells_and_coarse_ones_lie_between() -> None:
    model = SweepModel(threads=1)
    prepared = prepare(real_mammograms()["1-282.dcm"])
    logits = model.image_logits(prepared)
    assert logits.shape == (2, *prepared.positions, 5)
    cells = model.cells(prepared.coarse[None])[0, ..., 5:]
    assert np.allclose(logits[1, 4, 6], cells[2:6, 3:7].mean(axis=(0, 1)), atol=1e-5)
    assert np.allclose(logits[1, 5, 6], (logits[1, 4, 6] + logits[1, 6, 6]) / 2, atol=1e-5)
    cells = model.cells(prepared.fine[None])[0, ..., :5]
    assert np.allclose(logits[0, 5, 6], cells[5:10, 6:11].mean(axis=(0, 1)), atol=1e-5)


def test_the_network_sees_grey_as_imagenet_saw_it() -> None:
    assert to_network_range(np.asarray([0.0, 1.0], dtype=np.float32)).tolist() == [-127 / 128, 1.0]


def test_there_are_sixteen_blocks_and_the_frozen_ones_leave_forty_channels() -> None:
    assert len(BLOCKS) == 16
    assert CHANNELS == 40


def test_the_shipped_model_is_small_enough_for_the_repository() -> None:
    assert sum(file.stat().st_size for file in MODEL_DIR.rglob("*")) < 20e6


@pytest.mark.parametrize("length", [1, 31])
def test_an_image_smaller_than_a_window_still_has_cells(length: int) -> None:
    cells = SweepModel(threads=1).cells(np.zeros((length, 32, 32), dtype=np.float32))
    assert cells.shape == (length, 1, 1, 10)

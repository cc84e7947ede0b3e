"""The architecture, and that what ships computes what Keras computes."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from inference.card import GRAPH_FILE, MODEL_DIR
from inference.network import STRIDE, reference_network, sweep_network
from inference.onnx_graph import build_graph, fill_network, read_weights, weights_of
from inference.sweep import SweepModel
from preprocessing.patches import WINDOW_SIDE
from preprocessing.prepare import prepare
from tests.preprocessing.lesion_boxes import real_mammograms

TOLERANCE = 1e-4


def test_the_reference_network_has_exactly_the_published_number_of_parameters() -> None:
    assert reference_network(256).count_params() == 17_955_301


@pytest.mark.parametrize("side", [0, 8, 100])
def test_a_window_that_four_halvings_do_not_divide_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        reference_network(side)


def test_the_model_code_uses_keras_layers_only() -> None:
    source = Path(__file__).parents[2] / "inference" / "network.py"
    names = {node.id for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    attributes = {
        node.attr for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)
    }
    assert not {"tf", "tensorflow"} & names
    assert "Lambda" not in attributes


def test_a_window_is_one_position_of_the_sweep() -> None:
    window = reference_network(WINDOW_SIDE)
    sweep = sweep_network(window)
    picture = np.random.default_rng(0).random((1, WINDOW_SIDE, WINDOW_SIDE, 1), dtype=np.float32)
    alone = np.asarray(window(picture))
    swept = np.asarray(sweep(picture))
    assert swept.shape == (1, 1, 1, 5)
    assert np.allclose(alone, swept[:, 0, 0], atol=TOLERANCE)


def test_the_shipped_sweep_equals_keras_within_a_ten_thousandth_on_a_real_mammogram() -> None:
    window = reference_network(WINDOW_SIDE)
    fill_network(window, read_weights(MODEL_DIR / GRAPH_FILE))
    contrast = prepare(real_mammograms()["1-282.dcm"]).contrast
    # The lower half of the breast: the whole of it takes Keras several seconds and says nothing more.
    contrast = contrast[contrast.shape[0] // 2 // STRIDE * STRIDE :]
    keras_logits = np.asarray(sweep_network(window)(contrast[None, :, :, None]))[0]
    assert np.abs(SweepModel(threads=2).logits(contrast) - keras_logits).max() < TOLERANCE


def test_weights_survive_the_way_into_the_graph_and_back() -> None:
    first, second = reference_network(WINDOW_SIDE), reference_network(WINDOW_SIDE)
    weights = weights_of(sweep_network(first))
    fill_network(second, weights)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert {tensor.name for tensor in build_graph(weights, version="test").graph.initializer} == set(weights)


def test_the_shipped_model_is_small_enough_for_the_repository() -> None:
    assert sum(file.stat().st_size for file in MODEL_DIR.rglob("*")) < 20e6

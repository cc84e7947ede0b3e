"""The sweep network as an ONNX graph, written node by node from the Keras weights, and the way back.

Written by hand rather than converted: the graph is the published architecture and nothing else, every initialiser
carries its layer's name, and so the shipped file is enough to fill the Keras network again. Kernels are stored as
float16 (half the size) and cast to float32 when the graph is loaded; everything computes in float32. Input `image`
(n, 1, height, width) float32 0..1, height and width multiples of 16; output `logits` (n, rows, columns, 5).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.classes import CLASSES

OPSET: Final = 17
_EPSILON: Final = 1e-3
"""Keras' default for BatchNormalization."""
_BLOCKS: Final = 4
_NORM_PARTS: Final = ("gamma", "beta", "mean", "variance")

Weights = Mapping[str, NDArray[np.float32]]
"""Initialiser name ("block1_conv1/kernel") to values, kernels as (out, in, height, width)."""


def weights_of(sweep: Any) -> dict[str, NDArray[np.float32]]:
    """Collect the weights of a Keras sweep network under the names and in the order of axes that ONNX uses."""
    weights: dict[str, NDArray[np.float32]] = {}
    for layer in sweep.layers:
        values = [np.asarray(value, dtype=np.float32) for value in layer.get_weights()]
        if len(values) == 2:
            weights[f"{layer.name}/kernel"] = np.ascontiguousarray(values[0].transpose(3, 2, 0, 1))
            weights[f"{layer.name}/bias"] = values[1]
        elif len(values) == len(_NORM_PARTS):
            weights |= {f"{layer.name}/{part}": value for part, value in zip(_NORM_PARTS, values, strict=True)}
    return weights


def build_graph(weights: Weights, *, version: str) -> onnx.ModelProto:
    """The graph with these weights; `version` goes into its metadata."""
    nodes: list[Any] = []
    stored: list[Any] = []
    for name, value in weights.items():
        if name.endswith("/kernel"):
            stored.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float16), name))
            nodes.append(helper.make_node("Cast", [name], [f"{name}/float32"], to=TensorProto.FLOAT))
        else:
            stored.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    flow = "image"
    for block in range(1, _BLOCKS + 1):
        for half in (1, 2):
            flow = _convolution(nodes, flow, f"block{block}_conv{half}", pads=[1, 1, 1, 1])
            flow = _relu(nodes, flow)
            flow = _norm(nodes, flow, f"block{block}_norm{half}")
        nodes.append(helper.make_node("MaxPool", [flow], [f"block{block}_pool"], kernel_shape=[2, 2], strides=[2, 2]))
        flow = f"block{block}_pool"
    flow = _relu(nodes, _convolution(nodes, flow, "dense", pads=[0, 0, 0, 0]))
    flow = _norm(nodes, flow, "dense_norm")
    flow = _convolution(nodes, flow, "logits", pads=[0, 0, 0, 0])
    nodes.append(helper.make_node("Transpose", [flow], ["logits"], perm=[0, 2, 3, 1]))
    graph = helper.make_graph(
        nodes,
        "four_blocks_sweep",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "height", "width"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "rows", "columns", len(CLASSES)])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mammogate")
    model.ir_version = 9
    helper.set_model_props(model, {"version": version, "classes": ",".join(CLASSES)})
    onnx.checker.check_model(model)
    return model


def read_weights(graph_file: Path) -> dict[str, NDArray[np.float32]]:
    """The named weights in an exported graph."""
    model = onnx.load(str(graph_file))
    tensors = model.graph.initializer
    return {tensor.name: np.asarray(numpy_helper.to_array(tensor), dtype=np.float32) for tensor in tensors}


def fill_network(window_network: Any, weights: Weights) -> None:
    """Put the weights of a graph into a Keras window network, for further training or as the reference in tests."""
    for layer in window_network.layers:
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if len(shapes) == 2:
            kernel = weights[f"{layer.name}/kernel"].transpose(2, 3, 1, 0)
            layer.set_weights([kernel.reshape(shapes[0]), weights[f"{layer.name}/bias"]])
        elif len(shapes) == len(_NORM_PARTS):
            layer.set_weights([weights[f"{layer.name}/{part}"] for part in _NORM_PARTS])


def _convolution(nodes: list[Any], flow: str, name: str, *, pads: list[int]) -> str:
    nodes.append(helper.make_node("Conv", [flow, f"{name}/kernel/float32", f"{name}/bias"], [f"{name}_sum"], pads=pads))
    return f"{name}_sum"


def _relu(nodes: list[Any], flow: str) -> str:
    nodes.append(helper.make_node("Relu", [flow], [f"{flow}_relu"]))
    return f"{flow}_relu"


def _norm(nodes: list[Any], flow: str, name: str) -> str:
    inputs = [flow, *(f"{name}/{part}" for part in _NORM_PARTS)]
    nodes.append(helper.make_node("BatchNormalization", inputs, [name], epsilon=_EPSILON))
    return name

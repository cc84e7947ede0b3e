"""The sweep network as an ONNX graph, written node by node from the Keras weights, and the way back.

Written by hand rather than converted: the graph is the network's description in `inference.efficientnet` and nothing
else, every initialiser carries its layer's name, and so the shipped file is enough to fill the Keras network again.
Kernels are stored as float16 (half the size) and cast to float32 when the graph is loaded; everything computes in
float32. Input `image` (n, 1, height, width) float32 0..1, height and width multiples of 32; output `logits`
(n, rows, columns, 10): five of the fine scale, five of the coarse.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.classes import CLASSES
from inference.efficientnet import BLOCKS, Block
from inference.network import HEADS, OUTPUTS, RANGE_GAIN, RANGE_SHIFT

OPSET: Final = 17

Weights = Mapping[str, NDArray[np.float32]]
"""Initialiser name ("block1_expand/kernel") to values, kernels as (out, in, height, width)."""


def weights_of(sweep: Any) -> dict[str, NDArray[np.float32]]:
    """Collect the weights of a Keras sweep network under the names and in the order of axes that ONNX uses."""
    weights: dict[str, NDArray[np.float32]] = {}
    for layer in sweep.layers:
        values = [np.asarray(value, dtype=np.float32) for value in layer.get_weights()]
        if len(values) == 2:
            weights[f"{layer.name}/kernel"] = np.ascontiguousarray(values[0].transpose(_to_onnx(layer.name)))
            weights[f"{layer.name}/bias"] = values[1]
    return weights


def fill_network(sweep: Any, weights: Weights) -> None:
    """Put the weights of a graph into a Keras sweep network, for further training or as the reference in tests."""
    for layer in sweep.layers:
        if layer.weights:
            kernel = weights[f"{layer.name}/kernel"].transpose(np.argsort(_to_onnx(layer.name)))
            layer.set_weights([kernel, weights[f"{layer.name}/bias"]])


def _to_onnx(layer: str) -> tuple[int, int, int, int]:
    # Keras: height, width, in, out; of a depthwise kernel height, width, channel, 1.
    return (2, 3, 0, 1) if layer.endswith("_depthwise") else (3, 2, 0, 1)


def build_graph(weights: Weights, *, version: str) -> onnx.ModelProto:
    """The graph with these weights; `version` goes into its metadata."""
    writer = _Writer(weights)
    # (255 x - 127) / 128, the range of the ImageNet weights.
    flow = writer.node("Mul", "image", writer.constant("range_gain", RANGE_GAIN), name="range_scaled")
    flow = writer.node("Add", flow, writer.constant("range_shift", RANGE_SHIFT), name="range")
    flow = writer.relu6(writer.convolution(flow, "stem", kernel=3, stride=2))
    for block in BLOCKS:
        flow = _inverted_residual(writer, flow, block)
    flow = writer.relu6(writer.convolution(flow, "head"))
    flow = writer.convolution(flow, HEADS)
    writer.nodes.append(helper.make_node("Transpose", [flow], ["logits"], perm=[0, 2, 3, 1]))
    graph = helper.make_graph(
        writer.nodes,
        "mammogate_sweep",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "height", "width"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "rows", "columns", OUTPUTS])],
        writer.stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mammogate")
    model.ir_version = 9
    helper.set_model_props(model, {"version": version, "classes": ",".join(CLASSES)})
    onnx.checker.check_model(model)
    return model


def read_weights(graph_file: Path) -> dict[str, NDArray[np.float32]]:
    """The named weights in an exported graph."""
    model = onnx.load(str(graph_file))
    tensors = (tensor for tensor in model.graph.initializer if "/" in tensor.name)
    return {tensor.name: np.asarray(numpy_helper.to_array(tensor), dtype=np.float32) for tensor in tensors}


def _inverted_residual(writer: "_Writer", flow: str, block: Block) -> str:
    name = f"block{block.number}"
    inner = flow
    if block.expansion != 1:
        inner = writer.relu6(writer.convolution(inner, f"{name}_expand"))
    depthwise = writer.convolution(
        inner, f"{name}_depthwise", kernel=block.kernel, stride=block.stride, groups=block.entering * block.expansion
    )
    projected = writer.convolution(writer.relu6(depthwise), f"{name}_project")
    return writer.node("Add", flow, projected, name=f"{name}_add") if block.residual else projected


class _Writer:
    """Collects nodes and initialisers."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[Any] = []
        self.stored: list[Any] = []
        for name, value in weights.items():
            if name.endswith("/kernel"):
                self.stored.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float16), name))
                self.nodes.append(helper.make_node("Cast", [name], [f"{name}/float32"], to=TensorProto.FLOAT))
            else:
                self.stored.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        self._six = self.constant("six", 6.0)
        self._zero = self.constant("zero", 0.0)

    def constant(self, name: str, value: float) -> str:
        self.stored.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def node(self, kind: str, *inputs: str, name: str) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name]))
        return name

    def relu6(self, flow: str) -> str:
        return self.node("Clip", flow, self._zero, self._six, name=f"{flow}_relu")

    def convolution(self, flow: str, name: str, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> str:
        # "same" over an even side: what a stride of 2 needs less goes missing at the top and left.
        all_round = kernel - stride
        before, after = all_round // 2, all_round - all_round // 2
        inputs = [flow, f"{name}/kernel/float32", f"{name}/bias"]
        self.nodes.append(
            helper.make_node(
                "Conv", inputs, [name], pads=[before, before, after, after], strides=[stride, stride], group=groups
            )
        )
        return name

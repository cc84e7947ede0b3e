"""EfficientNet-Lite0 over grey windows (Tan and Le 2019; the Lite variant: ReLU6, no squeeze and excitation).

Batch normalisation is folded into the convolutions: its statistics stay those of ImageNet anyway, a network without it
gives the same answer in a window and in a sweep, trains a third faster on a CPU, and needs five kinds of operations.
The three colour kernels of the first layer are summed. Only Keras layers, so that any Keras 3 back end can load it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from keras import layers
from numpy.typing import NDArray

STRIDE: Final = 32
"""Pixels between two positions of the last map."""
FEATURES: Final = 1280
_STEM: Final = 32
_EPSILON: Final = 1e-3
# repeats, kernel, stride of the first, expansion, channels in, channels out
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


@dataclass(frozen=True)
class Block:
    """An inverted residual (Sandler et al. 2018): 1x1 to `entering` * `expansion`, depthwise, 1x1 to `leaving`."""

    number: int
    kernel: int
    stride: int
    expansion: int
    entering: int
    leaving: int

    @property
    def residual(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.entering == self.leaving


def _blocks() -> tuple[Block, ...]:
    blocks: list[Block] = []
    for repeats, kernel, stride, expansion, entering, leaving in _STAGES:
        for place in range(repeats):
            first = place == 0
            blocks.append(
                Block(len(blocks), kernel, stride if first else 1, expansion, entering if first else leaving, leaving)
            )
    return tuple(blocks)


BLOCKS: Final = _blocks()


def lower_layers(grey: Any, until: int) -> Any:
    """The first convolution and the blocks before number `until`, over (n, height, width, 1) in -1..1."""
    x = layers.Conv2D(_STEM, 3, strides=2, padding="same", name="stem")(grey)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for block in BLOCKS[:until]:
        x = _inverted_residual(x, block)
    return x


def upper_layers(x: Any, since: int) -> Any:
    """The blocks from number `since` on and the last convolution: (n, rows, columns, 1280)."""
    for block in BLOCKS[since:]:
        x = _inverted_residual(x, block)
    x = layers.Conv2D(FEATURES, 1, name="head")(x)
    return layers.ReLU(6.0, name="head_relu")(x)


def _inverted_residual(x: Any, block: Block) -> Any:
    name = f"block{block.number}"
    y = x
    if block.expansion != 1:
        y = layers.Conv2D(block.entering * block.expansion, 1, name=f"{name}_expand")(y)
        y = layers.ReLU(6.0, name=f"{name}_expand_relu")(y)
    y = layers.DepthwiseConv2D(block.kernel, strides=block.stride, padding="same", name=f"{name}_depthwise")(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(block.leaving, 1, name=f"{name}_project")(y)
    return layers.Add(name=f"{name}_add")([x, y]) if block.residual else y


def fill_from_imagenet(network: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Put ImageNet's weights, folded, into every layer of `network` that has them; others keep theirs."""
    for layer in network.layers:
        source = _source(layer.name)
        if source is not None:
            kernel, bias = _folded(weights, *source, depthwise=layer.name.endswith("_depthwise"))
            if layer.name == "stem":
                kernel = kernel.sum(axis=2, keepdims=True)
            layer.set_weights([kernel, bias])


def _source(layer: str) -> tuple[str, str] | None:
    """Names of the convolution and of its batch normalisation in the package's file."""
    if layer in ("stem", "head"):
        return f"_conv_{layer}", "_bn0" if layer == "stem" else "_bn1"
    part = layer.rsplit("_", 1)[-1]
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    if not layer.startswith("block") or part not in norms:
        return None
    block = f"_blocks.{layer.removeprefix('block').split('_')[0]}"
    return f"{block}._{part}_conv", f"{block}.{norms[part]}"


def _folded(
    weights: Mapping[str, NDArray[np.float32]], convolution: str, norm: str, *, depthwise: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel in Keras' order of axes and bias of a convolution with its batch normalisation in it."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
    kernel = weights[f"{convolution}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
    return np.ascontiguousarray(kernel.transpose(axes), dtype=np.float32), np.asarray(bias, dtype=np.float32)

"""The lower layers, which keep ImageNet's weights: windows in, maps out, in OpenVINO."""

from collections.abc import Sequence
from typing import Any, Final

import keras
import numpy as np
import openvino
from numpy.typing import NDArray

from inference.efficientnet import BLOCKS, fill_from_imagenet, lower_layers
from inference.network import to_network_range
from inference.training.imagenet import imagenet_weights
from preprocessing.normalise import FloatImage

FROZEN_BLOCKS: Final = 5
"""Blocks before this one are never trained."""
REDUCTION: Final = 8
"""Pixels of a window a pixel of the map."""
CHANNELS: Final = BLOCKS[FROZEN_BLOCKS].entering
_BATCH: Final = 32


class FrozenLayers:
    """The first convolution and five blocks. Raises ImageNetWeightsMissing on making one."""

    def __init__(self) -> None:
        grey = keras.Input((None, None, 1))
        network = keras.Model(grey, lower_layers(grey, FROZEN_BLOCKS))
        fill_from_imagenet(network, imagenet_weights())
        self._network = network
        self._compiled: dict[int, Any] = {}

    def maps(self, windows: Sequence[FloatImage], side: int) -> NDArray[np.float16]:
        """Maps (n, side / 8, side / 8, 40) of windows (side, side), 0..1."""
        compiled = self._compile(side)
        parts: list[NDArray[np.float16]] = []
        for start in range(0, len(windows), _BATCH):
            batch = np.zeros((_BATCH, side, side, 1), dtype=np.float32)
            these = windows[start : start + _BATCH]
            batch[: len(these), :, :, 0] = to_network_range(np.stack(these))
            result = next(iter(compiled(batch).values()))
            parts.append(np.asarray(result[: len(these)], dtype=np.float16))
        empty = np.zeros((0, side // REDUCTION, side // REDUCTION, CHANNELS), dtype=np.float16)
        return np.concatenate(parts) if parts else empty

    def _compile(self, side: int) -> Any:
        if side not in self._compiled:
            graph = openvino.convert_model(self._network, input=[_BATCH, side, side, 1])
            self._compiled[side] = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return self._compiled[side]

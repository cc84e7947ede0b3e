"""The network as it ships: one EfficientNet-Lite0 for both scales, with a small head for each.

A head is a 1 x 1 convolution, so that a window's answer is the mean over its cells, and the same network sweeps over a
whole image. Output: logits (n, rows, columns, 10), five classes at the fine scale, then five at the coarse one; the
half that belongs to the input's scale counts. This module imports Keras and so belongs to training, export and tests;
the gateway runs the exported graph.
"""

from typing import Any, Final

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from inference.classes import CLASSES
from inference.efficientnet import BLOCKS, lower_layers, upper_layers
from preprocessing.patches import SCALES

OUTPUTS: Final = len(SCALES) * len(CLASSES)
HEADS: Final = "heads"
DROPOUT: Final = 0.3
RANGE_GAIN: Final = 255.0 / 128.0
RANGE_SHIFT: Final = -127.0 / 128.0
"""From 0..1 to what the ImageNet weights were trained on: (255 x - 127) / 128."""


def to_network_range(contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0..1 to the network's range, as the first layer of the whole network does it."""
    return np.asarray(contrast * np.float32(RANGE_GAIN) + np.float32(RANGE_SHIFT), dtype=np.float32)


def sweep_network() -> Any:
    """The whole network: (n, height, width, 1) in 0..1, sides multiples of 32, to logits of every cell."""
    contrast = keras.Input((None, None, 1), name="image")
    x = layers.Rescaling(RANGE_GAIN, RANGE_SHIFT, name="range")(contrast)
    x = upper_layers(lower_layers(x, len(BLOCKS)), len(BLOCKS))
    cells = layers.Conv2D(OUTPUTS, 1, name=HEADS)(x)
    return keras.Model(contrast, cells, name="mammogate_sweep")


def trained_part(since: int, channels: int) -> Any:
    """What is trained: maps before block `since` (n, rows, columns, `channels`) to a window's logits (n, 10)."""
    maps = keras.Input((None, None, channels), name="maps")
    x = layers.GlobalAveragePooling2D(name="pool")(upper_layers(maps, since))
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    logits = layers.Dense(OUTPUTS, name=HEADS)(x)
    return keras.Model(maps, logits, name="mammogate_trained_part")


def fill_sweep(sweep: Any, trained: Any) -> None:
    """Copy the layers of a trained part into a sweep network by their names."""
    for layer in trained.layers:
        values = layer.get_weights()
        if values:
            target = sweep.get_layer(layer.name)
            shapes = [tuple(weight.shape) for weight in target.weights]
            target.set_weights([np.reshape(value, shape) for value, shape in zip(values, shapes, strict=True)])

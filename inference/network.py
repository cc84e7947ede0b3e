"""The four-block network, in the form that is trained (a window) and the form that reads (a sweep over an image).

Only Keras layers: no `tf.*` call and no Lambda layer, so that any Keras 3 back end can load it. This module imports
Keras and so belongs to training, export and tests; the gateway runs the exported graph.
"""

from typing import Any, Final

import keras
import numpy as np
from keras import layers

from inference.classes import CLASSES

FILTERS: Final = (32, 64, 128, 256)
DROPOUT: Final = (0.2, 0.3, 0.4, 0.4)
DENSE_UNITS: Final = 256
STRIDE: Final = 2 ** len(FILTERS)
"""Pixels between two positions of the sweep."""


def reference_network(input_side: int) -> Any:
    """The published reference: four blocks of two 3x3 convolutions, then a dense layer over the flattened map.

    `input_side` is the side of the square window in pixels, a multiple of 16. Input (n, side, side, 1) in 0..1,
    output (n, 5) logits in the order of `CLASSES`. With 256 it has exactly the 17,955,301 parameters published.
    Raises ValueError for a side that four halvings don't divide.
    """
    if input_side < STRIDE or input_side % STRIDE:
        raise ValueError(f"The window's side must be a multiple of {STRIDE}, not {input_side}.")
    inputs = keras.Input((input_side, input_side, 1), name="window")
    x = _blocks(inputs)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DENSE_UNITS, activation="relu", kernel_initializer="he_uniform", name="dense")(x)
    x = layers.BatchNormalization(name="dense_norm")(x)
    x = layers.Dropout(0.5, name="dense_dropout")(x)
    # Logits stay in float32 even when training computes in bfloat16.
    outputs = layers.Dense(len(CLASSES), dtype="float32", name="logits")(x)
    return keras.Model(inputs, outputs, name="four_blocks")


def _blocks(x: Any) -> Any:
    for block, (filters, dropout) in enumerate(zip(FILTERS, DROPOUT, strict=True), start=1):
        for half in (1, 2):
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
                name=f"block{block}_conv{half}",
            )(x)
            x = layers.BatchNormalization(name=f"block{block}_norm{half}")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        x = layers.Dropout(dropout, name=f"block{block}_dropout")(x)
    return x


def sweep_network(window_network: Any) -> Any:
    """The same weights, fully convolutional: input (n, height, width, 1), output (n, rows, columns, 5) logits.

    Height and width are multiples of 16 and at least the window's side. Row r, column c is the window whose top left
    corner is pixel (16 c, 16 r). Zero padding at a window's border becomes real tissue here, so that inner positions
    differ slightly from the window network's answer; the card says how much.
    """
    side = int(window_network.input_shape[1])
    positions = side // STRIDE
    inputs = keras.Input((None, None, 1), name="image")
    x = _blocks(inputs)
    x = layers.Conv2D(DENSE_UNITS, positions, padding="valid", activation="relu", name="dense")(x)
    x = layers.BatchNormalization(name="dense_norm")(x)
    outputs = layers.Conv2D(len(CLASSES), 1, name="logits")(x)
    sweep = keras.Model(inputs, outputs, name="four_blocks_sweep")
    for layer in sweep.layers:
        if not layer.weights:
            continue
        source = window_network.get_layer(layer.name).get_weights()
        shapes = [tuple(weight.shape) for weight in layer.weights]
        layer.set_weights([np.reshape(weight, shape) for weight, shape in zip(source, shapes, strict=True)])
    return sweep


def float32_copy(window_network: Any) -> Any:
    """The same weights in a network that computes in float32, whatever precision it was trained in."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    try:
        copy = reference_network(int(window_network.input_shape[1]))
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    copy.set_weights(window_network.get_weights())
    return copy

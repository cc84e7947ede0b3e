"""The reference network as published: one to five blocks of two 3x3 convolutions, then a dense layer.

Only Keras layers: no `tf.*` call and no Lambda layer, so that any Keras 3 back end can load it.
"""

from typing import Any, Final

import keras
from keras import layers

from inference.classes import CLASSES
from inference.reference.published import BLOCKS, SIDE, check_size

FILTERS: Final = (32, 64, 128, 256, 512)
DROPOUT: Final = (0.2, 0.3, 0.4, 0.4, 0.4)
"""The published four and, for its future work of more blocks, a fifth that goes on in the same way."""
DENSE_UNITS: Final = 256
DENSE_DROPOUT: Final = 0.5


def reference_network(side: int = SIDE, blocks: int = BLOCKS, *, regularised: bool = True) -> Any:
    """The network for square patches of `side` pixels: input (n, side, side, 1) in 0..1, output (n, 5) probabilities.

    `blocks` 1 to 5. `regularised` False leaves out every batch normalisation and dropout, as the first rows of the
    published ablation. With 256 pixels and four blocks it has exactly the 17,955,301 parameters published. Raises
    SizeUnusable.
    """
    check_size(side, blocks)
    inputs = keras.Input((side, side, 1), name="patch")
    x = inputs
    for number in range(1, blocks + 1):
        x = _block(x, number, regularised)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DENSE_UNITS, activation="relu", kernel_initializer="he_uniform", name="dense")(x)
    if regularised:
        x = layers.BatchNormalization(name="dense_norm")(x)
        x = layers.Dropout(DENSE_DROPOUT, name="dense_dropout")(x)
    # Probabilities stay in float32 even when training computes in bfloat16.
    outputs = layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=f"reference_{blocks}_blocks")


def _block(x: Any, number: int, regularised: bool) -> Any:
    for half in (1, 2):
        x = layers.Conv2D(
            FILTERS[number - 1],
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_uniform",
            name=f"block{number}_conv{half}",
        )(x)
        if regularised:
            x = layers.BatchNormalization(name=f"block{number}_norm{half}")(x)
    x = layers.MaxPooling2D(2, name=f"block{number}_pool")(x)
    return layers.Dropout(DROPOUT[number - 1], name=f"block{number}_dropout")(x) if regularised else x

"""Augmentation: what a scanner, a film and a position change without changing the tissue.

Grain-proof on purpose: normals come from other films than lesions, and a network given the chance tells them apart by
their grain alone (recall of a woman left out .947, of the same windows shifted by half a pixel .361). Every window is
therefore resampled at a sub-pixel place, and often blurred, given noise, or compressed.
"""

import cv2
import numpy as np

from inference.crops import Place
from preprocessing.normalise import FloatImage
from preprocessing.patches import Placement, cut_window

_MEAN = np.float32(0.375)
"""What local contrast makes of the local mean."""


def training_window(contrast: FloatImage, place: Place, side: int, generator: np.random.Generator) -> FloatImage:
    """One augmented window of a picture's local contrast around `place`: side x side, 0..1."""
    placement = Placement(
        centre=place,
        angle=float(generator.uniform(0.0, 360.0)),
        zoom=float(generator.uniform(0.85, 1.18)),
        mirrored=bool(generator.random() < 0.5),
    )
    window = cut_window(contrast, placement, side)
    if generator.random() < 0.5:
        window = np.asarray(cv2.GaussianBlur(window, (0, 0), float(generator.uniform(0.4, 1.3))), dtype=np.float32)
    if generator.random() < 0.5:
        grain = generator.standard_normal(window.shape, dtype=np.float32)
        window = window + grain * np.float32(generator.uniform(0.0, 0.03))
    if generator.random() < 0.15:
        window = _compressed(window, int(generator.integers(40, 90)))
    # In use a lesion lies in other tissue than the crop's own reflection: let mean and gain wander.
    gain = np.float32(generator.uniform(0.8, 1.25))
    shift = np.float32(generator.normal(0.0, 0.03))
    return np.asarray(np.clip((window - _MEAN) * gain + _MEAN + shift, 0.0, 1.0), dtype=np.float32)


def _compressed(window: FloatImage, quality: int) -> FloatImage:
    levels = (np.clip(window, 0.0, 1.0) * 255.0).astype(np.uint8)
    _, stream = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: FloatImage = np.asarray(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE), dtype=np.float32)
    return decoded / np.float32(255.0)

"""Augmentation: what a scanner, a film and a position change without changing the tissue.

Grain-proof on purpose: normals come from other films than lesions, and a network given the chance tells them apart by
their grain alone (recall of a woman left out .947, of the same windows shifted by half a pixel .361). Every window is
therefore resampled at a sub-pixel place, and often blurred, given noise, or compressed.
"""

import cv2
import numpy as np

from inference.training.samples import Sample
from preprocessing.normalise import FloatImage
from preprocessing.patches import Placement, cut_with_margin, window_contrast


def training_window(sample: Sample, generator: np.random.Generator) -> FloatImage:
    """One augmented window of `sample`: 96 x 96, 0..1."""
    x, y = sample.places[int(generator.integers(len(sample.places)))]
    placement = Placement(
        centre=(
            x + float(generator.uniform(-sample.freedom, sample.freedom)),
            y + float(generator.uniform(-sample.freedom, sample.freedom)),
        ),
        angle=float(generator.uniform(0.0, 360.0)),
        zoom=float(generator.uniform(0.85, 1.18)),
        mirrored=bool(generator.random() < 0.5),
    )
    return _contrast_change(
        window_contrast(_film_change(cut_with_margin(sample.image, placement), generator)), generator
    )


def _film_change(cut: FloatImage, generator: np.random.Generator) -> FloatImage:
    changed = np.clip(cut, 0.0, 1.0) ** np.float32(generator.uniform(0.7, 1.4))
    if generator.random() < 0.4:
        blurred = cv2.GaussianBlur(changed, (0, 0), float(generator.uniform(0.4, 1.2)))
        changed = np.asarray(blurred, dtype=np.float32)
    if generator.random() < 0.4:
        grain = generator.standard_normal(changed.shape, dtype=np.float32)
        changed = changed + grain * np.float32(generator.uniform(0.0, 0.012))
    if generator.random() < 0.15:
        levels = (np.clip(changed, 0.0, 1.0) * 255.0).astype(np.uint8)
        _, stream = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(40, 90))])
        decoded: FloatImage = np.asarray(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE), dtype=np.float32)
        changed = decoded / np.float32(255.0)
    return np.asarray(changed, dtype=np.float32)


def _contrast_change(window: FloatImage, generator: np.random.Generator) -> FloatImage:
    """In use a lesion lies in darker tissue than the crop's own reflection: let mean and gain wander."""
    gain = np.float32(generator.uniform(0.8, 1.25))
    shift = np.float32(generator.normal(0.0, 0.03))
    return np.asarray(np.clip((window - 0.375) * gain + 0.375 + shift, 0.0, 1.0), dtype=np.float32)

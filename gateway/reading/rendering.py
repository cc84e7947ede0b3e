"""Rendering a mammogram for the summary picture: what `reporting` asks for, made of what `preprocessing` offers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from preprocessing.decode import decode_pixels
from preprocessing.intensity import presentation_image, without_padding
from preprocessing.pixel_format import read_dataset
from reporting.summary_image.rendering import RenderedImage


def render_image(path: Path, longest_side: int) -> RenderedImage:
    """Return the image as people look at it, at most `longest_side` pixels on its longer side.

    Raises:
        ImageRefused: the pixels can't be decoded.

    """
    header = read_dataset(path)
    values = without_padding(decode_pixels(header), header).astype(np.float32)
    rows, columns = values.shape
    scale = min(1.0, longest_side / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    reduced = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    shown = np.clip(presentation_image(reduced, header) * 255.0, 0, 255).astype(np.uint8)
    return RenderedImage(shown, size[0] / columns)

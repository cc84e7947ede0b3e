"""Rendering a mammogram for the summary picture: what `reporting` asks for, made of what `preprocessing` offers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from preprocessing.decode import decode_pixels
from preprocessing.geometry import Scale
from preprocessing.pixel_format import read_dataset
from preprocessing.prepare import reduced_presentation
from reporting.summary_image.rendering import RenderedImage


def render_image(path: Path, longest_side: int) -> RenderedImage:
    """Return the image as people look at it, at most `longest_side` pixels on its longer side.

    Raises:
        ImageRefused: the pixels can't be decoded.

    """
    header = read_dataset(path)
    stored = decode_pixels(header)
    rows, columns = stored.shape
    factor = min(1.0, longest_side / max(rows, columns))
    across, down = max(1, round(columns * factor)) / columns, max(1, round(rows * factor)) / rows
    reduced = reduced_presentation(stored, header, Scale(across, down, known=False))
    return RenderedImage(np.clip(reduced * 255.0, 0, 255).astype(np.uint8), across)

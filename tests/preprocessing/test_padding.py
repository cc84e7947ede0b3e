"""Pixels that a detector declares to be padding say nothing: not where air is, not which way grey values run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from gateway.reading.rendering import render_image
from preprocessing.geometry import Scale
from preprocessing.prepare import prepare_values, reduced_presentation
from tests.peers.synthetic import breast_pixels, mammogram

ROWS, COLUMNS = 640, 512
TISSUE = breast_pixels("L", "CC", ROWS, COLUMNS).astype(np.float32) / 4095
RAW = (12000 * np.exp(-3 * TISSUE) + 200).astype(np.uint16)
"""The detector's signal: highest in air, which is on the right."""


def _header(**tags: object) -> Dataset:
    header = Dataset()
    header.PresentationIntentType = "FOR PROCESSING"
    header.PixelIntensityRelationship, header.PixelIntensityRelationshipSign = "LIN", 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.ImagerPixelSpacing = [0.35, 0.35]
    for keyword, value in tags.items():
        setattr(header, keyword, value)
    return header


def _padded(top: int, bottom: int, far: int, value: int) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """The raw image with strips of padding, and where they are."""
    where = np.zeros(RAW.shape, dtype=np.bool_)
    where[:top] = where[ROWS - bottom :] = where[:, COLUMNS - far :] = True
    return np.where(where, np.uint16(value), RAW), where


@pytest.mark.parametrize("value", [0, 16383])
@pytest.mark.parametrize(
    ("top", "bottom", "far"), [(0, 0, 40), (0, 0, 12), (40, 0, 0), (20, 20, 40)], ids=["far", "thin", "top", "around"]
)
@pytest.mark.parametrize("sign", [1, -1, None])
def test_a_raw_image_with_padding_is_read_like_one_without(
    top: int, bottom: int, far: int, value: int, sign: int | None
) -> None:
    stored, where = _padded(top, bottom, far, value)
    header = _header(PixelPaddingValue=value)
    if sign is None:
        del header.PixelIntensityRelationshipSign
    else:
        header.PixelIntensityRelationshipSign = sign
    shown = reduced_presentation(stored, header, Scale(1.0, 1.0, known=False))
    assert np.corrcoef(shown[~where], TISSUE[~where])[0, 1] > 0.97
    assert (shown[where] == 0.0).all()
    prepared, plain = prepare_values(stored, header), prepare_values(RAW, _header())
    assert prepared.chest_wall == "left"
    assert (prepared.mask != plain.mask).mean() < 0.03


@settings(max_examples=25)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 80), st.sampled_from([0, 1, 16383]), st.floats(0.3, 1.4))
def test_tissue_is_bright_and_padding_dark_at_every_scale(
    top: int, bottom: int, far: int, value: int, factor: float
) -> None:
    stored, where = _padded(top, bottom, far, value)
    shown = reduced_presentation(stored, _header(PixelPaddingValue=value), Scale(factor, factor, known=False))
    plain = reduced_presentation(RAW, _header(), Scale(factor, factor, known=False))
    height, width = shown.shape
    places = np.ix_(np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width)
    inside = ~where[places]
    assert np.corrcoef(shown[inside], plain[inside])[0, 1] > 0.9
    assert float(shown[where[places]].mean() if where.any() else 0.0) < 0.05


@pytest.mark.parametrize("relationship", ["LIN", "LOG"])
def test_padding_of_the_value_that_air_saturates_at_turns_nothing_round(relationship: str) -> None:
    stored = RAW if relationship == "LIN" else (1000 * np.log(RAW)).astype(np.uint16)
    saturated = np.where(TISSUE < 0.02, np.uint16(16383), stored)
    header = _header(PixelPaddingValue=16383, PixelIntensityRelationship=relationship)
    shown = reduced_presentation(saturated, header, Scale(1.0, 1.0, known=False))
    assert np.corrcoef(shown.ravel(), TISSUE.ravel())[0, 1] > 0.95
    assert prepare_values(saturated, header).chest_wall == "left"


def test_the_picture_for_the_summary_page_shows_padding_dark_and_tissue_bright(tmp_path: Path) -> None:
    image = mammogram("L", "CC", for_processing=True, bits=14)
    stored, where = _padded(40, 0, 40, 0)
    image.PixelData, image.PixelPaddingValue = stored.tobytes(), 0
    image.PixelIntensityRelationship, image.PixelIntensityRelationshipSign = "LIN", 1
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"):
        if keyword in image:
            delattr(image, keyword)
    path = tmp_path / "raw.dcm"
    image.save_as(path, enforce_file_format=True)
    shown = render_image(path, ROWS).pixels
    assert np.corrcoef(shown[~where], TISSUE[~where])[0, 1] > 0.97
    assert shown[where].max() == 0

"""From file to sweep input: grey values, scale, windows and coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from preprocessing.errors import ImageTooLarge, ImageTooSmall
from preprocessing.geometry import Scale, training_scale
from preprocessing.intensity import presentation_image, without_padding
from preprocessing.normalise import fill_outside, inside_film, local_contrast
from preprocessing.patches import COARSE, FINE, Placement, bright_places, cut_window
from preprocessing.prepare import prepare, prepare_values, readable_positions
from tests.peers.synthetic import breast_pixels, mammogram
from tests.preprocessing.lesion_boxes import real_mammograms

RAMP = np.linspace(0, 4095, 64 * 64, dtype=np.float32).reshape(64, 64)


def header(**tags: object) -> Dataset:
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def test_the_linear_window_is_that_of_the_standard() -> None:
    shown = presentation_image(
        RAMP, header(WindowCenter=2048, WindowWidth=4096, PhotometricInterpretation="MONOCHROME2")
    )
    assert shown[0, 0] == 0.0
    assert shown[-1, -1] == pytest.approx(1.0)
    assert shown[32, 0] == pytest.approx((RAMP[32, 0] - 2047.5) / 4095 + 0.5, abs=1e-6)


def test_monochrome1_is_inverted_so_that_tissue_is_bright() -> None:
    one = presentation_image(RAMP, header(WindowCenter=2048, WindowWidth=4096, PhotometricInterpretation="MONOCHROME1"))
    two = presentation_image(RAMP, header(WindowCenter=2048, WindowWidth=4096, PhotometricInterpretation="MONOCHROME2"))
    assert np.allclose(one, 1.0 - two)


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_other_window_functions_put_the_centre_in_the_middle(function: str) -> None:
    values = np.full((8, 8), 1000.0, dtype=np.float32)
    values[0] = np.linspace(0, 2000, 8)
    shown = presentation_image(values, header(WindowCenter=1000, WindowWidth=500, VOILUTFunction=function))
    assert shown[4, 4] == pytest.approx(0.5)
    assert (np.diff(shown[0]) >= 0).all()


def test_a_voi_look_up_table_is_applied() -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = (np.arange(4096, dtype=np.uint16)[::-1] * 16).tolist()
    shown = presentation_image(RAMP, header(VOILUTSequence=[table]))
    assert shown[0, 0] == pytest.approx(1.0, abs=0.01)
    assert shown[-1, -1] == pytest.approx(0.0, abs=0.01)


def test_a_window_that_would_show_nothing_is_not_used() -> None:
    shown = presentation_image(RAMP, header(WindowCenter=60000, WindowWidth=10))
    assert shown.std() > 0.2


def test_padding_becomes_background() -> None:
    stored = np.full((10, 10), 500, dtype=np.uint16)
    stored[:, 5:] = 4095
    stored[0, 0] = 100
    replaced = without_padding(stored, header(PixelPaddingValue=4095))
    assert (replaced[:, 5:] == 100).all()
    inverted = without_padding(stored, header(PixelPaddingValue=4095, PhotometricInterpretation="MONOCHROME1"))
    assert (inverted[:, 5:] == 500).all()


@pytest.mark.parametrize("sign", [1, -1, None])
def test_a_raw_detector_image_shows_tissue_bright_whatever_its_header_says(sign: int | None) -> None:
    breast = breast_pixels("L", "CC", 320, 256).astype(np.float32) / 4095
    raw = (60000 * np.exp(-3 * breast)).astype(np.float32)
    tags = header(PresentationIntentType="FOR PROCESSING", PixelIntensityRelationship="LIN")
    if sign is not None:
        tags.PixelIntensityRelationshipSign = sign
    shown = presentation_image(raw, tags)
    assert np.corrcoef(shown.ravel(), breast.ravel())[0, 1] > 0.99


@given(st.floats(0.05, 4.0), st.floats(0.05, 4.0), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_place_survives_the_way_to_the_training_scale_and_back(
    x: float, y: float, across: float, down: float
) -> None:
    scale = Scale(x, y, known=True)
    column, row = scale.to_stored(*scale.to_training(across, down))
    assert column == pytest.approx(across, abs=1e-6)
    assert row == pytest.approx(down, abs=1e-6)


@given(st.integers(1200, 5000), st.integers(1200, 5000), st.floats(0.045, 0.099))
def test_the_corner_of_the_image_is_the_corner_at_the_coarse_scale(rows: int, columns: int, spacing: float) -> None:
    scale = training_scale(header(ImagerPixelSpacing=[spacing, spacing]), rows, columns)
    x, y = scale.to_training(columns, rows)
    assert (x, y) == (pytest.approx(round(x)), pytest.approx(round(y)))
    assert scale.x == pytest.approx(spacing / 0.18, rel=0.02)


def test_a_film_scan_without_pixel_size_is_reduced_to_a_quarter_and_a_digital_one_to_the_usual_height() -> None:
    film, digital = training_scale(Dataset(), 4600, 3000), training_scale(Dataset(), 2600, 2000)
    assert (film.x, film.y, film.known) == (0.25, 0.25, False)
    assert digital.y * 2600 == pytest.approx(1150)


def test_too_coarse_images_are_refused_with_a_sentence() -> None:
    with pytest.raises(ImageTooSmall, match="too coarse"):
        training_scale(Dataset(), 353, 197)
    with pytest.raises(ImageTooSmall, match="mm"):
        training_scale(header(PixelSpacing=[0.6, 0.6]), 640, 512)


def test_an_image_larger_than_any_detector_is_refused_before_it_takes_the_memory() -> None:
    with pytest.raises(ImageTooLarge, match="pixel size"):
        training_scale(header(ImagerPixelSpacing=[0.5, 0.5]), 1500, 1200)
    assert training_scale(header(ImagerPixelSpacing=[0.1, 0.1]), 4300, 3500).known


def test_a_window_on_the_pixel_grid_takes_the_pixels_as_they_are() -> None:
    image = np.random.default_rng(0).random((600, 500), dtype=np.float32)
    # The middle of an even window lies between two pixels.
    window = cut_window(image, Placement((250.5 - 1, 300.5 - 1)), FINE.side)
    top, left = 300 - FINE.side // 2, 250 - FINE.side // 2
    assert np.allclose(window, image[top : top + FINE.side, left : left + FINE.side], atol=1e-6)


def test_local_contrast_does_not_see_gain_and_exposure() -> None:
    image = np.random.default_rng(0).random((300, 300), dtype=np.float32) * 0.5
    assert np.allclose(local_contrast(image), local_contrast(image * 1.6 + 0.1), atol=0.02)


def test_a_small_crop_goes_on_as_its_reflection_and_is_not_padded_with_black() -> None:
    image = np.full((40, 30), 0.5, dtype=np.float32)
    assert (cut_window(image, Placement((15, 20)), 160) == 0.5).all()


def test_bright_places_find_the_spots() -> None:
    image = np.full((400, 300), 0.3, dtype=np.float32)
    for y, x in ((100, 80), (300, 200)):
        image[y - 1 : y + 1, x - 1 : x + 1] = 1.0
    found = sorted(bright_places(image, 2, 48))
    assert all(
        abs(x - a) < 16 and abs(y - b) < 16 for (x, y), (a, b) in zip(found, ((80, 100), (200, 300)), strict=True)
    )


def test_outside_the_mask_tissue_is_mirrored() -> None:
    image = np.tile(np.arange(20, dtype=np.float32), (20, 1))
    mask = np.zeros((20, 20), dtype=bool)
    mask[:, :10] = True
    filled = fill_outside(image, mask)
    assert (filled[:, :10] == image[:, :10]).all()
    assert filled[5, 10] == 8
    assert filled[5, 12] == 6


def test_the_edge_of_the_film_is_replaced_by_the_tissue_beside_it() -> None:
    image = np.full((100, 80), 0.5, dtype=np.float32)
    image[:, :4] = 1.0
    filled = fill_outside(image, inside_film(np.ones((100, 80), dtype=bool), 0.18))
    assert (filled == 0.5).all()
    assert inside_film(np.ones((8, 8), dtype=bool), 0.18).all()


def test_a_real_mammogram_is_cut_to_the_breast_and_its_sides_fit_the_sweep() -> None:
    prepared = prepare(real_mammograms()["1-280.dcm"])
    for side in (*prepared.fine.shape, *prepared.coarse.shape):
        assert side % 32 == 0
    x0, y0, x1, y1 = prepared.box
    rows, columns = prepared.positions
    # Every position of the coarse map is one of the fine map, and they end together.
    assert [(2 * (side // 32 - 4) + 1) for side in prepared.coarse.shape] == [rows, columns]
    assert prepared.centre(0, 0) == (x0, y0)
    assert prepared.centre(rows - 1, columns - 1)[0] >= x1
    assert prepared.centre(rows - 1, columns - 1)[1] >= y1
    for contrast in (prepared.fine, prepared.coarse):
        assert 0.0 <= contrast.min() <= contrast.max() <= 1.0
    assert set(prepared.timings) == {"decode", "prepare"}


def test_both_scales_at_a_sweep_position_show_the_tissue_there() -> None:
    prepared = prepare(real_mammograms()["1-281.dcm"])
    whole = local_contrast(fill_outside(prepared.image, inside_film(prepared.mask, 0.18)))
    row, column = 20, 8
    x, y = (int(value) for value in prepared.centre(row, column))
    side, half = COARSE.side, COARSE.side // 2
    coarse = prepared.coarse[16 * row : 16 * row + side, 16 * column : 16 * column + side]
    assert np.allclose(coarse, whole[y - half : y + half, x - half : x + half], atol=0.02)
    # The same 14 mm around the same place, at twice the scale and with contrast measured in half the surroundings.
    fine = prepared.fine[32 * row : 32 * row + FINE.side, 32 * column : 32 * column + FINE.side]
    smaller = cv2.resize(fine, (80, 80), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(smaller.ravel(), coarse[24:104, 24:104].ravel())[0, 1] > 0.8


def test_an_8_bit_a_signed_and_a_monochrome1_image_prepare_alike(tmp_path: Path) -> None:
    plain = mammogram("L", "MLO")
    values = breast_pixels("L", "MLO", 640, 512)
    inverted = mammogram("L", "MLO", tags={"PhotometricInterpretation": "MONOCHROME1"})
    inverted.PixelData = (4095 - values).tobytes()
    signed = mammogram("L", "MLO", tags={"PixelRepresentation": 1, "RescaleIntercept": 2048})
    signed.PixelData = ((values.astype(np.int16) - 2048).view(np.uint16) & 0x0FFF).tobytes()
    expected = prepare(plain)
    for other in (inverted, signed):
        prepared = prepare(other)
        assert prepared.box == expected.box
        assert np.abs(prepared.coarse - expected.coarse).mean() < 0.01
        assert np.abs(prepared.fine - expected.fine).mean() < 0.01


def test_a_picture_file_without_a_header_can_be_prepared() -> None:
    prepared = prepare_values(breast_pixels("R", "CC", 1200, 900), Dataset())
    assert prepared.chest_wall == "right"
    assert not prepared.scale.known


@pytest.mark.parametrize("laterality", ["L", "R"])
@pytest.mark.parametrize("columns", [1202, 1234, 1266])
def test_every_readable_position_of_the_sweep_lies_on_the_breast_also_where_the_chest_wall_is_on_the_right(
    laterality: Literal["L", "R"], columns: int
) -> None:
    prepared = prepare(mammogram(laterality, "CC", rows=1530, columns=columns))
    readable = readable_positions(prepared)
    assert readable.shape == prepared.positions
    assert readable.any()
    for row, column in np.argwhere(readable):
        x, y = prepared.centre(row, column)
        assert prepared.mask[int(y), int(x)], "also no place outside the image"

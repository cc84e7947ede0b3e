"""What a viewer gets of an image: lossless pixels by resolution, windows as the standard has them, a preview."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.processing import apply_rescale, apply_windowing
from pydicom.uid import JPEG2000Lossless, RLELossless

from preprocessing.decode import decode_pixels
from preprocessing.display.codestream import encode
from preprocessing.display.screen_image import PREVIEW_SIDE, ScreenImage, screen_image
from preprocessing.display.windows import Window, rescale_of, windows_of
from preprocessing.errors import MultiFrameImage, UnsupportedPhotometric
from tests.peers.encodings import encode_pixels
from tests.peers.synthetic import mammogram
from tests.preprocessing.lesion_boxes import real_mammograms


def cut(image: ScreenImage, stored: np.ndarray) -> np.ndarray:
    column, row, width, height = image.box
    return stored[row : row + height, column : column + width]


@pytest.fixture(scope="module")
def real() -> tuple[ScreenImage, np.ndarray]:
    path = real_mammograms()["1-280.dcm"]
    return screen_image(path), decode_pixels(path)


def test_each_level_of_a_real_mammogram_decodes_from_its_bytes_alone_to_the_size_said(
    real: tuple[ScreenImage, np.ndarray],
) -> None:
    stream = real[0].codestream
    assert len(stream.levels) >= 5
    assert [level.length for level in stream.levels] == sorted(level.length for level in stream.levels)
    for halvings, level in enumerate(reversed(stream.levels)):
        decoded = imagecodecs.htj2k_decode(stream.content[: level.length], skipres=halvings)
        assert decoded.shape == (level.rows, level.columns)
        assert np.array_equal(decoded, imagecodecs.htj2k_decode(stream.content, skipres=halvings))
    assert stream.levels[-1].length == len(stream.content)
    assert stream.levels[-3].length < len(stream.content) / 8, "a quarter of the size takes few of the bytes"


def test_the_last_level_is_the_stored_pixels_of_the_box_without_loss(real: tuple[ScreenImage, np.ndarray]) -> None:
    image, stored = real
    decoded = imagecodecs.htj2k_decode(image.codestream.content)
    assert np.array_equal(decoded, cut(image, stored))
    assert image.pixel_sha256 == hashlib.sha256(cut(image, stored).astype("<u2").tobytes()).hexdigest()
    assert image.stored == stored.shape


def test_the_progression_is_by_resolution(real: tuple[ScreenImage, np.ndarray]) -> None:
    content = real[0].codestream.content
    style = content.index(b"\xff\x52")  # COD: progression order 2 is RPCL (ISO/IEC 15444-1 table A.16)
    assert content[style + 5] == 2


def test_the_box_holds_the_breast_and_less_than_the_image(real: tuple[ScreenImage, np.ndarray]) -> None:
    image, stored = real
    column, row, width, height = image.box
    assert width * height < 0.8 * stored.size
    outside = np.ones(stored.shape, dtype=bool)
    outside[row : row + height, column : column + width] = False
    assert np.median(stored[outside]) < np.median(cut(image, stored))


@pytest.mark.parametrize("shape", [(1, 1), (40, 30), (5, 700), (33, 65)])
def test_a_picture_of_any_size_comes_back(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, shape).astype(np.uint16)
    stream = encode(pixels)
    assert np.array_equal(imagecodecs.htj2k_decode(stream.content), pixels)
    coarsest = stream.levels[0]
    decoded = imagecodecs.htj2k_decode(stream.content[: coarsest.length], skipres=len(stream.levels) - 1)
    assert decoded.shape == (coarsest.rows, coarsest.columns)


@pytest.mark.parametrize("transfer_syntax", [JPEG2000Lossless, RLELossless])
def test_a_compressed_image_gives_the_same_as_a_native_one(transfer_syntax: str) -> None:
    native, compressed = (
        screen_image(mammogram(transfer_syntax=syntax)) for syntax in ("1.2.840.10008.1.2.1", transfer_syntax)
    )
    assert native == compressed


def header(**tags: Any) -> Dataset:
    made = Dataset()
    made.PhotometricInterpretation, made.BitsStored, made.PixelRepresentation = "MONOCHROME2", 12, 0
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.5, -300), (3, 17)])
@pytest.mark.parametrize(("center", "width"), [(900, 1000), (600.5, 333), (500, 1)])
def test_a_window_shows_what_pydicom_shows(
    function: str, slope: float, intercept: float, center: float, width: float
) -> None:
    values = np.arange(4096, dtype=np.uint16)
    made = header(
        WindowCenter=center,
        WindowWidth=width,
        VOILUTFunction=function,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        RescaleType="US",
    )
    (window,) = windows_of(made, rescale_of(made, 0), values)
    assert (window.name, window.function) == ("Window 1", function)
    expected = apply_windowing(apply_rescale(values, made), made)
    low, high = (0.0, 4095.0) if slope == 1 else (intercept, 4095.0 * slope + intercept)
    assert np.abs(window.shown(values) - (expected - low) / (high - low)).max() < 2e-4


def test_a_name_that_is_no_text_is_still_a_name() -> None:
    made = header(WindowCenter=900, WindowWidth=1000, WindowCenterWidthExplanation="\udce4bc")
    (window,) = windows_of(made, rescale_of(made, 0), np.arange(4096))
    assert window.name == "?bc"


def test_several_windows_keep_their_order_and_names() -> None:
    made = header(
        WindowCenter=[900, 1200, 700],
        WindowWidth=[1000, 800, 0],
        WindowCenterWidthExplanation=["NORMAL", "HARDER", "BROKEN"],
    )
    windows = windows_of(made, rescale_of(made, 0), np.arange(4096))
    assert windows == (Window("NORMAL", 900, 1000, "LINEAR"), Window("HARDER", 1200, 800, "LINEAR"))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"WindowCenter": 900},
        {"WindowCenter": 40000, "WindowWidth": 100},
        {"WindowCenter": 900, "WindowWidth": 1e300, "RescaleSlope": 1e-12},
        {"WindowCenter": 900, "WindowWidth": -5},
        {"WindowCenter": 900, "WindowWidth": 1000, "ModalityLUTSequence": [Dataset()]},
    ],
)
def test_without_a_window_that_shows_something_one_is_made_of_the_grey_values(tags: dict[str, Any]) -> None:
    made = header(**tags)
    values = np.concatenate([np.zeros(100, np.int64), np.arange(1000, 2000)])
    (window,) = windows_of(made, rescale_of(made, 0), values)
    assert (window.name, window.function) == ("Automatic", "LINEAR_EXACT")
    assert window.center - window.width / 2 == pytest.approx(0, abs=1)
    assert window.center + window.width / 2 == pytest.approx(2000, abs=2)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_preview_is_small_and_shows_tissue_bright(photometric: str) -> None:
    made = mammogram(rows=1200, columns=900)
    pixels = decode_pixels(made)
    if photometric == "MONOCHROME1":
        pixels = 4095 - pixels
        encode_pixels(made, pixels, made.file_meta.TransferSyntaxUID)
    made.PhotometricInterpretation = photometric
    image = screen_image(made)
    assert image.monochrome1 is (photometric == "MONOCHROME1")
    shown = Image.open(io.BytesIO(image.preview))
    assert (shown.format, max(shown.size)) == ("WEBP", PREVIEW_SIDE)
    _, _, width, height = image.box
    assert shown.size[0] / shown.size[1] == pytest.approx(width / height, abs=0.01)
    grey = np.asarray(shown.convert("L"), dtype=float)
    inner = grey[:, : grey.shape[1] // 4].mean()  # a left breast lies at the left edge
    assert inner > grey[:, -grey.shape[1] // 10 :].mean() + 30


def test_signed_pixels_are_raised_to_begin_at_zero_and_their_window_with_them() -> None:
    unsigned = mammogram()
    pixels = decode_pixels(unsigned)
    signed = mammogram()
    encode_pixels(
        signed, (pixels.astype(np.int32) - 2048).astype(np.int16).view(np.uint16), signed.file_meta.TransferSyntaxUID
    )
    signed.PixelRepresentation = 1
    signed.WindowCenter = 0
    image, same = screen_image(signed), screen_image(unsigned)
    assert image.pixel_sha256 == same.pixel_sha256
    assert image.windows == same.windows
    assert image.preview == same.preview


def test_padding_does_not_count_for_the_window_and_stays_in_the_pixels() -> None:
    made = mammogram(missing=("WindowCenter", "WindowWidth"), tags={"PixelPaddingValue": 4095})
    pixels = decode_pixels(made).copy()
    pixels[:, -40:] = 4095
    encode_pixels(made, pixels, made.file_meta.TransferSyntaxUID)
    image = screen_image(made)
    (window,) = image.windows
    assert window.center + window.width / 2 < 4000
    assert np.array_equal(imagecodecs.htj2k_decode(image.codestream.content), cut(image, pixels))


def test_an_image_without_a_breast_is_served_whole() -> None:
    made = mammogram()
    encode_pixels(made, np.full((640, 512), 100, np.uint16), made.file_meta.TransferSyntaxUID)
    image = screen_image(made)
    assert image.box == (0, 0, 512, 640)
    assert image.codestream.levels[-1].rows == 640


def test_the_pixel_spacing_is_one_number_or_none() -> None:
    assert screen_image(mammogram()).pixel_spacing == pytest.approx(0.3672)
    oblong = {"ImagerPixelSpacing": [0.1, 0.2], "PixelSpacing": [0.1, 0.2]}
    assert screen_image(mammogram(tags=oblong)).pixel_spacing is None


def test_several_frames_and_colours_are_refused() -> None:
    with pytest.raises(MultiFrameImage):
        screen_image(mammogram(tags={"NumberOfFrames": 3}))
    with pytest.raises(UnsupportedPhotometric):
        screen_image(mammogram(tags={"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}))

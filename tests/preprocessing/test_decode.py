"""Stored values come out exactly, in every transfer syntax, or not at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from preprocessing.decode import decode_pixels
from preprocessing.errors import (
    FileUnreadable,
    ImageRefused,
    MultiFrameImage,
    PixelsMissing,
    PixelsTruncated,
    PixelsUndecodable,
    UnsupportedPhotometric,
)
from preprocessing.pixel_digest import pixel_digest
from tests.peers.encodings import LOSSY, TRANSFER_SYNTAXES, UNCOMPRESSED
from tests.peers.programs import program
from tests.peers.synthetic import breast_pixels, mammogram, write

BASELINE = "1.2.840.10008.1.2.4.50"
SIZE = {"rows": 320, "columns": 256}


def image(syntax: str, seed: int = 0) -> Dataset:
    return mammogram("L", "CC", transfer_syntax=syntax, bits=8 if syntax == BASELINE else 12, seed=seed, **SIZE)


def truth(syntax: str) -> NDArray[np.uint16]:
    return breast_pixels("L", "CC", SIZE["rows"], SIZE["columns"], bits=8 if syntax == BASELINE else 12)


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_transfer_syntax_gives_the_stored_values(syntax: str, tmp_path: Path) -> None:
    decoded = decode_pixels(write(image(syntax), tmp_path / "image.dcm"))
    assert decoded.shape == (320, 256)
    assert decoded.dtype == (np.uint8 if syntax == BASELINE else np.uint16)
    difference = np.abs(decoded.astype(int) - truth(syntax).astype(int))
    if syntax in LOSSY:
        assert np.percentile(difference, 99) < 0.06 * (255 if syntax == BASELINE else 4095)
    else:
        assert difference.max() == 0


@pytest.mark.parametrize("syntax", [s for s in TRANSFER_SYNTAXES if s not in UNCOMPRESSED])
@pytest.mark.parametrize("ending", ["", "with an end marker"])
def test_a_stream_cut_in_half_is_refused_and_never_padded(syntax: str, ending: str, tmp_path: Path) -> None:
    ds = image(syntax)
    # Black background compresses to nothing: cut well inside what is left.
    stream = get_frame(ds.PixelData, 0, number_of_frames=1)
    half = stream[: len(stream) // 2] + (b"\xff\xd9" if ending and syntax != RLELossless else b"")
    ds.PixelData = encapsulate([half + b"\0" * (len(half) % 2)])
    with pytest.raises((PixelsTruncated, PixelsUndecodable)):
        decode_pixels(ds)


@pytest.mark.parametrize("padding", [b"\xec", b"\xd9", b"\0", b"\xff"])
@pytest.mark.parametrize("syntax", [BASELINE, JPEGLosslessSV1, JPEGLSLossless])
def test_any_byte_may_pad_a_whole_stream_to_even_length(syntax: str, padding: bytes) -> None:
    """DCMTK, and so Orthanc, leaves the byte after an odd JPEG-LS stream as it finds it."""
    ds = image(syntax)
    stream = get_frame(ds.PixelData, 0, number_of_frames=1)
    whole = stream[: stream.rindex(b"\xff\xd9") + 2]
    expected = decode_pixels(ds)
    ds.PixelData = encapsulate([whole + padding + b"\0" * ((len(whole) + 1) % 2)])
    assert np.array_equal(decode_pixels(ds), expected)


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
def test_native_pixels_that_are_too_few_are_refused(syntax: str) -> None:
    ds = image(syntax)
    ds.PixelData = ds.PixelData[:-1000]
    with pytest.raises(PixelsTruncated, match="cut short"):
        decode_pixels(ds)


def test_a_file_cut_off_in_the_middle_is_refused(tmp_path: Path) -> None:
    for syntax in (ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless):
        whole = write(image(syntax), tmp_path / "whole.dcm").read_bytes()
        cut = tmp_path / "cut.dcm"
        cut.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(ImageRefused):
            decode_pixels(cut)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLosslessSV1, JPEGLSLossless])
def test_signed_values_of_fewer_bits_than_allocated_keep_their_sign(syntax: str) -> None:
    values = np.random.default_rng(0).integers(-2048, 2048, (64, 48), dtype=np.int16)
    raw = values.view(np.uint16) & np.uint16(0x0FFF)
    ds = mammogram(rows=64, columns=48)
    ds.PixelRepresentation = 1
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == ExplicitVRLittleEndian:
        # What stands above the stored bits (old overlays) is no part of the value.
        ds.PixelData = (raw | np.uint16(0xA000)).tobytes()
    elif syntax == RLELossless:
        ds.PixelData = encapsulate([pydicom.pixels.encoders.RLELosslessEncoder.encode(
            raw, rows=64, columns=48, samples_per_pixel=1, number_of_frames=1, bits_allocated=16, bits_stored=16,
            pixel_representation=0, photometric_interpretation="MONOCHROME2",
        )])  # fmt: skip
    elif syntax == JPEGLosslessSV1:
        ds.PixelData = encapsulate([imagecodecs.jpeg_encode(raw, lossless=True, bitspersample=12, predictor=1)])
    else:
        ds.PixelData = encapsulate([imagecodecs.jpegls_encode(raw)])
    decoded = decode_pixels(ds)
    assert decoded.dtype == np.int16
    assert np.array_equal(decoded, values)


def test_values_stored_below_the_high_bit_are_shifted_down() -> None:
    values = np.random.default_rng(0).integers(0, 4096, (64, 48), dtype=np.uint16)
    ds = mammogram(rows=64, columns=48)
    ds.HighBit = 15
    ds.PixelData = (values << 4).tobytes()
    assert np.array_equal(decode_pixels(ds), values)


def test_what_dcmtk_compressed_is_decoded(tmp_path: Path) -> None:
    original = write(image(ExplicitVRLittleEndian), tmp_path / "native.dcm")
    for tool, options in (("dcmcjpeg", ["+e1"]), ("dcmcjpeg", ["+el"]), ("dcmcjpls", []), ("dcmcrle", [])):
        compressed = tmp_path / "compressed.dcm"
        subprocess.run([program(tool), *options, str(original), str(compressed)], check=True)
        assert np.array_equal(decode_pixels(compressed), truth(ExplicitVRLittleEndian)), (tool, options)


def test_dcmtk_decodes_when_the_python_decoders_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no decoder")

    program("dcmdjpeg")
    monkeypatch.setattr("preprocessing.decode.fast_decoder", lambda syntax: broken)
    monkeypatch.setattr("preprocessing.decode._by_pydicom", broken)
    for syntax in (JPEGLosslessSV1, JPEGLSLossless, RLELossless):
        decoded = decode_pixels(write(image(syntax), tmp_path / "image.dcm"))
        assert np.array_equal(decoded, truth(syntax)), UID(syntax).name


def test_pydicom_decodes_when_the_fast_decoder_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no decoder")

    monkeypatch.setattr("preprocessing.decode.fast_decoder", lambda syntax: broken)
    for syntax in ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", RLELossless):
        assert np.array_equal(decode_pixels(image(syntax)), truth(syntax)), UID(syntax).name


def test_a_sentence_says_why_an_image_is_refused(tmp_path: Path) -> None:
    colour = mammogram(rows=64, columns=48, tags={"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3})
    frames = mammogram(rows=64, columns=48, tags={"NumberOfFrames": 7})
    empty = mammogram(rows=64, columns=48, missing=("PixelData",))
    no_size = mammogram(rows=64, columns=48, missing=("Rows",))
    text = tmp_path / "text.dcm"
    text.write_text("not DICOM at all, but longer than a preamble " * 10)
    for what, cause, word in (
        (colour, UnsupportedPhotometric, "RGB"),
        (frames, MultiFrameImage, "7 frames"),
        (empty, PixelsMissing, "no image"),
        (no_size, PixelsMissing, "how large"),
        (text, FileUnreadable, "not a DICOM file"),
        (tmp_path / "absent.dcm", FileUnreadable, "does not exist"),
    ):
        with pytest.raises(cause, match=word):
            decode_pixels(what)


def test_the_digest_survives_lossless_transcoding_and_sees_one_changed_pixel(tmp_path: Path) -> None:
    lossless = [syntax for syntax in TRANSFER_SYNTAXES if syntax not in LOSSY]
    digests = {pixel_digest(write(image(syntax), tmp_path / f"{place}.dcm")) for place, syntax in enumerate(lossless)}
    assert len(digests) == 1
    changed = image(ExplicitVRLittleEndian)
    pixels = bytearray(changed.PixelData)
    pixels[5000] ^= 1
    changed.PixelData = bytes(pixels)
    assert pixel_digest(write(changed, tmp_path / "changed.dcm")) not in digests


def test_objects_that_are_not_read_have_digests_too(tmp_path: Path) -> None:
    several = mammogram(rows=64, columns=48, tags={"NumberOfFrames": 2})
    several.PixelData = several.PixelData * 2
    first = pixel_digest(write(several, tmp_path / "frames.dcm"))
    assert first != pixel_digest(write(mammogram(rows=64, columns=48), tmp_path / "one.dcm"))
    assert pixel_digest(write(mammogram(missing=("PixelData",)), tmp_path / "none.dcm")) == "no-pixels"

"""Studies of a breast of six centimetres: read in a tenth of the time, and a study like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames

from tests.peers.synthetic import STANDARD_VIEWS, Blob, Exam, WrittenStudy, mammogram, write_study

_SPACING = {"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [0.1, 0.1]}


def small_study(
    folder: Path,
    *,
    exam: Exam | None = None,
    views: Sequence[tuple[str, str]] = STANDARD_VIEWS,
    blob: Blob | None = None,
    tags: Mapping[str, Any] | None = None,
    **image: Any,
) -> WrittenStudy:
    """Write a study like `write_study`."""
    return write_study(folder, exam=exam, views=views, blob=blob, tags={**_SPACING, **(tags or {})}, **image)


def small_mammogram(laterality: str = "L", view: str = "CC", **image: Any) -> Dataset:
    """Return one image like `mammogram`."""
    tags = {**_SPACING, **image.pop("tags", {})}
    return mammogram(laterality, view, tags=tags, **image)


def truncate_pixels(image: Dataset) -> Dataset:
    """Cut the pixel data short, as a modality that ran out of memory does; the header stays as it was."""
    if image.file_meta.TransferSyntaxUID.is_compressed:
        (frame,) = generate_frames(image.PixelData, number_of_frames=1)
        image.PixelData = encapsulate([frame[: len(frame) // 2]])
    else:
        image.PixelData = image.PixelData[: len(image.PixelData) // 4 * 2]
    return image

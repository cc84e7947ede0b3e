"""`python -m benchmarks.refusals FOLDER...`: how many pictures are refused, as they are and after they were spoilt.

Takes JPEG, PNG and DICOM files. A view is taken for an oblique one when its path has MLO in it, or its header says so.
Pictures of less than 512 pixels a side are looked at as they are, without the scale that a reading would need.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from preprocessing.breast_mask import find_breast
from preprocessing.decode import decode_pixels
from preprocessing.errors import ImageRefused
from preprocessing.geometry import training_scale
from preprocessing.prepare import prepare_values, reduced_presentation
from preprocessing.unlike_a_mammogram import refuse_unlike_a_mammogram
from preprocessing.views import identify_view

Picture = NDArray[np.float32]
_READ_FROM = 512


def _brighter(factor: float) -> Callable[[Picture], Picture]:
    return lambda picture: np.asarray(np.clip(picture * factor, 0.0, 1.0), np.float32)


ALTERATIONS: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "upside down": lambda picture: picture[::-1],
    "turned by 90 degrees": lambda picture: np.asarray(np.rot90(picture), np.float32),
    "grey values inverted": lambda picture: 1.0 - picture,
    "twice as bright, clipped": _brighter(2.0),
    "three times as bright, clipped": _brighter(3.0),
}


def shown(path: Path) -> tuple[Picture, Dataset]:
    """A file as a presentation image (0..1), at the training scale where it is large enough, and its header."""
    if path.suffix.lower() == ".dcm":
        header: Dataset = dcmread(path)
        stored: NDArray[Any] = decode_pixels(header)
    else:
        header, read = Dataset(), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if read is None:
            raise typer.BadParameter(f"{path} can't be read as a picture")
        stored = read
        if "MLO" in str(path).upper():
            header.PatientOrientation = "MLO"  # as CBIS-DDSM has it
    if max(stored.shape) < _READ_FROM:
        return np.asarray(stored / np.iinfo(stored.dtype).max, np.float32), header
    return reduced_presentation(stored, header, training_scale(header, *stored.shape)), header


def verdict(picture: Picture, header: Dataset) -> str | None:
    """Why the picture is refused, by the name of the exception; None when it is read."""
    try:
        if max(picture.shape) < _READ_FROM:
            refuse_unlike_a_mammogram(picture, find_breast(picture), header)
        else:
            prepare_values(np.round(picture * 65535).astype(np.uint16), header)
    except ImageRefused as refusal:
        return type(refusal).__name__
    return None


def main(folders: Annotated[list[Path], typer.Argument(exists=True)]) -> None:
    """Print a line for each way of spoiling: pictures, refused, and by which cause."""
    cv2.setNumThreads(1)
    counts: dict[str, Counter[str | None]] = {name: Counter() for name in ALTERATIONS}
    for path in _pictures(folders):
        picture, header = shown(path)
        oblique = Dataset()
        if identify_view(header).view == "MLO":
            oblique.PatientOrientation = "MLO"
        for name, spoil in ALTERATIONS.items():
            if name != "upside down" or oblique:
                counts[name][verdict(np.ascontiguousarray(spoil(picture)), oblique)] += 1
    for name, found in counts.items():
        causes = ", ".join(f"{cause} {count}" for cause, count in found.most_common() if cause)
        refused = found.total() - found[None]
        sys.stdout.write(f"{name}: {refused} of {found.total()}{' - ' if causes else ''}{causes}\n")


def _pictures(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        yield from (path for path in files if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".dcm"))


if __name__ == "__main__":
    typer.run(main)

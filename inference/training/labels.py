"""Labelled folders: every `labels.csv` below a directory, one row an image."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from inference.classes import CLASSES, ClassName
from inference.crops import GreyPixels

Kind = Literal["crop", "full", "thumb"]


class LabelsUnusable(Exception):
    """The labels can't be used; the text says which file and what is wrong."""


class PictureUnreadable(LabelsUnusable):
    """A picture that a row names can't be read; the text says which one."""


@dataclass(frozen=True)
class Row:
    """One labelled image.

    `kind` says what `label` is true of: a "crop" shows a lesion (or nothing but tissue), a "full" view and a "thumb"
    (a full view too coarse to show lesions) carry the label of the whole image.
    """

    path: Path
    patient_id: str
    label: ClassName
    kind: Kind
    side: str
    view: str


def read_labels(data_dir: Path) -> list[Row]:
    """Read every `labels.csv` below `data_dir` (linked folders too), in the order of their paths.

    Columns needed: `file` (relative to the csv), `patient_id`, `label5`; `kind` is "crop" when absent. Raises
    LabelsUnusable when there is none, or one can't be read as CSV in UTF-8, lacks a column, names an unknown class or
    leaves out a file or a patient.
    """
    files = sorted(
        Path(folder) / name
        for folder, _, names in os.walk(data_dir, followlinks=True)
        for name in names
        if name == "labels.csv"
    )
    if not files:
        raise LabelsUnusable(f"There is no labels.csv in {data_dir} or below it; name the folder that holds the data.")
    return [row for file in files for row in _read_one(file)]


def _read_one(file: Path) -> list[Row]:
    # Excel writes a byte order mark before UTF-8.
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        try:
            missing = {"file", "patient_id", "label5"} - set(reader.fieldnames or ())
            if missing:
                names = ", ".join(sorted(missing))
                raise LabelsUnusable(f"{file} has no column {names}; its first line names them, with commas between.")
            return [_row(file, record, reader.line_num) for record in reader]
        except UnicodeDecodeError as error:
            raise LabelsUnusable(f"{file} is not in UTF-8; save it again as CSV in UTF-8.") from error
        except csv.Error as error:
            raise LabelsUnusable(f"{file}, line {reader.line_num}: {error}; save it again as CSV.") from error


def _row(file: Path, record: dict[str, str | None], line: int) -> Row:
    # A row shorter than the header has None at its end. Without a name several people would count as one, and be dealt
    # to one side of a split.
    name, patient, called = (record[column] or "" for column in ("file", "patient_id", "label5"))
    if not patient.strip():
        raise LabelsUnusable(f"{file}, line {line}: no patient_id; give each person a name of her own, any will do.")
    if not name or "\0" in name:
        raise LabelsUnusable(f"{file}, line {line}: no file; name the picture or take the row out.")
    label = next((one for one in CLASSES if one == called), None)
    if label is None:
        raise LabelsUnusable(f"{file}, line {line}: {name} has the unknown class {called!r}.")
    kind = next((one for one in get_args(Kind) if one == (record.get("kind") or "crop")), None)
    if kind is None:
        raise LabelsUnusable(f"{file}, line {line}: {name} has the unknown kind {record.get('kind')!r}.")
    return Row(
        path=file.parent / name,
        patient_id=patient,
        label=label,
        kind=kind,
        side=record.get("side") or "",
        view=record.get("view") or "",
    )


def grey(path: Path) -> GreyPixels:
    """The grey values (2-D) of a picture file that a row names: 8 bits as they are, up to 16 brought to 16.

    Files with more than 8 bits seldom use all 16, so the bits used are counted from the picture and shifted to the
    top. Raises PictureUnreadable.
    """
    try:
        pixels = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise PictureUnreadable(f"{path} can't be read as an image: {error.err}.") from error
    if pixels is None:
        raise PictureUnreadable(
            f"{path} is named in labels.csv but can't be read as an image; put it there or take its row out."
        )
    if pixels.dtype == np.uint16:
        used = max(8, int(pixels.max()).bit_length())
        return np.asarray(pixels, dtype=np.uint16) << np.uint16(16 - used)
    if pixels.dtype != np.uint8:
        raise PictureUnreadable(f"{path} has pixels of type {pixels.dtype}; only 8 and 16 bits without sign are read.")
    return np.asarray(pixels, dtype=np.uint8)


def patients(rows: Sequence[Row]) -> set[str]:
    """Everybody in these rows."""
    return {row.patient_id for row in rows}

"""What two headers under one SOP Instance UID say differently, of all that the gateway goes by.

Compared is what says whose image it is, which one, and how its stored values are to be understood, as the gateway
understands it: an object that corrects one of these must not be taken for the one that is here. Not compared is what a
PACS may write anew when it passes an object on: character set, padding, group lengths, private attributes, the
spelling of a number, and what nothing here depends on (descriptions, times, accession number, institution).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.intake.header import ReceivedHeader, folded, read_header

if TYPE_CHECKING:
    from pydicom import Dataset

_Meaning = Callable[[ReceivedHeader, "Dataset"], object]


def differing_attributes(first: Path, second: Path) -> tuple[str, ...]:
    """Name what two Part 10 files, with or without pixels, say differently; no value is in the names.

    Raises:
        HeaderUnreadable: one of them is no DICOM object any more.
        FileUnreadable: the disk does not give one of them.

    """
    from preprocessing.pixel_format import read_dataset

    (header, pixels), (other_header, other_pixels) = (
        (read_header(path), read_dataset(path, pixels=False)) for path in (first, second)
    )
    return tuple(
        name for name, meaning in _COMPARED.items() if meaning(header, pixels) != meaning(other_header, other_pixels)
    )


def _name(header: ReceivedHeader, _: Dataset) -> str:
    # Another character set may compose letters in another way; empty groups and parts at the end say nothing.
    return folded(unicodedata.normalize("NFKC", header.patient_name or "").rstrip("=^ "))


def _view(header: ReceivedHeader, _: Dataset) -> object:
    return header.image.view, frozenset(header.image.view_modifiers)


def _number(value: float | None) -> str | None:
    # Six digits: what is longer than a DS may be (PS3.5 6.2) is cut by whoever passes it on.
    return None if value is None else f"{value:.6g}"


def _spacing(_: ReceivedHeader, pixels: Dataset) -> object:
    from preprocessing.geometry import pixel_spacing

    return [_number(millimetres) for millimetres in pixel_spacing(pixels) or ()]


def _is_inverted(_: ReceivedHeader, pixels: Dataset) -> bool:
    from preprocessing.header import text_of

    # Of colours a transcoder may choose the model; of grey it may not say which end is dark.
    return text_of(pixels, "PhotometricInterpretation") == "MONOCHROME1"


def _rescaling(_: ReceivedHeader, pixels: Dataset) -> object:
    from preprocessing.header import number_of

    slope, intercept = number_of(pixels, "RescaleSlope"), number_of(pixels, "RescaleIntercept")
    return _number(slope or 1.0), _number(intercept or 0.0)


def _window(_: ReceivedHeader, pixels: Dataset) -> object:
    from preprocessing.header import number_of, text_of

    function = text_of(pixels, "VOILUTFunction") or "LINEAR"  # PS3.3 C.11.2.1.3: what it is where nothing is said
    return _number(number_of(pixels, "WindowCenter")), _number(number_of(pixels, "WindowWidth")), function


_COMPARED: Final[dict[str, _Meaning]] = {
    "StudyInstanceUID": lambda header, _: header.study_instance_uid,
    "SeriesInstanceUID": lambda header, _: header.series_instance_uid,
    "SOPClassUID": lambda header, _: header.sop_class_uid,
    "PatientID": lambda header, _: unicodedata.normalize("NFKC", header.patient_id or ""),
    "PatientName": _name,
    "PatientBirthDate": lambda header, _: header.birth_date,
    "the side": lambda header, _: header.image.laterality,
    "the view": _view,
    "PresentationIntentType": lambda header, _: header.image.presentation_intent,
    "whether it is read": lambda header, _: (header.image.role, header.image.reason),
    "PhotometricInterpretation": _is_inverted,
    "the pixel spacing": _spacing,
    "the rescaling": _rescaling,
    "the window": _window,
}

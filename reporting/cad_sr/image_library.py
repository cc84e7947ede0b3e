"""Image Library of a Mammography CAD SR: one entry per image (PS3.16 TID 4020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from reporting import broken_headers, content_item
from reporting.codes import dicom, snomed, views
from reporting.outcome import ReportedImage

_SIDES: Final = {"R": snomed.RIGHT_BREAST, "L": snomed.LEFT_BREAST}
_UM_PER_MM: Final = 1000
_CONTEXT: Final[content_item.Relationship] = "HAS ACQ CONTEXT"


def entry(image: ReportedImage) -> Dataset:
    """The entry of one image. All rows below it are optional: what an image doesn't say is left out."""
    return content_item.image("CONTAINS", image.sop_class_uid, image.sop_instance_uid, _rows(image))


def _rows(image: ReportedImage) -> Iterator[Dataset]:
    header = image.source.header
    if image.laterality is not None:
        yield content_item.code(_CONTEXT, dicom.IMAGE_LATERALITY, _SIDES[image.laterality])
    if image.view in views.VIEWS:
        modifiers = [
            content_item.code("HAS CONCEPT MOD", dicom.IMAGE_VIEW_MODIFIER, modifier) for modifier in _modifiers(image)
        ]
        yield content_item.code(_CONTEXT, dicom.IMAGE_VIEW, views.VIEWS[image.view], modifiers)
    orientation = broken_headers.patient_orientation(header)
    if orientation is not None:
        yield content_item.text(_CONTEXT, dicom.PATIENT_ORIENTATION_ROW, orientation[0])
        yield content_item.text(_CONTEXT, dicom.PATIENT_ORIENTATION_COLUMN, orientation[1])
    if found := broken_headers.date(header, "StudyDate"):
        yield content_item.date(_CONTEXT, dicom.STUDY_DATE, found)
    if found := broken_headers.time(header, "StudyTime"):
        yield content_item.time(_CONTEXT, dicom.STUDY_TIME, found)
    if found := broken_headers.date(header, "ContentDate"):
        yield content_item.date(_CONTEXT, dicom.CONTENT_DATE, found)
    if found := broken_headers.time(header, "ContentTime"):
        yield content_item.time(_CONTEXT, dicom.CONTENT_TIME, found)
    # Imager Pixel Spacing is measured at the detector's front plane, as TID 4020 wants of projection radiographs.
    spacing = broken_headers.numbers(header, "ImagerPixelSpacing") or broken_headers.numbers(header, "PixelSpacing")
    if len(spacing) == 2 and min(spacing) > 0:  # row spacing, column spacing
        between_rows, between_columns = spacing
        for concept, millimetres in (
            (dicom.HORIZONTAL_PIXEL_SPACING, between_columns),
            (dicom.VERTICAL_PIXEL_SPACING, between_rows),
        ):
            yield content_item.number(_CONTEXT, concept, round(millimetres * _UM_PER_MM, 6), dicom.MICROMETER)
    if image.rows and image.columns:
        yield content_item.number(_CONTEXT, dicom.PIXEL_DATA_ROWS, image.rows, dicom.PIXELS)
        yield content_item.number(_CONTEXT, dicom.PIXEL_DATA_COLUMNS, image.columns, dicom.PIXELS)


def _modifiers(image: ReportedImage) -> list[Code]:
    """The view's modifiers: what its name implies, then those in the image that CID 4015 knows, each once."""
    found: dict[str, Code] = {}
    if image.view in views.IMPLIED_MODIFIERS:
        implied = views.IMPLIED_MODIFIERS[image.view]
        found[implied.value] = implied
    for view in broken_headers.items(image.source.header, "ViewCodeSequence"):
        for modifier in broken_headers.items(view, "ViewModifierCodeSequence"):
            value = broken_headers.text(modifier, "CodeValue")
            value = snomed.SRT_TO_SCT.get(value, value)
            if value in views.MODIFIERS:
                found[value] = views.MODIFIERS[value]
    return list(found.values())

"""What a presentation state takes over from the image it is for: its grey scale transformations, where they are sound.

A presentation state replaces all of an image's own transformations (PS3.4 N.2), so leaving them out would show the
mammogram in other greys than without it.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from reporting import broken_headers
from reporting.header import HEADER_KEYWORDS, decoded_copy
from reporting.outcome import ReportedImage

_VOI_LUT_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def displayed_image(image: ReportedImage, header: Dataset) -> Dataset:
    """The image as highdicom wants it: patient and study as in the report, and nothing that could be broken."""
    source = image.source.header
    result = Dataset()
    for keyword in HEADER_KEYWORDS:
        if keyword in header:
            result.add(header[keyword])
    result.StudyInstanceUID = header.StudyInstanceUID
    result.SeriesInstanceUID = image.series_instance_uid
    result.SOPClassUID = image.sop_class_uid
    result.SOPInstanceUID = image.sop_instance_uid
    result.Rows, result.Columns = image.rows, image.columns
    result.SamplesPerPixel = 1
    _copy_modality_lut(source, result)
    _copy_voi_lut(source, result)
    return result


def is_inverted(image: ReportedImage) -> bool:
    """Whether low values are bright: then the P-values must be inverted (PS3.3 C.11.6, Presentation LUT Shape)."""
    return broken_headers.code_string(image.source.header, "PhotometricInterpretation") == "MONOCHROME1"


def _copy_modality_lut(source: Dataset, result: Dataset) -> None:
    slope, intercept = broken_headers.number(source, "RescaleSlope"), broken_headers.number(source, "RescaleIntercept")
    if slope is not None and intercept is not None and slope != 0:
        result.RescaleSlope, result.RescaleIntercept = slope, intercept
        result.RescaleType = broken_headers.code_string(source, "RescaleType") or "US"


def _copy_voi_lut(source: Dataset, result: Dataset) -> None:
    """The first window, or else the first table: a presentation state offers no choice."""
    center, width = broken_headers.number(source, "WindowCenter"), broken_headers.number(source, "WindowWidth")
    if center is not None and width is not None and width >= 1:
        result.WindowCenter, result.WindowWidth = center, width
        function = broken_headers.code_string(source, "VOILUTFunction")
        if function in _VOI_LUT_FUNCTIONS:
            result.VOILUTFunction = function
        return
    tables = broken_headers.items(source, "VOILUTSequence")
    if (
        tables and len(broken_headers.numbers(tables[0], "LUTDescriptor")) == 3 and "LUTData" in tables[0]
    ):  # PS3.3 C.11.2
        result.VOILUTSequence = [decoded_copy(tables[0])]

"""The summary page as a Secondary Capture image (PS3.3 A.8.1): RGB, 8 bit, with everything burned in."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from reporting.equipment import creation_time
from reporting.image_series import stamp_image_object
from reporting.outcome import StudyOutcome
from reporting.study import BuiltReport, ReportKind
from reporting.summary_image.page import page_of
from reporting.summary_image.rendering import ColourImage, RenderImage
from reporting.uids import instance_uid, series_uid
from reporting.wording import BANNER

KIND: Final[ReportKind] = "summary_image"
_SERIES_NUMBER: Final = 9904


def build_summary_image(outcome: StudyOutcome, render: RenderImage) -> BuiltReport:
    """The last resort that every viewer shows."""
    study = outcome.study
    sop_class = SecondaryCaptureImageStorage
    report = Dataset()
    report.SOPClassUID = sop_class
    report.SOPInstanceUID = instance_uid(study, KIND, sop_class, "SCT")
    report.SeriesInstanceUID = series_uid(study, KIND, sop_class, "SCT")
    report.SeriesNumber = _SERIES_NUMBER
    report.InstanceNumber = 1
    # OT, since a workstation hangs whatever says MG among the mammograms.
    report.Modality = "OT"
    report.ConversionType = "SYN"
    report.ImageType = ["DERIVED", "SECONDARY"]
    report.PatientOrientation = ""
    report.BurnedInAnnotation = "YES"
    report.ImageComments = BANNER
    report.DerivationDescription = "Summary page of mammogate: views with marks and scores"
    report.SourceImageSequence = [
        _reference(image.sop_class_uid, image.sop_instance_uid) for image in outcome.referenced
    ]
    created = creation_time(study)
    report.ContentDate, report.ContentTime = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    _add_pixels(report, page_of(outcome, render))
    stamp_image_object(report, study, "AI summary", "")
    return BuiltReport(KIND, "SCT", sop_class, report.SOPInstanceUID, report.SeriesInstanceUID, None, report)


def _add_pixels(report: Dataset, page: ColourImage) -> None:
    """Image Pixel module (PS3.3 C.7.6.3)."""
    report.SamplesPerPixel = 3
    report.PhotometricInterpretation = "RGB"
    report.PlanarConfiguration = 0
    report.Rows, report.Columns = page.shape[:2]
    report.BitsAllocated = report.BitsStored = 8
    report.HighBit = 7
    report.PixelRepresentation = 0
    pixels = page.tobytes()
    report.add_new("PixelData", "OB", pixels if len(pixels) % 2 == 0 else pixels + b"\0")


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item

"""The Image Library of a measurement report (PS3.16 TID 1600), as far as the images' headers allow."""

from __future__ import annotations

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from reporting import broken_headers
from reporting.outcome import ReportedImage, StudyOutcome

_OTHER_MODALITY = "OT"


def library_images(outcome: StudyOutcome) -> list[Dataset]:
    """The images that highdicom can describe; TID 1600 is optional, and every image is in the evidence anyway."""
    described = []
    for image in outcome.referenced:
        if (header := _described(image)) is None:
            continue
        try:
            hd.sr.ImageLibrary([header])
        except ValueError:  # a storage class that highdicom knows no modality of
            continue
        described.append(header)
    return described


def _described(image: ReportedImage) -> Dataset | None:
    # highdicom calls the modality of a Secondary Capture "Other", which CID 29 doesn't have.
    if image.sop_class_uid == SecondaryCaptureImageStorage or not (image.rows and image.columns):
        return None
    source = image.source.header
    result = Dataset()
    result.SOPClassUID = image.sop_class_uid
    result.SOPInstanceUID = image.sop_instance_uid
    result.Rows = image.rows
    result.Columns = image.columns
    spacing = broken_headers.numbers(source, "ImagerPixelSpacing")
    orientation = broken_headers.patient_orientation(source)
    # Rows for projection radiographs (TID 1603) want both; an image that lacks one is described without them.
    if len(spacing) == 2 and orientation is not None:
        result.Modality = "MG"
        result.ImagerPixelSpacing = list(spacing)
        result.PatientOrientation = list(orientation)
    else:
        result.Modality = _OTHER_MODALITY
    return result

"""Headers of mammograms as machines write them, made up: no person, no hospital."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

ROWS, COLUMNS = 3328, 2560
_VIEW_CODES = {
    "CC": Code("399162004", "SCT", "cranio-caudal"),
    "MLO": Code("399368009", "SCT", "medio-lateral oblique"),
    "XCCL": Code("399192008", "SCT", "cranio-caudal exaggerated laterally"),
}
_ORIENTATION = {("R", "CC"): ["P", "L"], ("L", "CC"): ["A", "R"], ("R", "MLO"): ["P", "FL"], ("L", "MLO"): ["A", "FR"]}


def uid(*parts: object) -> str:
    return f"2.25.{uuid5(NAMESPACE_URL, '/'.join(map(str, parts))).int}"


def _code(value: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value.value, value.scheme_designator, value.meaning
    return item


def _patient_and_study(study: str, changes: dict[str, Any]) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.StudyInstanceUID = uid(study)
    ds.StudyDate, ds.StudyTime = "20260314", "101500"
    ds.ContentDate, ds.ContentTime = "20260314", "101612.5"
    ds.AccessionNumber = "A-1042"
    ds.StudyID = "S1042"
    ds.StudyDescription = "Screening mammography"
    ds.ReferringPhysicianName = "Referrer^Rita"
    ds.PatientName = "Example^Erika^^Dr."
    ds.PatientID = "P-0001"
    ds.IssuerOfPatientID = "HOSPITAL"
    ds.PatientBirthDate = "19640229"
    ds.PatientSex = "F"
    ds.PatientAge = "062Y"
    for keyword, value in changes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def as_received(ds: Dataset) -> Dataset:
    """Through bytes and back, so that values are as pydicom reads them from a file."""
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer, stop_before_pixels=True)


def digital(
    laterality: str = "R",
    view: str = "CC",
    *,
    study: str = "study",
    copy: int = 1,
    for_processing: bool = False,
    tomosynthesis: bool = False,
    **changes: Any,
) -> Dataset:
    """A full-field digital mammogram, For Presentation unless told otherwise."""
    sop_class = DigitalMammographyXRayImageStorageForPresentation
    if for_processing:
        sop_class = DigitalMammographyXRayImageStorageForProcessing
    if tomosynthesis:
        sop_class = BreastTomosynthesisImageStorage
    ds = _patient_and_study(study, {})
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid(study, laterality, view, copy, sop_class)
    ds.SeriesInstanceUID = uid(study, "series", sop_class)
    ds.Modality = "MG"
    ds.PresentationIntentType = "FOR PROCESSING" if for_processing else "FOR PRESENTATION"
    ds.Manufacturer, ds.ManufacturerModelName = "Example X-ray", "Mammo 1"
    ds.SeriesNumber, ds.InstanceNumber = 1, copy
    ds.ImageLaterality = laterality
    ds.ViewPosition = view
    if view in _VIEW_CODES:
        ds.ViewCodeSequence = [_code(_VIEW_CODES[view])]
        ds.ViewCodeSequence[0].ViewModifierCodeSequence = []
    ds.PatientOrientation = _ORIENTATION.get((laterality, view), ["P", "L"])
    ds.ImagerPixelSpacing = [0.07, 0.07]
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.WindowCenter, ds.WindowWidth = [2047, 1800], [4096, 3000]
    ds.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    ds.PresentationLUTShape = "IDENTITY"
    ds.RequestAttributesSequence = [request("Mammography, both breasts")]
    for keyword, value in changes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return _with_file_meta(ds, ExplicitVRLittleEndian)


def request(description: str, meaning: str | None = None) -> Dataset:
    """An item of Request Attributes Sequence (0040,0275) as a worklist gives it; the code is the hospital's own."""
    item = Dataset()
    item.RequestedProcedureID = "RP-77"
    item.RequestedProcedureDescription = description
    if meaning is not None:
        item.RequestedProcedureCodeSequence = [_code(Code("MG2", "99HOSPITAL", meaning))]
    return item


def film(laterality: str = "R", view: str = "CC", *, study: str = "study", **changes: Any) -> Dataset:
    """A digitised film: Secondary Capture whose Modality is MG, hardly any header, a view where it doesn't belong."""
    ds = _patient_and_study(
        study, {"AccessionNumber": "", "ReferringPhysicianName": "", "PatientBirthDate": "", "PatientSex": ""} | changes
    )
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = uid(study, laterality, view, "film")
    ds.SeriesInstanceUID = uid(study, "film series", laterality, view)
    ds.Modality = "MG"
    ds.ConversionType = "WSD"
    ds.BodyPartExamined = "BREAST"
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.PatientOrientation = view
    ds.Laterality = laterality
    ds.Rows, ds.Columns = 4432, 2864
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    return _with_file_meta(ds, RLELossless)


def _with_file_meta(ds: Dataset, transfer_syntax: str) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    received = as_received(ds)
    received.file_meta.TransferSyntaxUID = transfer_syntax
    return received

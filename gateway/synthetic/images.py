"""Four made views, small enough to be read within a second: no patient, and made again they are the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

PATIENT_ID: Final = "MAMMOGATE-SYNTHETIC"
_VIEWS: Final = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_VIEW_CODES: Final = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}
_ORIENTATION: Final = {
    ("R", "CC"): ["P", "L"],
    ("L", "CC"): ["A", "R"],
    ("R", "MLO"): ["P", "FL"],
    ("L", "MLO"): ["A", "FR"],
}
_ROWS, _COLUMNS, _SPACING_MM = 640, 512, 0.1
_BITS: Final = 12


def write_views(folder: Path, study_uid: str, made_at: datetime) -> list[Path]:
    """Write the four standard views of a study into `folder`; a second call writes the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, view in enumerate(_views(study_uid, made_at), 1):
        path = folder / f"{number}.dcm"
        view.save_as(path, enforce_file_format=True)
        written.append(path)
    return written


def _views(study_uid: str, made_at: datetime) -> Iterator[Dataset]:
    local = made_at.astimezone()
    for number, (laterality, view) in enumerate(_VIEWS, 1):
        image = Dataset()
        image.SpecificCharacterSet = "ISO_IR 192"
        image.PatientName, image.PatientID = "SYNTHETIC^MAMMOGATE", PATIENT_ID
        image.PatientBirthDate, image.PatientSex = "", "O"
        image.StudyInstanceUID, image.SeriesInstanceUID = study_uid, _uid(study_uid, "series")
        image.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
        image.SOPInstanceUID = _uid(study_uid, laterality, view)
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = f"{local:%Y%m%d}"
        image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = f"{local:%H%M%S}"
        image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", "", ""
        image.StudyDescription = image.SeriesDescription = "Made by mammogate to watch itself; nobody's breast"
        image.Manufacturer, image.ManufacturerModelName = "mammogate", "synthetic study"
        image.Modality, image.SeriesNumber, image.InstanceNumber = "MG", 1, number
        image.PresentationIntentType, image.ImageType = "FOR PRESENTATION", ["DERIVED", "PRIMARY"]
        image.BodyPartExamined, image.PositionerType, image.OrganExposed = "BREAST", "MAMMOGRAPHIC", "BREAST"
        image.ImageLaterality, image.ViewPosition = laterality, view
        code, meaning = _VIEW_CODES[view]
        image.ViewCodeSequence = [_code(code, meaning)]
        image.ViewCodeSequence[0].ViewModifierCodeSequence = []
        image.AnatomicRegionSequence = [_code("76752008", "Breast")]
        image.PatientOrientation = _ORIENTATION[laterality, view]
        image.BreastImplantPresent, image.PartialView, image.BurnedInAnnotation = "NO", "NO", "NO"
        image.LossyImageCompression, image.AcquisitionContextSequence = "00", []
        image.Rows, image.Columns, image.SamplesPerPixel = _ROWS, _COLUMNS, 1
        image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, _BITS, _BITS - 1
        image.ImagerPixelSpacing = image.PixelSpacing = [_SPACING_MM, _SPACING_MM]
        image.WindowCenter, image.WindowWidth = 1 << (_BITS - 1), 1 << _BITS
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = 0, 1, "US"
        image.PresentationLUTShape = "IDENTITY"
        image.PixelIntensityRelationship, image.PixelIntensityRelationshipSign = "LOG", -1
        image.PixelData = _breast(laterality, view, number).tobytes()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        yield image


def _breast(laterality: str, view: str, seed: int) -> NDArray[np.uint16]:
    """A bright half-ellipse with blotches at the chest wall, (rows, columns); in an MLO the muscle above it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:_ROWS, 0:_COLUMNS].astype(np.float32)
    inside = np.clip(6 * (1 - ((y / _ROWS - 0.5) / 0.4) ** 2 - (x / _COLUMNS / 0.72) ** 2), 0, 1)
    blotches = np.kron(rng.random((_ROWS // 32, _COLUMNS // 32), np.float32), np.ones((32, 32), np.float32))
    grey = inside * (0.3 + 0.2 * blotches + 0.05 * rng.random((_ROWS, _COLUMNS), np.float32))
    if view == "MLO":
        grey = np.maximum(grey, np.where(x / (0.3 * _COLUMNS) + y / (0.45 * _ROWS) < 1, 0.55, 0))
    if laterality == "R":
        grey = grey[:, ::-1]
    return np.ascontiguousarray(grey * ((1 << _BITS) - 1), dtype=np.uint16)


def _uid(study_uid: str, *words: str) -> str:
    return f"2.25.{uuid5(NAMESPACE_OID, ' '.join((study_uid, *words))).int}"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item

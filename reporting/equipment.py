"""The General Equipment and SOP Common attributes of what mammogate writes (PS3.3 C.7.5.1, C.12.1)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from reporting import broken_headers
from reporting.study import StudyToReport
from reporting.wording import plain_ascii

MANUFACTURER: Final = "mammogate"
"""Our own name: some workstations draw only marks of makers they know, and we never pretend to be one of those."""
MODEL: Final = "mammogate"
IMPLEMENTATION_CLASS_UID: Final = UID(f"2.25.{uuid5(NAMESPACE_URL, 'mammogate').int}")
IMPLEMENTATION_VERSION_NAME: Final = "MAMMOGATE"

_LO: Final = 64
_CONTENT_TIMES: Final = (("ContentDate", "ContentTime"), ("PresentationCreationDate", "PresentationCreationTime"))


def software_versions(study: StudyToReport) -> list[str]:
    """Software Versions (0018,1020): mammogate's and the model's."""
    versions = (f"mammogate {study.software_version}", f"model {study.result.model_version}")
    return [plain_ascii(version, _LO) for version in versions]


def creation_time(study: StudyToReport) -> datetime:
    """When the generation was frozen, in the images' time zone where they state one."""
    created = study.created_at
    if created.tzinfo is None:
        return created
    for image in study.images:
        offset = broken_headers.offset(image.header, "TimezoneOffsetFromUTC")
        if offset:
            shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
            return created.astimezone(timezone(shift if offset[0] == "+" else -shift))
    return created


def stamp_equipment(report: Dataset, study: StudyToReport) -> None:
    """Write who made the object and when; times that a library took from the clock are replaced."""
    report.Manufacturer = MANUFACTURER
    report.ManufacturerModelName = MODEL
    report.DeviceSerialNumber = str(study.installation_id)
    report.SoftwareVersions = software_versions(study)
    created = creation_time(study)
    day, clock = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    report.InstanceCreationDate, report.InstanceCreationTime = day, clock
    for date_keyword, time_keyword in _CONTENT_TIMES:
        if date_keyword in report:
            setattr(report, date_keyword, day)
            setattr(report, time_keyword, clock)
    for contribution in report.get("ContributingEquipmentSequence", ()):
        contribution.ContributionDateTime = day + clock


def file_meta_for(written: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> FileMetaDataset:
    """File Meta Information (PS3.10 7.1) for an object that we write in that transfer syntax."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = written.SOPClassUID
    meta.MediaStorageSOPInstanceUID = written.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta

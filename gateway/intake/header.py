"""Reading what the intake needs of a header, and nothing that could fail for its content."""

from __future__ import annotations

import errno
import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_node.deflated_data_set import HeaderTooLong, inflated_file, read_deflated
from gateway.intake.scanned_header import LAST_WANTED, WANTED, scan_header
from preprocessing.header import Header
from preprocessing.views import ImageIdentity, identify_view


class HeaderUnreadable(Exception):
    """The file is no DICOM object, or lacks what identifies one."""


@dataclass(frozen=True)
class ReceivedHeader:
    """The identifying attributes of a received object; text that can't be read is None."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    patient_id: str | None
    patient_name: str | None
    birth_date: date | None
    study_date: date | None
    accession_number: str | None
    image: ImageIdentity

    @property
    def patient_key(self) -> str:
        """Digests of id, name and birth date, joined by dots, without blanks and case; empty where nothing is said.

        Only the first 16 digits of each: they tell the images of one study apart, not the patients of the world.
        """
        birth_date = self.birth_date.isoformat() if self.birth_date else None
        return ".".join(_digest(part) for part in (self.patient_id, self.patient_name, birth_date))


def read_header(path: Path) -> ReceivedHeader:
    """Read the header of the Part 10 file at `path`; pixels are not touched.

    Raises:
        HeaderUnreadable: with a sentence that says what is wrong, without patient data.
        OSError: the disk failed, which says nothing about the object.
        MemoryError: the machine had none left; the same.

    """
    try:
        dataset, syntax = _open(path)
        identified = {name: str(dataset.get(name) or "").strip() for name in _IDENTIFYING}
    except HeaderTooLong as error:
        raise HeaderUnreadable(f"it is {error}") from error
    except Exception as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno not in _OF_THE_CONTENT):
            raise
        raise HeaderUnreadable(f"the header can't be read ({type(error).__name__})") from error
    missing = [name for name, value in identified.items() if not value]
    if missing or not syntax:
        raise HeaderUnreadable(f"the header has no {missing[0] if missing else 'TransferSyntaxUID'}")
    too_long = [name for name, value in identified.items() if len(value) > 64]
    if too_long:
        raise HeaderUnreadable(f"{too_long[0]} is longer than the 64 characters of a UID (PS3.5 9.1)")
    strange = [name for name, value in identified.items() if not _UID.fullmatch(value)]
    if strange:
        raise HeaderUnreadable(f"{strange[0]} is not a UID: it may hold digits and dots only (PS3.5 9.1)")
    return ReceivedHeader(
        study_instance_uid=identified["StudyInstanceUID"],
        series_instance_uid=identified["SeriesInstanceUID"],
        sop_instance_uid=identified["SOPInstanceUID"],
        sop_class_uid=identified["SOPClassUID"],
        transfer_syntax_uid=syntax,
        patient_id=_text(dataset, "PatientID"),
        patient_name=_text(dataset, "PatientName"),
        birth_date=_date(dataset, "PatientBirthDate"),
        study_date=_date(dataset, "StudyDate"),
        accession_number=_text(dataset, "AccessionNumber"),
        image=identify_view(dataset),
    )


# Leading zeros and the like are common and harmless. Anything but digits and dots is not: UIDs name files and folders,
# and a Study Instance UID of "../.." would lead out of the data folder.
_UID = re.compile(r"[0-9][0-9.]*", re.ASCII)
_DATE = re.compile(r"[0-9]{8}", re.ASCII)
# What pydicom raises of content has no number; EINVAL is a jump to before the file's beginning, of its content too.
_OF_THE_CONTENT = (None, errno.EINVAL)
_DEFERRED = 2**20  # bytes; what is larger stays on the disk: some objects carry more before their pixels than in them
_IDENTIFYING = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


def _open(path: Path) -> tuple[Header, str]:
    """Return the attributes and the transfer syntax of the file at `path`."""
    scanned = scan_header(path)
    if scanned is not None:
        return scanned, scanned.transfer_syntax_uid
    with inflated_file(path) as inflated:
        if inflated is not None:
            return read_deflated(inflated, LAST_WANTED, WANTED), str(DeflatedExplicitVRLittleEndian)
    dataset = dcmread(path, stop_before_pixels=True, defer_size=_DEFERRED)
    return dataset, str(dataset.file_meta.get("TransferSyntaxUID") or "")


def folded(part: str | None) -> str:
    """Return who somebody is without what two writers of one name may do differently: blanks, carets and case."""
    return " ".join((part or "").replace("^", " ").split()).casefold()


def _digest(part: str | None) -> str:
    said = folded(part)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16] if said else ""


def _text(dataset: Header, keyword: str) -> str | None:
    try:
        value = dataset.get(keyword)
        text = "" if value is None else str(value)
    except Exception:  # noqa: BLE001 - a broken character set or VR must not stop storage (PS3.5 6.1 in the wild)
        return None
    # A surrogate can't be stored as UTF-8, and NUL not in PostgreSQL.
    cleaned = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()
    return cleaned or None


def _date(dataset: Header, keyword: str) -> date | None:
    text = (_text(dataset, keyword) or "").replace(".", "").replace("-", "")[:8]
    try:
        if _DATE.fullmatch(text):  # a tenth of what strptime takes, which is kept for what is odd
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a DA has no zone (PS3.5 6.2)
    except ValueError:
        return None

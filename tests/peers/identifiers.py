"""A study in which everything that names or dates a patient is there, and a search for it in bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.uid import UID_dictionary, generate_uid

from tests.peers.synthetic import Exam, WrittenStudy
from tests.system.small_breasts import small_study

_EXAM: Final = Exam(
    patient_id="7391846250",
    patient_name="ZWIEBELMAIER^KUNIGUNDE",
    birth_date="19431127",
    study_date="20260914",
    accession_number="ACC55120934",
)
_MORE: Final = {
    "OtherPatientNames": "SCHALOTTE^KUNIGUNDE",
    "PatientAddress": "Lauchgasse 17, Knoblauchhausen",
    "PatientTelephoneNumbers": "+49 30 1234567",
    "PatientComments": "sister of ZWIEBELINDE",
    "StudyID": "STUDY88123",
    "RequestedProcedureID": "RP4471902",
    "ReferringPhysicianName": "Petersilie^Rosa",
    "PerformingPhysicianName": "Rosmarin^Thea",
    "OperatorsName": "Dill^Bertram",
    "InstitutionName": "Klinikum Gartenhausen",
    "InstitutionAddress": "Beetweg 4, Gartenhausen",
    "InstitutionalDepartmentName": "Senologie Nord",
    "StationName": "MGROOM07",
    "DeviceSerialNumber": "SN-4482-9931",
    "DetectorID": "DET-77120",
    "AcquisitionDateTime": "20260914093107.123",
    "StudyTime": "093107",
    "PatientAge": "082Y",
    "StudyDescription": "Screening Zwiebelmaier",
    "ProtocolName": "PROTO-GARTEN-3",
}
_KINDS: Final = ("PN", "UI", "DA", "DT", "TM")
_SHORTEST: Final = 6
"""Characters: what is shorter turns up in noise by chance; an age alone names nobody."""


def identified_study(folder: Path) -> WrittenStudy:
    """Write four small views, full of her."""
    uids = {"FrameOfReferenceUID": generate_uid(), "DeviceUID": generate_uid(), "IrradiationEventUID": generate_uid()}
    return small_study(folder, exam=_EXAM, tags={**_MORE, **uids})


def identifiers(paths: Iterable[Path]) -> frozenset[str]:
    """Every name, date, time and UID in the files (UIDs of PS3.6 left out), and whatever else `_MORE` has put there."""
    every = set()
    for path in paths:
        dataset = dcmread(path, stop_before_pixels=True)
        for element in (*dataset.iterall(), *dataset.file_meta):
            if element.VR in _KINDS or element.keyword in {*_MORE, "PatientID", "AccessionNumber"}:
                text = str(element.value)
                every |= {text, *text.split("^")}
    return frozenset(one for one in every if len(one) >= _SHORTEST and one not in UID_dictionary)


def found(wanted: Iterable[str], carried: Iterable[bytes]) -> set[tuple[str, str]]:
    """Which identifiers stand in the bytes, each with the form that it has there."""
    seen = [(one, one.lower()) for one in carried]
    return {
        (identifier, form)
        for identifier in wanted
        for form, text in _forms(identifier)
        if any(text in (exact if form == "base64" else lowered) for exact, lowered in seen)
    }


def _forms(identifier: str) -> Iterator[tuple[str, bytes]]:
    """Plain, UTF-16 and hex are sought whatever their case, so they come in lower case."""
    yield "plain", identifier.lower().encode()
    wide = [identifier.encode(order) for order in ("utf-16-le", "utf-16-be")]
    yield from (("UTF-16", identifier.lower().encode(order)) for order in ("utf-16-le", "utf-16-be"))
    yield "hex", identifier.encode().hex().encode()
    for plain in (identifier.encode(), *wide):
        for offset in range(3):
            # Of three bytes four letters are made; those that the neighbours have a part in are cut off.
            coded = base64.b64encode(bytes(offset) + plain)
            yield "base64", coded[(0, 2, 3)[offset] : len(coded) - (0, 3, 2)[(offset + len(plain)) % 3]]

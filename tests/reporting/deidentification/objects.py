"""A key, a patient, and objects that are full of her."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any, Final

from pydicom import dcmread, dcmwrite
from pydicom.datadict import DicomDictionary, dictionary_VM
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from reporting.deidentification.object import deidentified
from reporting.deidentification.pseudonyms import Pseudonyms
from reporting.study import BuiltReport
from reporting.writing import report_bytes
from tests.peers.synthetic import Exam, mammogram

KEY: Final = bytes(range(32))
SURNAME, GIVEN, NUMBER, BIRTH = "ZWIEBELMAIER", "KUNIGUNDE", "7391846250", "19431127"
PLACES: Final = (SURNAME, GIVEN, NUMBER, BIRTH)
EXAM: Final = Exam(patient_id=NUMBER, patient_name=f"{SURNAME}^{GIVEN}", birth_date=BIRTH, accession_number=NUMBER)

_TEXTS: Final = {
    # VR -> the longest identifier that fits (PS3.5 6.2)
    "AE": SURNAME,
    "CS": SURNAME,
    "LO": f"{SURNAME}, {GIVEN} {NUMBER} {BIRTH}",
    "LT": f"{SURNAME}, {GIVEN} {NUMBER} {BIRTH}",
    "PN": f"{SURNAME}^{GIVEN}",
    "SH": NUMBER,
    "ST": f"{SURNAME}, {GIVEN} {NUMBER} {BIRTH}",
    "UC": f"{SURNAME}, {GIVEN} {NUMBER} {BIRTH}",
    "UR": f"http://{SURNAME}/{NUMBER}",
    "UT": f"{SURNAME}, {GIVEN} {NUMBER} {BIRTH}",
    "DA": BIRTH,
    "DT": BIRTH,
    "OB": f"{SURNAME}{NUMBER}".encode(),
    "UN": f"{SURNAME}{NUMBER}".encode(),
}
_NOT_FOR_A_FILE: Final = (0x0000, 0x0002, 0x0004, 0xFFFE)
_NEEDED: Final = frozenset(
    {"SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "BurnedInAnnotation"}
    | {"SpecificCharacterSet"}
)


def attributes_for_text() -> dict[int, str]:
    """Every attribute of PS3.6 that a text fits in: tag -> VR."""
    return {
        tag: vr
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if vr in _TEXTS and keyword and keyword not in _NEEDED and tag >> 16 not in _NOT_FOR_A_FILE
    }


def fill(dataset: Dataset) -> None:
    """Write the patient into every attribute that a text fits in, and into every UID."""
    for tag, vr in attributes_for_text().items():
        several = dictionary_VM(tag) not in ("1", "1-n") and vr in ("CS", "LO", "SH")
        dataset.add_new(tag, vr, [_TEXTS[vr], _TEXTS[vr]] if several else _TEXTS[vr])
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if vr == "UI" and keyword and keyword not in _NEEDED and tag >> 16 not in _NOT_FOR_A_FILE:
            dataset.add_new(tag, "UI", f"1.2.826.0.1.3680043.{NUMBER}")


def full_of_her() -> Dataset:
    """A mammogram with the patient everywhere, in sequences, private blocks, overlay, curve and file meta too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are none for their attribute
        dataset = mammogram(exam=EXAM, rows=64, columns=48)
        dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.{NUMBER}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.{NUMBER}.2"
        fill(dataset)
        item = Dataset()
        item.PatientName, item.PatientID, item.TextValue, item.PatientBirthDate = SURNAME, NUMBER, SURNAME, BIRTH
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = NUMBER, "SCT", SURNAME
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
            if vr == "SQ" and keyword and tag >> 16 not in _NOT_FOR_A_FILE:
                dataset.add_new(tag, "SQ", [item])
        full = Dataset()
        fill(full)
        for keyword in ("SourceImageSequence", "ViewCodeSequence", "RequestAttributesSequence"):
            setattr(dataset, keyword, [full])
        block = dataset.private_block(0x0019, SURNAME, create=True)
        block.add_new(0x01, "LO", NUMBER)
        block.add_new(0x02, "SQ", [item])
        dataset.add_new(0x60003000, "OW", SURNAME.encode() * 2)
        dataset.add_new(0x60000022, "LO", SURNAME)
        dataset.add_new(0x50003000, "OW", SURNAME.encode() * 2)
        dataset.add_new(0xFFFCFFFC, "OB", SURNAME.encode())
        dataset.file_meta.SourceApplicationEntityTitle = SURNAME
        dataset.file_meta.PrivateInformationCreatorUID = f"1.2.826.0.1.3680043.{NUMBER}"
        dataset.file_meta.PrivateInformation = SURNAME.encode()
        dataset.preamble = SURNAME.encode().ljust(128, b"\0")
        return read_again(dataset)


def read_again(dataset: Dataset) -> Dataset:
    return dcmread(BytesIO(as_file(dataset)))


def as_file(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def exported(source: Dataset, pseudonyms: Pseudonyms | None = None, **options: Any) -> Dataset:
    """De-identify for the one patient, and read what was written."""
    pseudonyms = pseudonyms or Pseudonyms(KEY)
    return read_again(deidentified(source, pseudonyms.patient(NUMBER, ""), pseudonyms, **options))


def exported_report(report: BuiltReport, pseudonyms: Pseudonyms | None = None) -> Dataset:
    return exported(dcmread(BytesIO(report_bytes(report))), pseudonyms)


def small_mammogram(**tags: Any) -> Dataset:
    """A mammogram of 64 x 48 pixels."""
    return read_again(
        mammogram(
            exam=EXAM,
            rows=64,
            columns=48,
            tags={"FrameOfReferenceUID": generate_uid(), "PositionReferenceIndicator": "", **tags},
        )
    )

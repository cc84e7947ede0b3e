"""Patient and study attributes of a report: copied from its images, never invented (PS3.3 C.7.1.1, C.7.2.1).

A report with another patient identity than its images is the worst thing a gateway can write, so images that disagree
on who the patient is stop the report.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Final

from pydicom.dataset import Dataset

from reporting import broken_headers
from reporting.study import StudyToReport


class PatientsDisagree(Exception):
    """The images of one study name different patients; the message says which attribute, never its values."""


_Reader = Callable[[Dataset, str], str]
_TYPE_2: Final[tuple[tuple[str, _Reader], ...]] = (
    ("StudyDate", broken_headers.date),
    ("StudyTime", broken_headers.time),
    ("AccessionNumber", broken_headers.text),
    ("ReferringPhysicianName", broken_headers.text),
    ("PatientName", broken_headers.text),
    ("PatientID", broken_headers.text),
    ("PatientBirthDate", broken_headers.date),
    ("PatientSex", broken_headers.sex),
    ("StudyID", broken_headers.text),
)
_OPTIONAL: Final[tuple[tuple[str, _Reader], ...]] = (
    ("TimezoneOffsetFromUTC", broken_headers.offset),
    ("StudyDescription", broken_headers.text),
    ("IssuerOfPatientID", broken_headers.text),
    ("PatientBirthTime", broken_headers.time),
    ("PatientAge", broken_headers.age),
    ("PatientIdentityRemoved", broken_headers.code_string),
    ("DeidentificationMethod", broken_headers.text),
)
_OPTIONAL_SEQUENCES: Final = (
    "IssuerOfAccessionNumberSequence",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "DeidentificationMethodCodeSequence",
)
HEADER_KEYWORDS: Final = tuple(keyword for keyword, _ in (*_TYPE_2, *_OPTIONAL))
_IDENTITY: Final[tuple[tuple[str, str, _Reader], ...]] = (
    ("PatientID", "Patient ID (0010,0020)", broken_headers.text),
    ("IssuerOfPatientID", "Issuer of Patient ID (0010,0021)", broken_headers.text),
    ("PatientBirthDate", "Patient's Birth Date (0010,0030)", broken_headers.date),
    ("PatientSex", "Patient's Sex (0010,0040)", broken_headers.sex),
)


def study_header(study: StudyToReport) -> Dataset:
    """The patient and study attributes that every report of the study carries.

    Type 2 attributes are always there, empty where no image has a value that its value representation allows.
    Names and identifiers are the images' own, whatever their length.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name longer than allowed is copied as it is, knowingly
        return _study_header(study)


def _study_header(study: StudyToReport) -> Dataset:
    headers = [image.header for image in study.images]
    require_one_patient(headers)
    result = Dataset()
    result.StudyInstanceUID = study.study_instance_uid
    for keyword, read in _TYPE_2:
        setattr(result, keyword, _first(headers, keyword, read))
    for keyword, read in _OPTIONAL:
        if found := _first(headers, keyword, read):
            setattr(result, keyword, found)
    for keyword in _OPTIONAL_SEQUENCES:
        for header in headers:
            if items := broken_headers.items(header, keyword):
                setattr(result, keyword, [decoded_copy(item) for item in items])
                break
    return result


def stamp_header(report: Dataset, header: Dataset) -> None:
    """Put the patient and study attributes into a report, in place of whatever a library wrote there."""
    for keyword in (*HEADER_KEYWORDS, *_OPTIONAL_SEQUENCES):
        if keyword in report:
            delattr(report, keyword)
    for element in header:
        report.add(element)


def require_one_patient(headers: Sequence[Dataset]) -> None:
    """Raise PatientsDisagree when two images name different patients; one that says nothing agrees with all."""
    for keyword, name, read in _IDENTITY:
        if len({found for header in headers if (found := read(header, keyword))}) > 1:
            raise PatientsDisagree(f"the images of the study disagree on {name}; no report was built")
    names = {found for header in headers if (found := broken_headers.text(header, "PatientName"))}
    if not all(_same_person(one, other) for one, other in combinations(sorted(names), 2)):
        raise PatientsDisagree("the images of the study disagree on Patient's Name (0010,0010); no report was built")


def decoded_copy(item: Dataset) -> Dataset:
    """A copy of a sequence item with every text decoded, so that it can be written in another character set.

    A character set of the item's own is left out: the one of the object then holds for it.
    """
    copy = Dataset()
    for element in (broken_headers.element(item, tag) for tag in _keywords_of(item)):
        if element is None or element.keyword == "SpecificCharacterSet":
            continue
        if element.VR == "SQ":
            setattr(copy, element.keyword, [decoded_copy(inner) for inner in element.value or []])
        else:
            copy.add_new(element.tag, element.VR, element.value)
    return copy


def _keywords_of(item: Dataset) -> Iterable[str]:
    return [keyword for keyword in item.dir() if keyword in item]


def _first(headers: Iterable[Dataset], keyword: str, read: _Reader) -> str:
    return next((found for header in headers if (found := read(header, keyword))), "")


def _same_person(one: str, other: str) -> bool:
    """Whether two names are one, as far as both say: letter case, padding and empty components mean nothing.

    Of the three representations (alphabetic, ideographic, phonetic; PS3.5 6.2.1) only those that both names have
    are compared, since not every device writes all of them.
    """
    pairs = zip(_representations(one), _representations(other), strict=False)
    shared = [(left, right) for left, right in pairs if left and right]
    return not shared or all(left == right for left, right in shared)


def _representations(name: str) -> list[str]:
    return ["^".join(part.strip() for part in group.split("^")).rstrip("^ ").casefold() for group in name.split("=")]

"""Studies to report on, one for every case that the reports must tell apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydicom.dataset import Dataset

from inference.results import Finding, StudyResult, ViewResult
from reporting.study import Predecessor, SourceImage, StudyToReport
from tests.reporting.headers import digital, film, request, uid

INSTALLATION = UUID("6f1c2b53-6a3c-4a83-9b57-0d6c2f0f5a11")
STANDARD_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
UNREADABLE = "The pixels could not be decoded: the JPEG stream ends too early"
NORMAL = {
    "normal": 0.9,
    "benign_calcification": 0.04,
    "benign_mass": 0.03,
    "malignant_calcification": 0.01,
    "malignant_mass": 0.02,
}
MALIGNANT = {
    "normal": 0.05,
    "benign_calcification": 0.04,
    "benign_mass": 0.08,
    "malignant_calcification": 0.02,
    "malignant_mass": 0.81,
}


def square(column: float, row: float, half: float) -> tuple[tuple[float, float], ...]:
    """A closed outline."""
    return (
        (column - half, row - half),
        (column + half, row - half),
        (column + half, row + half),
        (column - half, row + half),
        (column - half, row - half),
    )


def finding(
    name: str,
    kind: str = "mass",
    score: float = 0.83,
    malignancy: float = 0.9,
    center: tuple[float, float] = (900, 1200),
) -> Finding:
    return Finding(
        tracking_uid=uid("finding", name),
        type=kind,
        score=score,
        malignancy_score=malignancy,
        center=center,
        outline=square(*center, 150.5),
    )


def read(header: Dataset, laterality: str | None, view: str | None, *findings: Finding) -> SourceImage:
    result = ViewResult(
        sop_instance_uid=header.SOPInstanceUID,
        laterality=laterality,
        view=view,
        label="malignant_mass" if findings else "normal",
        probabilities=MALIGNANT if findings else NORMAL,
        findings=findings,
    )
    return SourceImage(header, _path(header), result)


def failed(header: Dataset, laterality: str | None, view: str | None, why: str = UNREADABLE) -> SourceImage:
    result = ViewResult(sop_instance_uid=header.SOPInstanceUID, laterality=laterality, view=view, failure=why)
    return SourceImage(header, _path(header), result)


def kept(header: Dataset, why: str) -> SourceImage:
    return SourceImage(header, _path(header), None, why)


def _path(header: Dataset) -> Path:
    return Path(f"{header.SOPInstanceUID}.dcm")


def study_of(*images: SourceImage, **changes: Any) -> StudyToReport:
    views = tuple(image.result for image in images if image.result is not None)
    marked = any(view.findings for view in views)
    some_read = any(view.failure is None for view in views)
    values: dict[str, Any] = {
        "study_instance_uid": str(images[0].header.get("StudyInstanceUID", uid("study"))),
        "generation": 1,
        "installation_id": INSTALLATION,
        "created_at": datetime(2026, 3, 14, 10, 20, 30, tzinfo=UTC),
        "software_version": "0.1.0",
        "result": StudyResult(
            attention="high" if marked else "low" if some_read else "none",
            label=("malignant_mass" if marked else "normal") if some_read else None,
            malignancy_score=(0.83 if marked else 0.03) if some_read else None,
            model_version="2026.3-crops",
            engine="embedded",
            views=views,
        ),
        "images": images,
    }
    return StudyToReport(**(values | changes))


def four(
    make: Callable[..., Dataset] = digital,
    marks: dict[tuple[str, str], tuple[Finding, ...]] | None = None,
    **header: Any,
) -> list[SourceImage]:
    marks = marks or {}
    return [read(make(*view, **header), *view, *marks.get(view, ())) for view in STANDARD_VIEWS]


MARKS = {
    ("R", "CC"): (finding("mass in R CC"),),
    ("R", "MLO"): (
        finding("mass in R MLO", center=(1000.25, 1500.75)),
        finding("calcification", "calcification", 0.61, 0.2, (400, 2200)),
    ),
}


def with_findings(**header: Any) -> StudyToReport:
    return study_of(*four(marks=MARKS, **header))


def normal() -> StudyToReport:
    return study_of(*four())


def one_unreadable() -> StudyToReport:
    images = four(marks=MARKS)
    images[3] = failed(digital("L", "MLO"), "L", "MLO")
    return study_of(*images)


def one_unreadable_without_findings() -> StudyToReport:
    images = four()
    images[0] = failed(digital("R", "CC"), "R", "CC")
    return study_of(*images)


def missing_view() -> StudyToReport:
    return study_of(*four(marks=MARKS)[:3], missing_views=("L MLO",))


def all_failed() -> StudyToReport:
    return study_of(*(failed(digital(*view), *view) for view in STANDARD_VIEWS))


def not_attempted() -> StudyToReport:
    why = "Tomosynthesis is kept, not read"
    return study_of(
        *(kept(digital(*view, tomosynthesis=True), why) for view in STANDARD_VIEWS),
        missing_views=tuple(" ".join(view) for view in STANDARD_VIEWS),
    )


def one_view_only() -> StudyToReport:
    return study_of(read(digital("R", "MLO"), "R", "MLO"), missing_views=("R CC", "L CC", "L MLO"))


def late_fifth_image() -> StudyToReport:
    first = with_findings()
    sop_class = "1.2.840.10008.5.1.4.1.1.88.50"
    predecessor = Predecessor("mammography_cad_sr", "SCT", sop_class, uid("old report"), uid("old series"))
    other = Predecessor("measurement_report", "SCT", "1.2.840.10008.5.1.4.1.1.88.34", uid("old 2"), uid("old series 2"))
    fifth = read(digital("R", "XCCL"), "R", "XCCL", finding("seen late"))
    return study_of(*first.images, fifth, generation=2, predecessors=(predecessor, other))


def for_processing_too() -> StudyToReport:
    why = "The For Presentation image of this view was read instead"
    twins = [kept(digital(*view, for_processing=True), why) for view in STANDARD_VIEWS]
    return study_of(*four(marks=MARKS), *twins)


def films() -> StudyToReport:
    return study_of(*four(film, MARKS))


def odd_views() -> StudyToReport:
    rolled = digital("L", "CC", copy=2)
    images = [
        *four(marks=MARKS),
        read(digital("R", "XCC", copy=3), "R", "XCC"),
        read(digital("L", "AT", copy=4), "L", "AT"),
        read(digital("L", "NOSUCHVIEW", copy=5), "L", "NOSUCHVIEW"),
        read(rolled, None, None),
        read(digital("L", "CC", copy=6, PatientOrientation=None, ImagerPixelSpacing=None), None, "CC"),
    ]
    return study_of(*images)


def japanese() -> StudyToReport:
    return with_findings(
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        StudyDescription="乳房撮影",
    )


def chinese() -> StudyToReport:
    return with_findings(
        SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东", StudyDescription="乳腺X线检查"
    )


def korean() -> StudyToReport:
    return with_findings(SpecificCharacterSet=["", "ISO 2022 IR 149"], PatientName="Hong^Gildong=洪^吉洞=홍^길동")


def german_request() -> StudyToReport:
    """The patient's name is ASCII; what was asked for is not."""
    asked = request("Mammographie beidseits, Übersicht", "Mammographie für beide Brüste")
    return with_findings(SpecificCharacterSet="ISO_IR 100", RequestAttributesSequence=[asked])


def cyrillic_request() -> StudyToReport:
    asked = request("Маммография обеих молочных желёз", "Маммография, две проекции")
    return with_findings(SpecificCharacterSet="ISO_IR 144", RequestAttributesSequence=[asked])


def long_name() -> StudyToReport:
    return with_findings(
        PatientName="^".join(["Wolfeschlegelsteinhausenberger", "Hubert Blaine", "Adolph Charles", "Dr"])
    )


def empty_patient() -> StudyToReport:
    empty = dict.fromkeys(
        ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "ReferringPhysicianName"), ""
    )
    gone = dict.fromkeys(("IssuerOfPatientID", "PatientAge", "AccessionNumber", "StudyDate", "StudyTime"))
    return with_findings(**empty, **gone)


def draw_without_asking() -> StudyToReport:
    return study_of(*four(marks=MARKS), draw_without_asking=True)


CASES: dict[str, Callable[[], StudyToReport]] = {
    case.__name__: case
    for case in (
        with_findings,
        normal,
        one_unreadable,
        one_unreadable_without_findings,
        missing_view,
        all_failed,
        not_attempted,
        one_view_only,
        late_fifth_image,
        for_processing_too,
        films,
        odd_views,
        japanese,
        chinese,
        korean,
        german_request,
        cyrillic_request,
        long_name,
        empty_patient,
        draw_without_asking,
    )
}

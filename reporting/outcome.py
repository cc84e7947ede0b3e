"""The study as every report sees it: which images were read, which failed, which were only kept, what never came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from inference.results import Finding, Laterality, ViewResult
from reporting import broken_headers
from reporting.study import SourceImage, StudyToReport


class NothingToReportOn(Exception):
    """No image of the study can be referenced, so there is nothing that a report could be about."""


class ResultOfAnotherImage(Exception):
    """A result names another SOP Instance UID than the header it came with."""


@dataclass(frozen=True)
class ReportedImage:
    """One image with what is needed to reference it."""

    source: SourceImage
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str

    @property
    def result(self) -> ViewResult | None:
        return self.source.result

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.result.findings if self.result is not None else ()

    @property
    def rows(self) -> int | None:
        return broken_headers.whole_number(self.source.header, "Rows")

    @property
    def columns(self) -> int | None:
        return broken_headers.whole_number(self.source.header, "Columns")

    @property
    def laterality(self) -> Laterality | None:
        return self.result.laterality if self.result is not None else None

    @property
    def view(self) -> str | None:
        return self.result.view if self.result is not None else None

    @property
    def name(self) -> str:
        """The view as people call it, e.g. "R CC"; "view not known" when the image doesn't say."""
        return " ".join(part for part in (self.laterality, self.view) if part) or "view not known"


@dataclass(frozen=True)
class StudyOutcome:
    """The images of a study, sorted by what became of them, in a fixed order."""

    study: StudyToReport
    read: tuple[ReportedImage, ...]
    failed: tuple[ReportedImage, ...]
    kept: tuple[ReportedImage, ...]
    unreferable: tuple[SourceImage, ...]
    """Images whose headers lack the UIDs that a reference needs; reports can only name them."""

    @cached_property
    def given(self) -> tuple[ReportedImage, ...]:
        """The images that were given to the algorithm, read or failed."""
        return self.read + self.failed

    @cached_property
    def referenced(self) -> tuple[ReportedImage, ...]:
        """The images that reports reference: those given to the algorithm, or all when none could be."""
        return self.given or self.kept

    @cached_property
    def findings(self) -> tuple[tuple[ReportedImage, Finding], ...]:
        return tuple((image, finding) for image in self.read for finding in image.findings)

    @property
    def is_partial(self) -> bool:
        """Whether a reader must know that the report doesn't cover the four standard views."""
        return bool(self.failed or self.study.missing_views or not self.read or self._unreferable_given)

    @property
    def _unreferable_given(self) -> list[SourceImage]:
        return [image for image in self.unreferable if image.result is not None]

    @property
    def partial_because(self) -> str:
        """Why the report is partial, in one short sentence; empty when it isn't."""
        reasons = []
        if self.study.missing_views:
            reasons.append(f"Missing: {', '.join(self.study.missing_views)}")
        if not self.given:
            reasons.append("No image could be read")
        elif self.failed:
            reasons.append(f"Not read: {', '.join(image.name for image in self.failed)}")
        if self._unreferable_given:
            reasons.append("An image with a broken header")
        return ". ".join(reasons)


def outcome_of(study: StudyToReport) -> StudyOutcome:
    """Sort the images of a study; the order of views (R CC, L CC, R MLO, L MLO, others) is that of hanging."""
    read: list[ReportedImage] = []
    failed: list[ReportedImage] = []
    kept: list[ReportedImage] = []
    unreferable: list[SourceImage] = []
    for source in study.images:
        image = _referable(source)
        if image is None:
            unreferable.append(source)
        elif image.result is None:
            kept.append(image)
        elif image.result.sop_instance_uid != image.sop_instance_uid:
            raise ResultOfAnotherImage("a result names another SOP Instance UID than the header of its image")
        elif image.result.failure is not None:
            failed.append(image)
        else:
            read.append(image)
    if not (read or failed or kept):
        raise NothingToReportOn("no image of the study has the UIDs that a reference needs")
    return StudyOutcome(
        study,
        tuple(sorted(read, key=_hanging_order)),
        tuple(sorted(failed, key=_hanging_order)),
        tuple(sorted(kept, key=_hanging_order)),
        tuple(unreferable),
    )


def _referable(source: SourceImage) -> ReportedImage | None:
    header = source.header
    sop_class = broken_headers.uid(header, "SOPClassUID")
    sop_instance = broken_headers.uid(header, "SOPInstanceUID")
    file_meta = getattr(header, "file_meta", None)
    if file_meta is not None:
        sop_class = sop_class or broken_headers.uid(file_meta, "MediaStorageSOPClassUID")
        sop_instance = sop_instance or broken_headers.uid(file_meta, "MediaStorageSOPInstanceUID")
    series = broken_headers.uid(header, "SeriesInstanceUID")
    if not (sop_class and sop_instance and series):
        return None
    return ReportedImage(source, sop_class, sop_instance, series)


def _hanging_order(image: ReportedImage) -> tuple[int, str, str, str]:
    standard = {("R", "CC"): 0, ("L", "CC"): 1, ("R", "MLO"): 2, ("L", "MLO"): 3}
    place = standard.get((image.laterality or "", image.view or ""), 4)
    return place, image.view or "", image.laterality or "", image.sop_instance_uid

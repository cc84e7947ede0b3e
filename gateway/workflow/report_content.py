"""What goes into the reports of a generation: taken from its rows in one session, and from the files after it.

The files, and the child that puts the views together, may take long; nobody else should wait for rows meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import Instance, Reading, Report, Study
from gateway.folders import Folders
from gateway.reading.disk import require_disk
from gateway.workflow.reading_list import choose_images, describe_kept
from inference.results import ViewResult
from preprocessing.errors import FileUnreadable
from preprocessing.pixel_format import read_dataset
from reporting.study import Predecessor, SourceImage

_EMBEDDED = "embedded"
_LOST = (
    "The file of this image can't be read any more; restore it or send the image again, then have the study retried."
)


class NoHeaderLeft(Exception):
    """No file of the study can be read, so nothing says whose images they are."""


@dataclass(frozen=True)
class ReportContent:
    """What the rows of a generation say, without a session."""

    study_instance_uid: str
    frozen_at: datetime
    engine: str
    members: tuple[Instance, ...]
    """All images up to the generation, foreign ones too."""
    results: dict[int, ViewResult]
    """By the id of the instance."""
    kept_reasons: dict[int, str]
    """Likewise, of images that are not read."""
    missing_views: tuple[str, ...]
    predecessors: tuple[Predecessor, ...]


def content_of(session: Session, study: Study, generation: int) -> ReportContent:
    """Take from the rows what the generation's reports say."""
    kept = session.scalars(select(Reading).where(Reading.study_id == study.id, Reading.generation == generation)).all()
    members = [item for item in study.instances if item.generation is not None and item.generation <= generation]
    chosen = {item.id for item in choose_images(members, generation)}
    assert study.frozen_at is not None, "a generation is frozen before it is reported"  # noqa: S101 - invariant
    return ReportContent(
        study_instance_uid=study.study_instance_uid,
        frozen_at=study.frozen_at,
        engine=_engines_of(kept),
        members=tuple(members),
        results={reading.instance_id: ViewResult.model_validate(reading.result) for reading in kept},
        kept_reasons={item.id: describe_kept(item) for item in members if item.id not in chosen},
        missing_views=tuple((study.missing_views or {}).get("views", ())),
        predecessors=_predecessors(study.reports, generation),
    )


def source_images(content: ReportContent, folders: Folders) -> tuple[SourceImage, ...]:
    """Read the images' headers. One whose file is lost or damaged counts as not read, and is named without it.

    Raises:
        DiskAway: the folder of a file can't be listed.
        NoHeaderLeft: no file is left that says whose images they are.

    """
    members = [item for item in content.members if item.role != "foreign"]
    headers = {item.id: _header(item, folders) for item in members}
    if members and all(header is None for header in headers.values()):
        raise NoHeaderLeft(
            "none of this study's files can be read any more: restore them from a backup or send the study again, then "
            f"run `mammogate retry {content.study_instance_uid}`"
        )
    return tuple(_source_image(item, headers[item.id], content, folders) for item in members)


def _source_image(item: Instance, header: Dataset | None, content: ReportContent, folders: Folders) -> SourceImage:
    result, reason = content.results.get(item.id), content.kept_reasons.get(item.id)
    if header is not None:
        path = folders.root / item.path if item.deleted_at is None else None
        return SourceImage(header=header, path=path, result=result, kept_reason=reason)
    if result is not None and result.failure is None:
        named = {"sop_instance_uid": item.sop_instance_uid, "laterality": item.laterality, "view": item.view}
        result = ViewResult.model_validate(named | {"failure": _LOST})
    return SourceImage(
        header=_bare_header(item, content.study_instance_uid), path=None, result=result, kept_reason=reason
    )


def _header(item: Instance, folders: Folders) -> Dataset | None:
    file = folders.root / item.header_file
    try:
        return read_dataset(file, pixels=False)
    except FileUnreadable:
        # A study's folder of headers is there only while it holds some.
        require_disk(file.parent if item.header_path is None else folders.headers)
        return None


def _bare_header(item: Instance, study_uid: str) -> Dataset:
    """What a reference to the image needs, as it was when the image came."""
    header = Dataset()
    header.SOPClassUID = item.sop_class_uid
    header.SOPInstanceUID = item.sop_instance_uid
    header.StudyInstanceUID = study_uid
    header.SeriesInstanceUID = item.series_instance_uid
    return header


def _engines_of(readings: Sequence[Reading]) -> str:
    """Which engine read, for people; both where one stood in for the other."""
    read = {reading.engine or _EMBEDDED for reading in readings if reading.result.get("failure") is None}
    return " and ".join(sorted(read)) or _EMBEDDED


def _predecessors(reports: Sequence[Report], generation: int) -> tuple[Predecessor, ...]:
    """Return the SRs of the generation before; what each new SR of the same kind and dialect replaces."""
    earlier = [report.generation for report in reports if report.generation < generation]
    return tuple(
        Predecessor(
            kind=report.kind,  # type: ignore[arg-type] # the column holds only what a ReportKind was written from
            dialect=report.dialect,  # type: ignore[arg-type] # likewise
            sop_class_uid=report.sop_class_uid,
            sop_instance_uid=report.sop_instance_uid,
            series_instance_uid=report.series_instance_uid,
        )
        for report in reports
        if earlier and report.generation == max(earlier)
    )

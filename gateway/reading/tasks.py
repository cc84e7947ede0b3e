"""What runs in the child process. Everything here is a module-level function of picklable things."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.results import StudyResult, ViewResult
from reporting.study import ReportVariant, StudyToReport

# The working process names these functions and never runs them: what they need (OpenVINO, highdicom, OpenCV) is
# imported where they run, in the child.
if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.engine import Engine
    from inference.remote.server import RemoteServer


_CHARACTER_SET, _TRAILING_PADDING = 0x00080005, 0xFFFCFFFC
_OF_PIXELS, _OF_FILE = "pixels:", "file:"


@dataclass(frozen=True)
class ImageRead:
    """What came of reading one image: a result, or a result that only says why there is none."""

    result: ViewResult
    model_version: str
    heat_map: bytes | None
    """A compressed .npz: `heat_map` (float32, 0..1) and `extent` (x0, y0, x1, y1 in pixels of the stored image)."""
    timings: dict[str, float]
    refusal: str | None = None
    """What the result's failure is called, for counting."""
    detector: str | None = None
    """Maker and model, as the header says."""
    engine: str | None = None
    """Which engine read it; None: none did."""
    begun_ns: int = 0
    """When the engine began (nanoseconds of the POSIX clock)."""


@dataclass(frozen=True)
class FinishedReport:
    """A report as bytes of a Part 10 file, and what its row says."""

    kind: str
    dialect: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    source_sop_instance_uid: str | None
    content: bytes


@dataclass(frozen=True)
class Comparison:
    """Whether two objects under one UID are the same image of the same patient."""

    same: bool
    detail: str


@dataclass(frozen=True)
class Remains:
    """What is kept of an image whose file is deleted."""

    header: bytes
    """A Part 10 file without the pixels."""
    fingerprint: str
    """Of the pixels, whatever their encoding; of the file where there are none, or none that can be decoded."""


@cache
def _engine(server: RemoteServer | None) -> Engine:
    if server is not None:
        from inference.remote.engine import RemoteEngine

        return RemoteEngine(server)
    from inference.embedded import EmbeddedEngine

    return EmbeddedEngine()


def model_version(server: RemoteServer | None = None) -> str:
    """Return the version of the model that this process reads with."""
    return _engine(server).model.version


def look(server: RemoteServer) -> None:
    """Ask the server whether it serves this process's model; it need not rest any longer if so.

    Raises:
        RemoteUnusable: it does not, or can't be reached.

    """
    from inference.remote.engine import RemoteEngine

    engine = _engine(server)
    assert isinstance(engine, RemoteEngine), "a server's engine is remote"  # noqa: S101 - invariant
    engine.look()


def read_image(
    path: Path,
    sop_instance_uid: str,
    laterality: Any,
    view: str | None,
    server: RemoteServer | None = None,
    traceparent: str | None = None,
) -> ImageRead:
    """Read one image; a refused one comes back with its reason, which a second try would not change.

    With a `server` the network runs there; it is told `traceparent` along with each request.

    Raises:
        RemoteUnusable: the server gave nothing that can be believed, which says nothing about the image.
        DiskAway: the folder that should hold the file can't be listed, which says nothing about it either.

    """
    import numpy as np

    from gateway.reading.disk import require_disk
    from inference.remote.trace_context import called_from
    from preprocessing.errors import FileUnreadable, ImageRefused
    from preprocessing.header import detector_of
    from preprocessing.pixel_format import read_dataset
    from preprocessing.views import identify_view

    engine = _engine(server)
    detector = None
    begun = time.time_ns()
    try:
        header = read_dataset(path, pixels=False)
        detector = detector_of(header)
        with called_from(traceparent):
            reading = engine.read(path, identify_view(header))
    except ImageRefused as refusal:
        if isinstance(refusal, FileUnreadable):
            require_disk(path.parent)
        failed = ViewResult(sop_instance_uid=sop_instance_uid, laterality=laterality, view=view, failure=str(refusal))
        return ImageRead(failed, engine.model.version, None, {}, type(refusal).__name__, detector)
    packed = io.BytesIO()
    np.savez_compressed(packed, heat_map=reading.heat_map, extent=np.asarray(reading.heat_map_extent, np.float64))
    timings = dict(reading.timings)
    return ImageRead(
        reading.result,
        engine.model.version,
        packed.getvalue(),
        timings,
        None,
        detector,
        engine=engine.name,
        begun_ns=begun,
    )


def summarise(views: tuple[ViewResult, ...], engine: str) -> StudyResult:
    """Put the views of a study together, which `engine` has read."""
    from inference.card import read_model_info
    from inference.study import summarise_study

    return summarise_study(views, read_model_info(), engine)


def finish_reports(study: StudyToReport, variants: tuple[ReportVariant, ...]) -> list[FinishedReport]:
    """Build, check and serialise the reports of one generation."""
    from gateway.reading.rendering import render_image
    from reporting.build import build_reports
    from reporting.writing import report_bytes

    return [
        FinishedReport(
            kind=report.kind,
            dialect=report.dialect,
            sop_class_uid=report.sop_class_uid,
            sop_instance_uid=report.sop_instance_uid,
            series_instance_uid=report.series_instance_uid,
            source_sop_instance_uid=report.source_sop_instance_uid,
            content=report_bytes(report),
        )
        for report in build_reports(study, variants, render_image)
    ]


def finish_withdrawal(study: StudyToReport) -> bytes:
    """Build the rejection note for what an earlier generation left and can't be replaced by naming it."""
    from reporting.withdrawal import build_withdrawal
    from reporting.writing import report_bytes

    return report_bytes(build_withdrawal(study))


def compare(first: Path, second: Path) -> Comparison:
    """Compare what the gateway goes by and stored pixel values; a PACS may have transcoded or coerced the second."""
    from preprocessing.errors import ImageRefused
    from preprocessing.pixel_digest import NO_PIXELS, pixel_digest

    if (other := _other_header(first, second)) is not None:
        return other
    try:
        digests = pixel_digest(first), pixel_digest(second)
    except ImageRefused as refusal:
        if first.read_bytes() == second.read_bytes():
            return Comparison(True, "the files are equal byte by byte")
        return Comparison(False, f"their pixels can't be compared: {refusal}")
    if NO_PIXELS in digests:
        try:
            equal = _content(first) == _content(second)
        except Exception as error:  # noqa: BLE001 - pydicom converts when asked, and a broken value may raise anything
            return Comparison(False, f"their content can't be compared ({type(error).__name__})")
        return Comparison(equal, "the data sets are equal" if equal else "they differ in their content")
    equal = digests[0] == digests[1]
    return Comparison(equal, "the pixels are equal" if equal else "they differ in their pixels")


def part_with(path: Path, *, decode: bool = True) -> Remains:
    """Return what to keep of an image before its file is deleted; `decode=False` for one that kills the decoder."""
    from preprocessing.header_copy import header_copy

    return Remains(header_copy(path), _fingerprint(path, decode=decode))


def compare_with_deleted(header: Path, fingerprint: str, second: Path) -> Comparison:
    """Compare like `compare` with an image of which only header and fingerprint are left."""
    if (other := _other_header(header, second)) is not None:
        return other
    of_file = fingerprint.startswith(_OF_FILE)
    equal = _fingerprint(second, decode=not of_file) == fingerprint
    if of_file:
        return Comparison(equal, "the files are equal" if equal else "the first was deleted, and the files differ")
    return Comparison(equal, "the pixels are equal" if equal else "they differ in their pixels")


def _other_header(first: Path, second: Path) -> Comparison | None:
    from gateway.intake.header import HeaderUnreadable
    from gateway.reading.header_differences import differing_attributes
    from preprocessing.errors import FileUnreadable

    try:
        differing = differing_attributes(first, second)
    except (HeaderUnreadable, FileUnreadable) as error:
        return Comparison(False, f"they can't be compared: {error}")
    return Comparison(False, f"they differ in {', '.join(differing)}") if differing else None


def _content(path: Path) -> Dataset:
    """Return a data set without what only says how it is written down."""
    from pydicom import dcmread

    return _bare(dcmread(path))


def _bare(dataset: Dataset) -> Dataset:
    for element in list(dataset):  # converted here, as long as the character set is known
        if element.tag.element == 0 or element.tag in (_CHARACTER_SET, _TRAILING_PADDING):
            del dataset[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                _bare(item)
    return dataset


def _fingerprint(path: Path, *, decode: bool) -> str:
    from preprocessing.errors import ImageRefused
    from preprocessing.pixel_digest import NO_PIXELS, pixel_digest

    if decode:
        try:
            digest = pixel_digest(path)
        except ImageRefused:
            digest = NO_PIXELS
        if digest != NO_PIXELS:
            return f"{_OF_PIXELS}{digest}"
    with path.open("rb") as file:
        return f"{_OF_FILE}{hashlib.file_digest(file, 'sha256').hexdigest()}"

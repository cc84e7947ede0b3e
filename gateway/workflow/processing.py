"""Process: read each image of a frozen generation in the child process, then build and record its reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway import __version__
from gateway.database.engine import Database
from gateway.database.found_again import study_again
from gateway.database.models import Report, Study
from gateway.database.named_files import REJECTION_NOTE
from gateway.folders import Folders, write_durably
from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.reading.engines import Engines
from gateway.workflow.dead_letters import record_dead_letter, resolve_dead_letters
from gateway.workflow.delivering import Patience
from gateway.workflow.destinations import TO_WITHDRAW, DestinationPlan, plan_deliveries
from gateway.workflow.events import tell
from gateway.workflow.image_reading import ImageReading, drop_if_forgotten
from gateway.workflow.jobs import Jobs
from gateway.workflow.reading_list import choose_images
from gateway.workflow.report_content import ReportContent, content_of, source_images
from reporting.study import StudyToReport

log = structlog.get_logger(__name__)
_PATIENCE = Patience(first_retry=5, longest_retry=60, give_up_after=float("inf"))


Announce = Callable[[Session, Study, str], None]
"""Takes a study that has just been reported, and the attention that it asked for before."""


@dataclass(frozen=True)
class Site:
    """What the installation adds to every report."""

    installation_id: UUID
    draw_without_asking: bool


class Processing:
    """The steps of the process job. Each may run twice and leaves one result."""

    def __init__(
        self,
        database: Database,
        folders: Folders,
        jobs: Jobs,
        child: Child,
        plan: DestinationPlan,
        site: Site,
        engines: Engines | None = None,
        patience: Patience = _PATIENCE,
        announce: Announce | None = None,
    ) -> None:
        """`engines`: None: the embedded one in `child`; `patience`: how soon a study is tried again without one.

        `announce` is called in the transaction in which a study becomes reported; None: nobody is told.
        """
        self._database = database
        self._folders = folders
        self._jobs = jobs
        self._child = child
        self._plan = plan
        self._site = site
        self._reading = ImageReading(database, folders, engines or Engines(child))
        self._patience = patience
        self._announce = announce

    def begin(self, study_uid: str, generation: int, run: int) -> list[int]:
        """Mark the study as being processed and return the ids of the images to read, in a fixed order.

        Raises:
            ImagesDisagree: the images do not agree on the patient.

        """
        with self._database.write() as session:
            study = _current(session, study_uid, generation, run)
            if study is None:
                return []
            if study.status == "queued":
                study.status = "processing"
                tell(session, "study_processing", study)
            instances = list(study.instances)
            return [instance.id for instance in choose_images(instances, generation)]

    def read(self, study_uid: str, generation: int, instance_id: int) -> str | None:
        """Read one image of the generation, as `ImageReading.read` says."""
        return self._reading.read(study_uid, generation, instance_id)

    def wait_for_engine(self, study_uid: str, generation: int, run: int, attempt: int, reason: str) -> None:
        """Have the study tried again later, for as long as it takes: another job, so that this one holds up nobody."""
        if (delay := self._again_later(study_uid, generation, run, attempt)) is not None:
            log.warning("study.waits_for_engine", study=study_uid, attempt=attempt, seconds=delay, reason=reason)

    def wait_for_disk(self, study_uid: str, generation: int, run: int, attempt: int, reason: str) -> None:
        """Have the study tried again later like `wait_for_engine`, since the disk with its images is away."""
        if (delay := self._again_later(study_uid, generation, run, attempt)) is not None:
            log.warning("study.waits_for_disk", study=study_uid, attempt=attempt, seconds=delay, reason=reason)

    def report(self, study_uid: str, generation: int, run: int) -> None:
        """Build the generation's reports, put them on disk, and record them with what is owed to each destination.

        Raises:
            DiskAway: the disk with the images can't be read.
            NoHeaderLeft: none of the images can.
            ChildCrashed, ChildTooSlow: the child was lost on this, again and again.

        """
        with self._database.read() as session:
            # Without its lock, which receivers wait for: what is recorded at the end looks again.
            study = _current(session, study_uid, generation, run, lock=False)
            if study is None or study.status == "reported":
                return  # built and recorded by an earlier run of this step; its images may be deleted since
            content = content_of(session, study, generation)
        to_report = self._to_report(content, generation)
        finished = self._child.run_patiently(tasks.finish_reports, to_report, self._plan.variants())
        note = None
        if self._plan.writes_notes and any(one.kind in TO_WITHDRAW for one in to_report.predecessors):
            note = self._child.run_patiently(tasks.finish_withdrawal, to_report)
        with self._database.read() as session:
            # A study that was forgotten and has come again has files of these names too: they must be of its images.
            if study_again(session, study) is None:
                return
        paths: dict[str, Path] = {}
        for report in finished:
            file = self._folders.reports / study_uid / str(generation) / f"{report.sop_instance_uid}.dcm"
            write_durably(file, report.content)
            paths[report.sop_instance_uid] = file
        if note is not None:
            write_durably(self._folders.reports / study_uid / str(generation) / REJECTION_NOTE, note)
        with self._database.write() as session:
            known, study = study, _current(session, study_uid, generation, run)
            if study is None or study_again(session, known) is None:
                drop_if_forgotten(session, self._folders, study_uid)
                return
            for report in finished:
                self._record_report(session, study, generation, report, paths[report.sop_instance_uid])
            result, before = to_report.result, study.attention
            study.attention = result.attention
            study.label = result.label
            study.malignancy_score = result.malignancy_score
            study.model_version = result.model_version
            study.engine = result.engine
            study.status = "reported"
            resolve_dead_letters(session, study)
            plan_deliveries(session, self._jobs, self._plan, study, generation)
            tell(session, "study_reported", study)
            if self._announce is not None:
                self._announce(session, study, before)
        log.info("study.reported", study=study_uid, generation=generation, reports=len(finished))

    def give_up(self, study_uid: str, generation: int, run: int, step: str, reason: str) -> None:
        """Make a failure visible: a dead letter with its reason, and the study marked as failed."""
        with self._database.write() as session:
            study = _current(session, study_uid, generation, run)
            if study is None:
                return
            record_dead_letter(session, study, generation, step, reason)
        log.error("study.failed", study=study_uid, generation=generation, step=step, reason=reason)

    def _again_later(self, study_uid: str, generation: int, run: int, attempt: int) -> float | None:
        delay = self._patience.delay(attempt)
        with self._database.write() as session:
            if _current(session, study_uid, generation, run) is None:
                return None
            self._jobs.process(session, study_uid, generation, run, attempt=attempt + 1, delay_seconds=delay)
        return delay

    def _to_report(self, content: ReportContent, generation: int) -> StudyToReport:
        images = source_images(content, self._folders)
        views = tuple(image.result for image in images if image.result is not None)
        return StudyToReport(
            study_instance_uid=content.study_instance_uid,
            generation=generation,
            installation_id=self._site.installation_id,
            created_at=content.frozen_at.astimezone(),  # the hospital's clock: DICOM times are local (PS3.5 6.2)
            software_version=__version__,
            result=self._child.run_patiently(tasks.summarise, views, content.engine),
            images=images,
            missing_views=content.missing_views,
            predecessors=content.predecessors,
            draw_without_asking=self._site.draw_without_asking,
        )

    def _record_report(
        self, session: Session, study: Study, generation: int, report: tasks.FinishedReport, path: Path
    ) -> None:
        known = session.scalar(select(Report.id).where(Report.sop_instance_uid == report.sop_instance_uid))
        if known is not None:
            return
        session.add(
            Report(
                study_id=study.id,
                generation=generation,
                kind=report.kind,
                dialect=report.dialect,
                sop_class_uid=report.sop_class_uid,
                sop_instance_uid=report.sop_instance_uid,
                series_instance_uid=report.series_instance_uid,
                source_sop_instance_uid=report.source_sop_instance_uid,
                path=self._folders.relative(path),
            )
        )
        session.flush()


def _current(session: Session, study_uid: str, generation: int, run: int, *, lock: bool = True) -> Study | None:
    """Return the study if this attempt is still the one that counts; None when it was overtaken or forgotten."""
    wanted = select(Study).where(Study.study_instance_uid == study_uid)
    study = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if study is None or study.generation != generation or study.run != run:
        return None
    return study

"""Reading one image of a generation, and keeping what was read with the study."""

from __future__ import annotations

import shutil

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.found_again import frozen_instance, instance_again
from gateway.database.models import DELETED_HERE, READER_CRASHED, Instance, Reading, Study
from gateway.folders import Folders, write_durably
from gateway.reading import tasks
from gateway.reading.child import ChildCrashed, ChildTooSlow
from gateway.reading.engines import Engines
from gateway.tracing import open_span
from inference.remote.failures import RemoteUnusable
from inference.results import ViewResult

log = structlog.get_logger(__name__)


class ImageReading:
    """May run twice for one image, and keeps one reading."""

    def __init__(self, database: Database, folders: Folders, engines: Engines) -> None:
        self._database = database
        self._folders = folders
        self._engines = engines

    def read(self, study_uid: str, generation: int, instance_id: int) -> str | None:
        """Read one image and keep what was read; a refused or crashing image is kept as a failure with its reason.

        Returns None, or why the image has to wait: the remote engine can't be used, which is nothing of the image's.

        Raises:
            DiskAway: the disk with the images can't be read, which is nothing of the image's either.
            ChildCrashed, ChildTooSlow: nor is it that the child can't load the model.

        """
        version = self._engines.model_version()
        with self._database.read() as session:
            instance = frozen_instance(session, instance_id, study_uid, generation)
            if instance is None or _has_reading(session, instance_id, generation):
                return None
            earlier = session.scalars(
                select(Reading)
                .where(Reading.instance_id == instance_id, Reading.model_version == version)
                .order_by(Reading.generation.desc())
            ).first()
        if earlier is not None and earlier.result.get("failure") is None:
            carried = Reading(
                result=earlier.result,
                model_version=version,
                engine=earlier.engine,
                heat_map_path=earlier.heat_map_path,
                timings={},
                refusal=earlier.refusal,
                detector=earlier.detector,
            )
            self._keep(study_uid, instance, generation, carried)
            return None
        try:
            read = (
                _not_here(instance, version)
                if instance.deleted_at is not None
                else self._read_it(study_uid, instance, version)
            )
        except RemoteUnusable as failure:
            return str(failure)
        open_span.note(engine=read.engine, refusal=read.refusal, model_version=version)
        if (span := open_span.current()) is not None:
            span.stages(read.begun_ns, read.timings, read.engine)
        heat_map_path = None
        if read.heat_map is not None:
            file = self._folders.readings / study_uid / str(generation) / f"{instance.sop_instance_uid}.npz"
            write_durably(file, read.heat_map)
            heat_map_path = self._folders.relative(file)
        reading = Reading(
            result=read.result.model_dump(mode="json"),
            model_version=version,
            engine=read.engine,
            heat_map_path=heat_map_path,
            timings=dict(read.timings),
            refusal=read.refusal,
            detector=read.detector,
        )
        self._keep(study_uid, instance, generation, reading)
        log.info(
            "image.read",
            study=study_uid,
            instance=instance.sop_instance_uid,
            label=read.result.label,
            findings=len(read.result.findings),
            failure=read.result.failure,
            engine=read.engine,
            seconds={name: round(seconds, 3) for name, seconds in read.timings.items()},
        )
        return None

    def _read_it(self, study_uid: str, instance: Instance, version: str) -> tasks.ImageRead:
        path = self._folders.root / instance.path
        try:
            return self._engines.read(
                path, instance.sop_instance_uid, instance.laterality, instance.view, study_uid=study_uid
            )
        except (ChildCrashed, ChildTooSlow) as error:
            self._engines.model_version()  # a child that can't even load the model is not lost by this image
            sentence = f"This image could not be read: {error}, again and again."
        return _failure(instance, version, sentence, READER_CRASHED)

    def _keep(self, study_uid: str, instance: Instance, generation: int, reading: Reading) -> None:
        with self._database.write() as session:
            if instance_again(session, instance) is None:
                drop_if_forgotten(session, self._folders, study_uid)
                return
            if _has_reading(session, instance.id, generation):
                return
            reading.instance_id, reading.study_id, reading.generation = instance.id, instance.study_id, generation
            session.add(reading)


def drop_if_forgotten(session: Session, folders: Folders, study_uid: str) -> None:
    """Remove what was written for a study that was forgotten while it was worked on."""
    if session.scalar(select(Study.id).where(Study.study_instance_uid == study_uid)) is None:
        for folder in (folders.reports, folders.readings):
            shutil.rmtree(folder / study_uid, ignore_errors=True)


def _failure(instance: Instance, version: str, sentence: str, refusal: str) -> tasks.ImageRead:
    failed = {
        "sop_instance_uid": instance.sop_instance_uid,
        "laterality": instance.laterality,
        "view": instance.view,
        "failure": sentence,
    }
    return tasks.ImageRead(ViewResult.model_validate(failed), version, None, {}, refusal)


def _not_here(instance: Instance, version: str) -> tasks.ImageRead:
    """What another model said of a deleted image is not mixed with this one's words; the earlier reports keep it."""
    sentence = (
        f"This image was deleted here on {instance.deleted_at:%Y-%m-%d}, and model {version} has never read it; "
        "send it again, then have the study retried."
    )
    return _failure(instance, version, sentence, DELETED_HERE)


def _has_reading(session: Session, instance_id: int, generation: int) -> bool:
    found = select(Reading.id).where(Reading.instance_id == instance_id, Reading.generation == generation)
    return session.scalar(found) is not None

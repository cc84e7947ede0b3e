"""Making pictures: after a study is reported, and in rounds those that are missing (an upgrade, a restored backup).

A picture is derived: no row names it, no backup holds it, and it may be removed at any time. It is whole or not there:
its folder gets its name once every file in it is on disk. Whoever deletes an image commits first and removes the
picture then; this side puts the picture there first and looks at the rows then. So none stays behind.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import selectinload

from gateway.database.engine import Database
from gateway.database.models import Instance, Reading, Study
from gateway.feed.study_rows import shown_generation
from gateway.folders import Folders, sync_folder, write_durably
from gateway.pictures.build import build_picture, refused
from gateway.pictures.places import folder_of
from gateway.reading.child import Child, ChildCrashed, ChildTooSlow

log = structlog.get_logger(__name__)
_STUDIES_AT_ONCE = 100


@dataclass(frozen=True)
class _Wanted:
    """An image that is here and was read, or refused, and where its picture belongs."""

    instance_id: int
    study_uid: str
    sop_instance_uid: str
    laterality: str | None
    view: str | None
    image: Path
    heat_map: Path | None
    target: Path


class Picturing:
    """Makes pictures in the child process, one at a time. Nothing here fails a study: what fails is made later."""

    def __init__(self, database: Database, folders: Folders, child: Child, reserve_bytes: int) -> None:
        """`reserve_bytes`: room on the disk that is kept for what arrives; below it no picture is made."""
        self._database = database
        self._folders = folders
        self._child = child
        self._reserve = reserve_bytes

    def run(self, stop: threading.Event, interval_seconds: float) -> None:
        """Make a round now and then each interval until `stop` is set; no failure is a reason to end."""
        while True:
            try:
                self.round(stop)
            except SQLAlchemyError as error:
                log.warning("pictures.database_failed", error=type(error).__name__)
            if stop.wait(interval_seconds):
                return

    def round(self, stop: threading.Event) -> None:
        """Make every picture that is missing, the newest study first."""
        before: int | None = None
        while studies := self._studies(before):
            before = studies[-1]
            for instance_id in self._lacking(studies):
                if stop.is_set():
                    return
                self.make(instance_id)

    def make(self, instance_id: int) -> None:
        """Make the picture of one image unless it is there; doing it twice leaves one."""
        try:
            self._make(instance_id)
        except Exception as error:  # noqa: BLE001 - disk, database, decoders: a picture must never fail a study
            log.warning("picture.not_made", instance_id=instance_id, error=type(error).__name__)

    def _make(self, instance_id: int) -> None:
        wanted = self._wanted(instance_id)
        if wanted is None or wanted.target.exists():
            return
        if self._folders.free_bytes() < self._reserve:
            log.warning("picture.disk_full", study=wanted.study_uid, instance=wanted.sop_instance_uid)
            return
        started = time.monotonic()
        files = self._build(wanted)
        self._put(wanted.target, files)
        self._settle(wanted)
        log.info(
            "picture.made",
            study=wanted.study_uid,
            instance=wanted.sop_instance_uid,
            bytes=sum(map(len, files.values())),
            seconds=round(time.monotonic() - started, 3),
        )

    def _settle(self, wanted: _Wanted) -> None:
        """Look at the rows once the picture is there: it may have become one of an image that is gone."""
        wanted_now = self._wanted(wanted.instance_id)
        if wanted_now == wanted:
            self._remove_others(wanted.target)
        elif wanted_now is not None and wanted_now.target.parent == wanted.target.parent:
            # It was read again, or its file was replaced: what was made of it goes, what is made now may be there.
            shutil.rmtree(wanted.target, ignore_errors=True)
        else:
            # Deleted or forgotten; its number may be another image's by now.
            remove_picture(self._folders, wanted.study_uid, wanted.sop_instance_uid)

    def _build(self, wanted: _Wanted) -> dict[str, bytes]:
        try:
            return self._child.run_patiently(
                build_picture,
                wanted.image,
                wanted.heat_map,
                wanted.sop_instance_uid,
                wanted.laterality,
                wanted.view,
            )
        except (ChildCrashed, ChildTooSlow) as error:
            return refused("image_unusable", f"This image can't be shown: {error}, again and again.")

    def _put(self, target: Path, files: dict[str, bytes]) -> None:
        partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
        try:
            for name, content in files.items():
                write_durably(partial / name, content)
            partial.rename(target)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            if target.is_dir():
                return  # another machine was faster
            raise
        sync_folder(target.parent)

    def _remove_others(self, target: Path) -> None:
        """Remove what was made from an earlier file or map, and what a process that died has left."""
        for other in target.parent.iterdir():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)

    def _wanted(self, instance_id: int) -> _Wanted | None:
        with self._database.read() as session:
            instance = session.get(Instance, instance_id)
            if instance is None or instance.deleted_at is not None:
                return None
            study = instance.study
            reading = session.scalars(
                select(Reading).where(Reading.instance_id == instance_id, Reading.generation == shown_generation(study))
            ).one_or_none()
            if reading is None:
                return None
            return self._of(study, instance, reading)

    def _of(self, study: Study, instance: Instance, reading: Reading) -> _Wanted:
        place = folder_of(study.study_instance_uid, instance.sop_instance_uid, instance.path, reading.heat_map_path)
        heat_map = self._folders.root / reading.heat_map_path if reading.heat_map_path else None
        return _Wanted(
            instance.id,
            study.study_instance_uid,
            instance.sop_instance_uid,
            instance.laterality,
            instance.view,
            self._folders.root / instance.path,
            heat_map,
            self._folders.pictures / place,
        )

    def _studies(self, before: int | None) -> list[int]:
        wanted = select(Study.id).order_by(Study.id.desc()).limit(_STUDIES_AT_ONCE)
        with self._database.read() as session:
            return list(session.scalars(wanted if before is None else wanted.where(Study.id < before)))

    def _lacking(self, study_ids: list[int]) -> Iterator[int]:
        with self._database.read() as session:
            rows = session.execute(
                select(Study, Instance, Reading)
                .join(Instance, Instance.study_id == Study.id)
                .join(Reading, Reading.instance_id == Instance.id)
                .where(Study.id.in_(study_ids), Instance.deleted_at.is_(None))
                .order_by(Study.id.desc(), Instance.id)
                .options(selectinload(Study.reports))
            ).all()
            shown = [
                self._of(study, instance, reading)
                for study, instance, reading in rows
                if reading.generation == shown_generation(study)
            ]
        return (wanted.instance_id for wanted in shown if not wanted.target.exists())


def remove_picture(folders: Folders, study_uid: str, sop_instance_uid: str) -> None:
    """Remove what was made of an image that is deleted or forgotten, and the study's folder if that is empty."""
    shutil.rmtree(folders.pictures / study_uid / sop_instance_uid, ignore_errors=True)
    try:
        (folders.pictures / study_uid).rmdir()
    except OSError:
        return  # other pictures are in it, or there never was one

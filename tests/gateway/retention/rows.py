"""A gateway that holds reported studies of one image each, old enough to go, and an archive that holds the images."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.commitment.judging import Judge
from gateway.database.columns import now
from gateway.database.models import Delivery, Instance, Study
from gateway.parts import Parts
from gateway.reading.child import Child
from gateway.retention.deleting import Retention
from gateway.retention.witnesses import ArchiveWitness, Witness
from tests.gateway.commitment.rows import Archive
from tests.peers.synthetic import Exam, mammogram, write

AGE = timedelta(days=30)
OLD = timedelta(days=40)


@dataclass
class Settled:
    """The gateway, its archive, and retention over them."""

    parts: Parts
    child: Child
    archive: Archive = field(default_factory=Archive)

    def retention(self, witness: Witness | None = None) -> Retention:
        judge = Judge(self.parts.database, self.parts.folders, store_is_archive=False, archives={"pacs": self.archive})
        return Retention(self.parts.database, self.parts.folders, self.child, witness or ArchiveWitness(judge), AGE)

    def round(self, witness: Witness | None = None) -> None:
        self.retention(witness).round(threading.Event())

    def give(self, uid: str, exam: Exam, **image: Any) -> None:
        """Receive an image under this SOP Instance UID."""
        intake = self.parts.intake("receive@test")
        origin = Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
        tags = {"SOPInstanceUID": uid, **image.pop("tags", {})}
        path = write(mammogram(exam=exam, rows=64, columns=48, tags=tags, **image), intake.new_file())
        assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
        intake.association_closed(origin)
        intake.close()

    def add(self, uid: str, exam: Exam | None = None, **image: Any) -> Exam:
        """Receive the only image of a study, and let it be reported, forwarded, held by the archive, and old."""
        exam = exam or Exam()
        self.give(uid, exam, **image)
        with self.parts.database.write() as session:
            study, instance = rows_of(session, uid)
            study.status, study.gathering, study.generation, study.run = "reported", None, 1, 1
            study.last_received_at = study.frozen_at = instance.received_at = now() - OLD
            instance.generation = 1
            session.add(
                Delivery(
                    study_id=study.id,
                    generation=1,
                    destination="pacs",
                    instance_id=instance.id,
                    status="delivered",
                )
            )
        self.archive.holds.add(uid)
        return exam

    def instance(self, uid: str) -> Instance:
        with self.parts.database.read() as session:
            return rows_of(session, uid)[1]

    def file(self, uid: str) -> Path:
        """Where the image lies, or lay."""
        return self.parts.folders.root / self.instance(uid).path

    def deleted(self, uids: Collection[str]) -> set[str]:
        """Those that are deleted, in the table and on disk alike."""
        found = set()
        for uid in uids:
            is_marked = self.instance(uid).deleted_at is not None
            assert self.file(uid).exists() is not is_marked, uid
            if is_marked:
                found.add(uid)
        return found


def rows_of(session: Session, uid: str) -> tuple[Study, Instance]:
    instance = session.scalars(
        select(Instance).where(Instance.sop_instance_uid == uid).options(joinedload(Instance.study))
    ).one()
    return instance.study, instance

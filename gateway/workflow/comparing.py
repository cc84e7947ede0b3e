"""Compare: find out, after the acknowledgement, whether a second object under one UID is the same image."""

from __future__ import annotations

from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.found_again import duplicate_again
from gateway.database.models import Duplicate, Instance, Study, StudyFlag
from gateway.folders import Folders
from gateway.intake.header import HeaderUnreadable, read_header
from gateway.reading import tasks
from gateway.reading.child import Child, ChildCrashed, ChildTooSlow
from gateway.reading.disk import DiskAway, require_disk
from gateway.workflow.events import tell

log = structlog.get_logger(__name__)


class Comparing:
    """The step of the compare job; safe to run twice."""

    def __init__(self, database: Database, folders: Folders, child: Child) -> None:
        self._database = database
        self._folders = folders
        self._child = child

    def compare(self, duplicate_id: int) -> None:
        """Remove the second file when it says the same; keep both and flag the study when it does not."""
        with self._database.read() as session:
            duplicate = session.get(Duplicate, duplicate_id)
            if duplicate is None or duplicate.status != "waiting":
                return
            first = session.get_one(Instance, duplicate.instance_id)
            paths = self._folders.root / first.header_file, self._folders.root / duplicate.path
        if not all(path.exists() for path in paths):
            try:
                for folder in (self._folders.headers if first.header_path else paths[0].parent, paths[1].parent):
                    require_disk(folder)
            except DiskAway as away:
                log.warning("duplicate.waits_for_disk", duplicate=duplicate.id, reason=str(away))
                return  # the sweep starts it again
            self._keep_what_is_there(duplicate, first_is_there=paths[0].exists())
            return
        try:
            if first.fingerprint is None:
                found = self._child.run_patiently(tasks.compare, *paths)
            else:
                found = self._child.run_patiently(tasks.compare_with_deleted, paths[0], first.fingerprint, paths[1])
        except (ChildCrashed, ChildTooSlow) as error:
            found = tasks.Comparison(False, f"they can't be compared: {error}")
        if found.same and first.fingerprint is not None:
            self._bring_back(duplicate, header=paths[0])
            return
        with self._database.write() as session:
            row = duplicate_again(session, duplicate)
            if row is None:
                return
            row.status = "same" if found.same else "different"
            row.detail = found.detail
            if not found.same:
                self._flag(session, row, found.detail)
        if found.same:
            paths[1].unlink(missing_ok=True)
        log.info("duplicate.compared", same=found.same, detail=found.detail)

    def _keep_what_is_there(self, duplicate: Duplicate, *, first_is_there: bool) -> None:
        """One of the files is gone (a backup taken at the wrong moment, a damaged disk): the other one counts."""
        with self._database.write() as session:
            row = duplicate_again(session, duplicate)
            if row is None:
                return
            if first_is_there:
                row.status, row.detail = "same", "the second file is no longer there"
                return
            other = self._why_no_substitute(session, row)
            if other is not None:
                row.status, row.detail = "different", other
                self._flag(session, row, other, kept="the file of the first is lost, the second is kept")
                log.warning("duplicate.is_no_substitute_of_a_lost_file", duplicate=duplicate.id, detail=other)
                return
            self._take_the_place(session, row)
        log.warning("duplicate.took_the_place_of_a_lost_file", duplicate=duplicate.id)

    def _bring_back(self, duplicate: Duplicate, *, header: Path) -> None:
        """Keep the second file as the image, which was deleted here: whoever sent it may count on us again."""
        with self._database.write() as session:
            row = duplicate_again(session, duplicate)
            if row is None:
                return
            uid = self._take_the_place(session, row).sop_instance_uid
        header.unlink(missing_ok=True)
        log.info("duplicate.brought_back_a_deleted_image", instance=uid)

    def _why_no_substitute(self, session: Session, duplicate: Duplicate) -> str | None:
        """Say why the second file is not what the row of the lost first one says; None where it is."""
        first = session.get_one(Instance, duplicate.instance_id)
        try:
            header = read_header(self._folders.root / duplicate.path)
        except HeaderUnreadable as error:
            return f"the second can't be read: {error}"
        image = header.image
        meanings = {
            "StudyInstanceUID": (first.study.study_instance_uid, header.study_instance_uid),
            "SeriesInstanceUID": (first.series_instance_uid, header.series_instance_uid),
            "SOPClassUID": (first.sop_class_uid, header.sop_class_uid),
            "the patient": (first.patient_key, header.patient_key),
            "the side": (first.laterality, image.laterality),
            "the view": (first.view, image.view),
            "PresentationIntentType": (first.presentation_intent, image.presentation_intent),
            "whether and as what it is read": (
                (first.role, first.role_reason, first.is_standard),
                (image.role, image.reason, image.is_standard),
            ),
        }
        differing = [name for name, (recorded, said) in meanings.items() if recorded != said]
        return f"they differ in {', '.join(differing)}" if differing else None

    def _take_the_place(self, session: Session, duplicate: Duplicate) -> Instance:
        first = session.get_one(Instance, duplicate.instance_id)
        first.path = duplicate.path
        taken = self._folders.root / first.path
        first.size = taken.stat().st_size if taken.exists() else first.size
        first.deleted_at = first.deleted_because = first.header_path = first.fingerprint = None
        session.delete(duplicate)
        return first

    def _flag(self, session: Session, duplicate: Duplicate, detail: str, kept: str = "both are kept") -> None:
        first = session.get_one(Instance, duplicate.instance_id)
        if first.deleted_at is not None:
            kept = "the first was deleted here before, the second is kept"
        text = f"Two different objects came under SOP Instance UID {first.sop_instance_uid} ({detail}); {kept}."
        uids = {duplicate.study_instance_uid, session.get_one(Study, first.study_id).study_instance_uid}
        for study in session.scalars(select(Study).where(Study.study_instance_uid.in_(uids))):
            if text not in {flag.text for flag in study.flags}:
                study.flags.append(StudyFlag(study_id=study.id, text=text))
                tell(session, "study_flagged", study)

"""An intake that keeps files in a folder: what the gateway's does, without its database."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict

Accepted = tuple[AnnouncedInstance, Origin, Answer]


class DirectoryIntake:
    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self.kept = folder / "kept"
        self.quarantine = folder / "quarantine"
        for place in (self.incoming, self.kept, self.quarantine):
            place.mkdir(parents=True, exist_ok=True)
        self.accepted: list[Accepted] = []
        self.closed: list[Origin] = []
        self.known: set[str] = set()
        self.before_accept: Callable[[Path], None] = lambda path: None
        self.refuse_with: Answer | None = None
        self._lock = threading.Lock()

    def new_file(self) -> Path:
        return self.incoming / str(uuid.uuid4())

    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        self.before_accept(path)
        answer = self.refuse_with or self._judge(path, announced)
        if answer.verdict is Verdict.OUT_OF_RESOURCES:
            path.unlink()
        else:
            place = self.kept if answer.verdict is Verdict.STORED else self.quarantine
            path.rename(place / f"{answer.sop_instance_uid or path.name}.dcm")
        with self._lock:
            self.accepted.append((announced, origin, answer))
            if answer.verdict is Verdict.STORED and answer.sop_instance_uid:
                self.known.add(answer.sop_instance_uid)
        return answer

    def _judge(self, path: Path, announced: AnnouncedInstance) -> Answer:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            uid, sop_class = str(header.SOPInstanceUID), str(header.SOPClassUID)
            study = str(header.StudyInstanceUID)
        except (InvalidDicomError, AttributeError, OSError, ValueError, KeyError) as problem:
            return Answer(Verdict.UNREADABLE, f"The header cannot be read: {problem}")
        if announced.sop_instance_uid not in (None, uid):
            return Answer(Verdict.UNREADABLE, "SOP Instance UID differs from the announced one", study, sop_class, uid)
        if announced.sop_class_uid not in (None, sop_class):
            return Answer(Verdict.CLASS_MISMATCH, "SOP class differs from the announced one", study, sop_class, uid)
        return Answer(Verdict.STORED, "", study, sop_class, uid)

    def discard(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def association_closed(self, origin: Origin) -> None:
        with self._lock:
            self.closed.append(origin)

    def known_instances(self, sop_instance_uids: Collection[str]) -> set[str]:
        return self.known & set(sop_instance_uids)

    def kept_uids(self) -> set[str]:
        return {path.stem for path in self.kept.iterdir()}

    def kept_file(self, sop_instance_uid: str) -> Path:
        return self.kept / f"{sop_instance_uid}.dcm"

    def leftovers(self) -> list[Path]:
        """Files that were neither accepted nor discarded."""
        return list(self.incoming.iterdir())

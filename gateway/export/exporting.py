"""Write de-identified copies of kept studies into a folder, with a manifest of what is in it and what is not."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from gateway import __version__
from gateway.database.account_models import AuditEntry
from gateway.database.engine import Database
from gateway.export.kept_objects import KeptObject, KeptStudy, kept_studies
from gateway.files_hold import hold_files
from gateway.folders import Folders
from reporting.deidentification.left_out import KeptHereOnly, LeftOut, NotReadable
from reporting.deidentification.object import deidentified
from reporting.deidentification.pseudonyms import Patient, Pseudonyms
from reporting.wording import RESEARCH_USE_ONLY

log = structlog.get_logger(__name__)
MANIFEST: Final = "manifest.json"
# What pydicom raises on a damaged file; the other objects are still exported.
_DAMAGED: Final = (
    InvalidDicomError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    NotImplementedError,
    AttributeError,
    OverflowError,
    struct.error,
)


class FolderNotEmpty(Exception):
    """An export is written into a folder of its own."""


@dataclass(frozen=True)
class ObjectLeftOut:
    """An object that is not in the export, by its new UIDs."""

    study_instance_uid: str
    sop_instance_uid: str
    reason: str


@dataclass
class Exported:
    """What is in the folder and what is not. It names nothing by a UID that the hospital knows."""

    patients: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    objects: int = 0
    left_out: list[ObjectLeftOut] = field(default_factory=list)

    def manifest(self) -> dict[str, Any]:
        """Return it as the manifest has it."""
        return {
            "made_by": f"mammogate {__version__}",
            "note": RESEARCH_USE_ONLY,
            "patients": len(self.patients),
            "studies": len(self.studies),
            "objects": self.objects,
            "left_out": [asdict(item) for item in self.left_out],
        }


class Export:
    """One export; `key` afterwards ties its pseudonyms to the hospital's identifiers."""

    def __init__(
        self, database: Database, folders: Folders, pseudonyms: Pseudonyms, *, include_burned_in: bool = False
    ) -> None:
        self._database = database
        self._folders = folders
        self._pseudonyms = pseudonyms
        self._include_burned_in = include_burned_in
        self._key: dict[str, dict[str, Any]] = {}
        self._exported = Exported()

    def run(self, study_uids: Sequence[str], target: Path, progress: Callable[[int], None]) -> Exported:
        """Write the studies below `target`, as study/series/instance.dcm by new UIDs; `progress` hears how many.

        Nothing is deleted by age meanwhile. Each study leaves a line in the audit trail.

        Raises:
            FolderNotEmpty: there is something in `target`.
            UnknownStudy: a study is not here.

        """
        if target.exists() and any(target.iterdir()):
            raise FolderNotEmpty(f"{target} is not empty: export into a new folder")
        studies = kept_studies(self._database, study_uids)
        target.mkdir(parents=True, exist_ok=True)
        with hold_files(self._folders):
            for number, study in enumerate(studies, 1):
                self._study(study, target)
                progress(number)
        (target / MANIFEST).write_text(json.dumps(self._exported.manifest(), indent=2) + "\n", "utf-8")
        return self._exported

    def key(self) -> dict[str, Any]:
        """Return what ties the export to the hospital: whoever has it can name every patient in the folder."""
        return {
            "patients": self._key,
            "uids": {new: old for old, new in self._pseudonyms.uids.items()},
        }

    def _study(self, study: KeptStudy, target: Path) -> None:
        patient = self._pseudonyms.patient(study.patient_id, study.study_instance_uid)
        new_uid = self._pseudonyms.uid(study.study_instance_uid)
        written = 0
        for item in study.objects:
            try:
                self._object(item, patient, target)
            except LeftOut as refusal:
                uid = self._pseudonyms.uid(item.sop_instance_uid)
                self._exported.left_out.append(ObjectLeftOut(new_uid, uid, str(refusal)))
                log.info("export.left_out", cause=type(refusal).__name__, study=study.study_instance_uid)
            else:
                written += 1
        if written:
            self._exported.objects += written
            self._exported.studies.add(new_uid)
            self._exported.patients.add(patient.pseudonym)
            # By pseudonym: patients without an ID have one for each study, which is all that tells them apart.
            known = {
                "patient_id": (study.patient_id or "").strip(),
                "days_earlier": patient.days_earlier,
                "studies": [],
            }
            self._key.setdefault(patient.pseudonym, known)["studies"].append(study.study_instance_uid)
            with self._database.write() as session:
                session.add(
                    AuditEntry(
                        actor="command line",
                        action="export",
                        study_instance_uid=study.study_instance_uid,
                        detail={"objects": written, "deidentified": True},
                    )
                )

    def _object(self, item: KeptObject, patient: Patient, target: Path) -> None:
        if item.refusal is not None:
            raise KeptHereOnly(item.refusal)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are none; they go
            try:
                source = dcmread(self._folders.root / item.path)
                result = deidentified(source, patient, self._pseudonyms, include_burned_in=self._include_burned_in)
                folder = target / result.StudyInstanceUID / result.SeriesInstanceUID
                folder.mkdir(parents=True, exist_ok=True)
                result.save_as(folder / f"{result.SOPInstanceUID}.dcm", enforce_file_format=True)
            except FileNotFoundError:
                raise NotReadable("its file is not here any more") from None
            except _DAMAGED as error:
                raise NotReadable(f"it is damaged: it can't be parsed or written ({type(error).__name__})") from None

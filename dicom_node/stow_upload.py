"""One part of a STOW-RS request: a file on the intake's disk, then a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pydicom
import structlog
from pydicom.tag import Tag

from dicom_node import sop_classes
from dicom_node.deflated_data_set import HeaderTooLong, inflated_file, read_deflated
from dicom_node.intake import AnnouncedInstance, Intake, Origin, Verdict
from dicom_node.stow_response import OUT_OF_RESOURCES, NotStored, Result, Stored

CANNOT_UNDERSTAND = 0xC000
SOP_CLASS_NOT_SUPPORTED = 0x0122
# "Data set does not match": the A9xx family; this very code is what other STOW-RS servers use for another study.
STUDY_MISMATCH = 0xA901

_IDENTITY = [Tag("SOPClassUID"), Tag("SOPInstanceUID"), Tag("StudyInstanceUID")]


class Upload:
    """The sink of a part; never raises for what is in the part or for a full disk."""

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        intake: Intake,
        origin: Origin,
        study_instance_uid: str | None,
        add_result: Callable[[Result], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._intake = intake
        self._origin = origin
        self._study_instance_uid = study_instance_uid
        self._add_result = add_result
        self._log = log
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._failure: Exception | None = None
        self._acceptable = _is_plain_dicom(headers)
        if self._acceptable:
            try:
                self._path = intake.new_file()
                self._file = self._path.open("xb")
            except Exception as problem:  # noqa: BLE001 (kept and answered as "out of resources")
                self._failure = problem

    def write(self, data: bytes) -> None:
        if self._file is not None and self._failure is None:
            try:
                self._file.write(data)
            except OSError as problem:
                self._failure = problem

    def abandon(self) -> None:
        self._close()
        self._discard()

    def finish(self) -> None:
        self._close()
        try:
            result = self._judge()
        except Exception:  # noqa: BLE001 (logged; an intake that breaks its promise must not end the request)
            self._log.exception("object_not_stored")
            result = NotStored(OUT_OF_RESOURCES)
        finally:
            self._discard()
        self._add_result(result)

    def _judge(self) -> Result:
        if not self._acceptable:
            self._log.warning("part_is_not_dicom")
            return NotStored(CANNOT_UNDERSTAND)
        if self._path is None or self._failure is not None:
            self._log.error("object_not_written", problem=str(self._failure))
            return NotStored(OUT_OF_RESOURCES)
        try:
            identity = _read_identity(self._path)
        except HeaderTooLong as problem:
            self._log.warning("header_too_long", problem=str(problem))
            return NotStored(CANNOT_UNDERSTAND)
        if identity is not None:
            sop_class, instance, study = identity
            if not sop_classes.is_accepted(sop_class):
                self._log.warning("sop_class_not_supported", sop_class_uid=sop_class)
                return NotStored(SOP_CLASS_NOT_SUPPORTED, sop_class, instance)
            if self._study_instance_uid not in (None, study):
                return NotStored(STUDY_MISMATCH, sop_class, instance)
        path, self._path = self._path, None
        try:
            answer = self._intake.accept(path, AnnouncedInstance(None, None), self._origin)
        except BaseException:
            self._intake.discard(path)
            raise
        if answer.verdict is Verdict.STORED:
            return Stored(answer.sop_class_uid or "", answer.sop_instance_uid or "")
        self._log.warning("object_refused", verdict=answer.verdict.name, comment=answer.comment)
        return NotStored(answer.verdict.value, answer.sop_class_uid, answer.sop_instance_uid)

    def _close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as problem:  # the rest of the buffer did not fit on the disk
                self._failure = self._failure or problem
            self._file = None

    def _discard(self) -> None:
        if self._path is not None:
            self._intake.discard(self._path)
            self._path = None


def _is_plain_dicom(headers: Mapping[str, str]) -> bool:
    media_type = headers.get("content-type", "application/dicom").partition(";")[0].strip().lower()
    encoding = headers.get("content-transfer-encoding", "binary").strip().lower()
    return media_type == "application/dicom" and encoding in ("binary", "8bit", "7bit")


def _read_identity(path: Path) -> tuple[str, str, str] | None:
    """Return class, instance and study; None where they can't be read, which is for the intake to say and keep.

    Raises:
        HeaderTooLong: they do not come within the bound of what is inflated.

    """
    try:
        with inflated_file(path) as inflated:
            header: pydicom.Dataset
            if inflated is None:
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_IDENTITY))
            else:
                header = read_deflated(inflated, max(_IDENTITY), _IDENTITY)
        return str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.get("StudyInstanceUID", ""))
    except HeaderTooLong:
        raise
    except Exception:  # noqa: BLE001 (uploads are arbitrary bytes; the intake gets them all the same)
        return None

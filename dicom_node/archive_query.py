"""Asking an archive which instances it holds: C-FIND at IMAGE level (PS3.4 Annex C, Study Root)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time from a table
    StudyRootQueryRetrieveInformationModelFind,
)

from dicom_node import transfer_syntaxes
from dicom_node.association_request import AssociationFailed, NoContextAccepted, associate
from dicom_node.destination import DicomDestinationSettings

_SUCCESS: Final = 0x0000
_PENDING: Final = frozenset({0xFF00, 0xFF01})


@dataclass(frozen=True)
class SoughtInstance:
    """An instance with the unique keys of the levels above it, which a hierarchical search needs (PS3.4 C.4.1.2)."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str


class ArchiveAway(ConnectionError):
    """The archive could not be asked, or its answer is no answer; the sentence says what to do."""


class ArchiveQuery(Protocol):
    """An archive that can be asked."""

    def held(self, sought: Sequence[SoughtInstance]) -> Collection[SoughtInstance]:
        """Return those that the archive says it holds.

        Raises:
            ArchiveAway: it could not be asked about all of them.

        """


class DicomArchive:
    """An archive that is asked by C-FIND."""

    def __init__(self, settings: DicomDestinationSettings) -> None:
        self._settings = settings

    def held(self, sought: Sequence[SoughtInstance]) -> Collection[SoughtInstance]:
        peer = self._settings
        context = build_context(StudyRootQueryRetrieveInformationModelFind, list(transfer_syntaxes.LITTLE_ENDIAN))
        try:
            association = associate(peer, [context])
        except NoContextAccepted as problem:
            raise ArchiveAway(
                f"{peer.ae_title} at {peer.host}:{peer.port} does not take queries (Study Root C-FIND); allow them for "
                f"{peer.calling_ae_title} there."
            ) from problem
        except AssociationFailed as problem:
            raise ArchiveAway(str(problem)) from problem
        try:
            return [instance for instance in sought if self._is_held(association, instance)]
        finally:
            if association.is_established:
                association.release()

    def _is_held(self, association: Association, sought: SoughtInstance) -> bool:
        found = False
        status: int | None = None
        try:
            for answer, identifier in association.send_c_find(
                _identifier(sought), StudyRootQueryRetrieveInformationModelFind
            ):
                status = answer.get("Status")
                if status in _PENDING and identifier is not None:
                    found = found or is_match(identifier, sought)
        except (RuntimeError, ValueError, OSError) as problem:
            raise ArchiveAway(f"{self._settings.ae_title} broke the association while it was queried.") from problem
        if status != _SUCCESS:
            shown = "no status" if status is None else f"status 0x{status:04X}"
            raise ArchiveAway(f"{self._settings.ae_title} answered the query with {shown}; look into its log.")
        return found


def is_match(identifier: Dataset, sought: SoughtInstance) -> bool:
    """Say whether an answer speaks of the very instance: some archives ignore keys and answer with more than asked."""
    if str(identifier.get("SOPInstanceUID", "")) != sought.sop_instance_uid:
        return False
    if str(identifier.get("InstanceAvailability") or "") == "UNAVAILABLE":  # PS3.4 C.4.1.1.3: it can't be retrieved
        return False
    return str(identifier.get("SOPClassUID") or sought.sop_class_uid) == sought.sop_class_uid


def _identifier(sought: SoughtInstance) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = sought.study_instance_uid
    identifier.SeriesInstanceUID = sought.series_instance_uid
    identifier.SOPInstanceUID = sought.sop_instance_uid
    identifier.SOPClassUID = ""  # return keys
    identifier.InstanceAvailability = ""
    return identifier

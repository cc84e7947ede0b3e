"""Asking an Orthanc over its REST API which instances it holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dicom_node.archive_query import ArchiveAway, SoughtInstance
from dicom_node.destination import HttpDestinationSettings
from dicom_node.orthanc_client import OrthancClient, OrthancUnavailable


class OrthancArchive:
    """An archive that is asked by `/tools/find`."""

    def __init__(self, settings: HttpDestinationSettings) -> None:
        self._url = settings.url
        self._client = OrthancClient.to(settings)

    def held(self, sought: Sequence[SoughtInstance]) -> Collection[SoughtInstance]:
        try:
            return [instance for instance in sought if self._is_held(instance)]
        except OrthancUnavailable as problem:
            raise ArchiveAway(str(problem)) from problem
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ArchiveAway(f"{self._url} answered something that is not Orthanc's; check the URL.") from problem

    def _is_held(self, sought: SoughtInstance) -> bool:
        query = {
            "StudyInstanceUID": sought.study_instance_uid,
            "SeriesInstanceUID": sought.series_instance_uid,
            "SOPInstanceUID": sought.sop_instance_uid,
        }
        answer = self._client.post("tools/find", json={"Level": "Instance", "Query": query, "Expand": True})
        return any(found["MainDicomTags"]["SOPInstanceUID"] == sought.sop_instance_uid for found in answer.json())

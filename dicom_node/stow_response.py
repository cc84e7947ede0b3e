"""The answer to a STOW-RS request: the Store Instances Response Module (PS3.18 10.5.3, Annex I.2) as DICOM JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydicom import Dataset

OUT_OF_RESOURCES = 0xA700


@dataclass(frozen=True)
class Stored:
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class NotStored:
    """`failure_reason`: a C-STORE status; the UIDs are None where the object could not be read."""

    failure_reason: int
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None


Result = Stored | NotStored


def http_status(results: Sequence[Result]) -> HTTPStatus:
    """200 all stored, 202 some, 409 none; 503 when nothing but our lack of resources stood in the way."""
    failures = [result for result in results if isinstance(result, NotStored)]
    if not failures:
        return HTTPStatus.OK
    if len(failures) < len(results):
        return HTTPStatus.ACCEPTED
    if all(failure.failure_reason == OUT_OF_RESOURCES for failure in failures):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.CONFLICT


def response_json(results: Sequence[Result]) -> dict[str, Any]:
    response = Dataset()
    response.RetrieveURL = None  # the gateway is not an archive: images are retrieved from the PACS
    stored: list[Dataset] = []
    failed: list[Dataset] = []
    unreadable: list[Dataset] = []
    for result in results:
        item = Dataset()
        if result.sop_class_uid and result.sop_instance_uid:
            item.ReferencedSOPClassUID = result.sop_class_uid
            item.ReferencedSOPInstanceUID = result.sop_instance_uid
        if isinstance(result, Stored):
            item.RetrieveURL = None
            stored.append(item)
        else:
            item.FailureReason = result.failure_reason
            (failed if "ReferencedSOPInstanceUID" in item else unreadable).append(item)
    if failed:
        response.FailedSOPSequence = failed
    if stored:
        response.ReferencedSOPSequence = stored
    if unreadable:
        response.OtherFailuresSequence = unreadable
    answer: dict[str, Any] = response.to_json_dict()
    return answer

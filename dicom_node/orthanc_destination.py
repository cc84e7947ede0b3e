"""Objects into an Orthanc over its REST API, and out of it again when a report is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from dicom_node.destination import (
    Delivered,
    Failed,
    Health,
    HttpDestinationSettings,
    NotTried,
    Outcome,
    Progress,
    Refused,
    tell,
)
from dicom_node.dicom_file import FileAway, NotADicomFile, read_header, reading
from dicom_node.orthanc_client import OrthancClient, OrthancError, OrthancNotFound, OrthancUnavailable
from dicom_node.orthanc_source import OWN_MANUFACTURER

BAD_REQUEST, CONFLICT = 400, 409


class OrthancDestination:
    def __init__(self, settings: HttpDestinationSettings, log: structlog.typing.FilteringBoundLogger) -> None:
        self._settings = settings
        self._log = log.bind(destination=settings.name)
        self._client = OrthancClient.to(settings)

    @property
    def name(self) -> str:
        return self._settings.name

    def health(self) -> Health:
        try:
            version = self._client.get_json("system").get("Version", "?")
        except OrthancUnavailable as problem:
            return Health(False, str(problem))
        except (ValueError, AttributeError):
            return Health(False, f"{self._settings.url} answers, but not as Orthanc's REST API; check the URL.")
        return Health(True, f"Orthanc {version} at {self._settings.url} answers.")

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        outcomes: dict[Path, Outcome] = {}
        unavailable: OrthancUnavailable | None = None
        for path in dict.fromkeys(paths):
            if unavailable is not None:  # the next object would only wait for the same timeout
                outcomes[path] = NotTried(str(unavailable))
            else:
                try:
                    outcomes[path] = self._upload(path)
                except OrthancUnavailable as problem:
                    unavailable = problem
                    outcomes[path] = Failed(str(problem))
            outcome = outcomes[path]
            if not isinstance(outcome, Delivered):
                self._log.warning("object_not_delivered", outcome=type(outcome).__name__, reason=outcome.reason)
            tell(progress, path, outcome)
        return outcomes

    def _upload(self, path: Path) -> Outcome:
        try:
            read_header(path)
            with reading(path):
                opened = path.open("rb")
            with opened as file:
                # requests streams a file; the client's own upload_file would read it whole, and drops the status.
                response = self._client.post("instances", data=file, headers={"Content-Type": "application/dicom"})
            return _outcome_of(response.json())
        except NotADicomFile as problem:
            return Refused(str(problem))
        except FileAway as problem:
            return Failed(str(problem))
        except OrthancError as problem:
            if problem.status == BAD_REQUEST:
                return Refused(f"Orthanc cannot read {path.name} ({problem}).")
            if problem.status == CONFLICT:
                return Failed("Orthanc is storing the same object at this moment.")
            return Failed(str(problem))
        except ValueError:
            return self._answered_by_another()

    def delete(self, sop_instance_uid: str) -> Outcome:
        """Withdraw an object of ours; anybody else's is left alone, whatever its UID."""
        found: list[str] | None = None
        try:
            found = self._client.lookup(sop_instance_uid, filter="Instance")
            for orthanc_id in found:
                series = self._client.get_json(f"instances/{orthanc_id}/series")["MainDicomTags"]
                if str(series.get("Manufacturer", "")).strip().casefold() != OWN_MANUFACTURER:
                    return Refused(f"The object {sop_instance_uid} in Orthanc is not mammogate's and was not deleted.")
                self._client.delete(f"instances/{orthanc_id}").json()  # what is not Orthanc's is no JSON, mostly
                self._log.info("object_deleted", sop_instance_uid=sop_instance_uid)
        except OrthancNotFound as problem:
            # Without a service that finds objects, it is the URL that is wrong.
            return Failed(str(problem)) if found is None else Delivered("it was not there any more")
        except OrthancUnavailable as problem:
            return Failed(str(problem))
        except (ValueError, LookupError, TypeError, AttributeError):
            return self._answered_by_another()
        return Delivered()

    def _answered_by_another(self) -> Failed:
        return Failed(f"{self._settings.url} answered something that is not Orthanc's; check the URL.")


def _outcome_of(answer: Any) -> Outcome:
    status = answer.get("Status") if isinstance(answer, dict) else None
    if status == "Success":
        return Delivered()
    if status == "AlreadyStored":
        return Delivered("it already has this object")
    if status == "FilteredOut":
        return Refused("Orthanc filtered the object out; change its ReceivedInstanceFilter script.")
    return Failed(f"Orthanc answered with the status {status!r} instead of storing the object; look into its log.")

"""Takes new mammograms from an Orthanc by following its log of changes (`/changes`).

The position in that log is saved only when everything before it has been accepted, so that a crash, a full disk or
an Orthanc that is down costs a repetition and never an image.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from orthanc_api_client import ChangeType  # type: ignore[import-untyped]  # it has no type information

from dicom_node import sop_classes
from dicom_node.intake import AnnouncedInstance, Intake, Origin, Verdict
from dicom_node.orthanc_client import (
    OrthancClient,
    OrthancError,
    OrthancNotFound,
    OrthancUnavailable,
)

CHUNK_BYTES = 1 << 20
LONGEST_WAIT_FOR_TURN = 10.0
"""Seconds: how soon a follower notices that the one before it is gone."""
OWN_MANUFACTURER = "mammogate"


class ChangePosition(Protocol):
    """Where the source keeps its place over restarts; a database row in the gateway."""

    def load(self) -> int | None:
        """Return the saved position, None at the very first time."""

    def save(self, position: int) -> None:
        """Keep the position durably."""


@dataclass(frozen=True)
class OrthancSourceSettings:
    name: str
    url: str
    username: str | None = None
    password: str | None = None
    interval_seconds: float = 5.0
    connect_timeout: float = 10.0
    timeout: float = 60.0
    changes_a_poll: int = 100
    attempts_an_instance: int = 5
    """After so many polls in which Orthanc could not hand out an instance it holds, it is passed over."""


@dataclass(frozen=True)
class PollOutcome:
    """What one poll did. `problem`: why it ended early, None when all went well."""

    taken: int = 0
    passed_over: int = 0
    """Instances that Orthanc repeatedly failed to hand out; an operator should look."""
    caught_up: bool = True
    problem: str | None = None


class IntakeRefused(RuntimeError):
    def __init__(self, comment: str) -> None:
        super().__init__(f"The gateway could not keep an image from Orthanc ({comment}); it is fetched again later.")


@dataclass(frozen=True)
class _Candidate:
    orthanc_id: str
    sop_instance_uid: str
    sop_class_uid: str


class OrthancSource:
    def __init__(
        self,
        settings: OrthancSourceSettings,
        intake: Intake,
        position: ChangePosition,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._position = position
        self._log = log.bind(source=settings.name)
        self._client = OrthancClient(
            settings.url,
            settings.username,
            settings.password,
            connect_timeout=settings.connect_timeout,
            timeout=settings.timeout,
        )
        self._failures: Counter[str] = Counter()

    def run(self, stop: threading.Event, may_poll: Callable[[], bool] = lambda: True) -> None:
        """Poll until told to stop; without a pause while there is more to fetch.

        `may_poll` is asked before each poll: it says no where somebody else follows this source now.
        """
        while not stop.is_set():
            if not may_poll():
                stop.wait(min(self._settings.interval_seconds, LONGEST_WAIT_FOR_TURN))
                continue
            outcome = self.poll_once()
            if outcome.caught_up or outcome.problem is not None:
                stop.wait(self._settings.interval_seconds)

    def poll_once(self) -> PollOutcome:
        """Fetch the next batch of changes; never raises for what Orthanc, the network or the intake do."""
        origin = Origin("orthanc", str(uuid.uuid4()), self._settings.name, urlsplit(self._settings.url).hostname or "")
        taken = passed_over = 0
        try:
            position = self._current_position()
            changes, last, done = self._client.get_changes(since=position, limit=self._settings.changes_a_poll)
            new = dict.fromkeys(c.resource_id for c in changes if c.change_type == ChangeType.NEW_INSTANCE)
            candidates = self._wanted(list(new))
            for candidate in candidates:
                if self._take(candidate, origin):
                    taken += 1
                else:
                    passed_over += 1
            if last != position:
                self._position.save(last)
            if taken:
                self._log.info("instances_taken", count=taken, position=last)
            return PollOutcome(taken, passed_over, caught_up=bool(done))
        except (OrthancUnavailable, IntakeRefused) as problem:
            self._log.warning("poll_failed", problem=str(problem))
            return PollOutcome(taken, passed_over, caught_up=False, problem=str(problem))
        except Exception as problem:  # noqa: BLE001 (logged; following the source must outlive any one failure)
            self._log.exception("poll_failed")
            return PollOutcome(taken, passed_over, caught_up=False, problem=f"Unexpected: {problem}")
        finally:
            if taken:
                self._intake.association_closed(origin)

    def _current_position(self) -> int:
        """Return the saved position, or 0 when Orthanc has been emptied since: then it counts from 1 again."""
        position = self._position.load() or 0
        newest = int(self._client.get_json("changes?last")["Last"])
        if position <= newest:
            return position
        self._log.warning("source_was_reset", position=position, newest=newest, advice="All its changes are read anew.")
        self._position.save(0)
        return 0

    def _wanted(self, orthanc_ids: Sequence[str]) -> list[_Candidate]:
        """Ask for main tags and metadata only, which Orthanc has in its index: no file is opened for a refusal."""
        series: dict[str, dict[str, Any]] = {}
        candidates = []
        for orthanc_id in orthanc_ids:
            try:
                instance = self._client.get_json(f"instances/{orthanc_id}")
                parent = instance["ParentSeries"]
                if parent not in series:
                    series[parent] = self._client.get_json(f"series/{parent}")["MainDicomTags"]
                sop_class = self._client.instances.get_metadata(orthanc_id).get("SopClassUid", "")
            except OrthancNotFound:
                continue  # deleted since the change was written
            if is_mammogram(sop_class, series[parent]):
                candidates.append(_Candidate(orthanc_id, instance["MainDicomTags"]["SOPInstanceUID"], sop_class))
        known = self._intake.known_instances([c.sop_instance_uid for c in candidates])
        return [c for c in candidates if c.sop_instance_uid not in known]

    def _take(self, candidate: _Candidate, origin: Origin) -> bool:
        """Download and hand over; return False when the instance is passed over after too many failures."""
        path = self._intake.new_file()
        try:
            self._download(candidate, path)
        except OrthancError as problem:
            self._intake.discard(path)
            self._failures[candidate.orthanc_id] += 1
            if self._failures[candidate.orthanc_id] < self._settings.attempts_an_instance:
                raise
            self._log.error(
                "instance_passed_over", orthanc_id=candidate.orthanc_id, problem=str(problem), advice="Send it by hand."
            )
            return False
        except BaseException:
            self._intake.discard(path)
            raise
        self._failures.pop(candidate.orthanc_id, None)
        answer = self._intake.accept(
            path, AnnouncedInstance(candidate.sop_class_uid, candidate.sop_instance_uid), origin
        )
        if answer.verdict is Verdict.OUT_OF_RESOURCES:
            raise IntakeRefused(answer.comment)
        if answer.verdict is not Verdict.STORED:
            self._log.warning("instance_quarantined", verdict=answer.verdict.name, comment=answer.comment)
        return True

    def _download(self, candidate: _Candidate, path: Path) -> None:
        endpoint = f"instances/{candidate.orthanc_id}/file"
        # Compressed in transit it would cost both sides time; a body cut short is an error of the client's.
        plain = {"Accept-Encoding": "identity"}
        with (
            self._client.explaining(endpoint),
            self._client.get(endpoint, stream=True, headers=plain) as response,
            path.open("xb") as file,
        ):
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)


def is_mammogram(sop_class_uid: str, series_tags: dict[str, Any]) -> bool:
    """Say from Orthanc's index whether an instance is worth downloading; our own objects never are."""
    if str(series_tags.get("Manufacturer", "")).strip().casefold() == OWN_MANUFACTURER:
        return False
    if sop_class_uid in sop_classes.MAMMOGRAPHY_IMAGES:
        return True
    return series_tags.get("Modality") == "MG" and sop_class_uid in sop_classes.IMAGE_CLASSES

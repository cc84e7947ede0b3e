"""The figures of how the work goes, as Prometheus has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from config.settings import Settings
from gateway.database.engine import Database
from gateway.feed.availability import reading
from gateway.folders import Folders
from gateway.monitoring.work import ENGINES, STEPS, Work, work
from gateway.synthetic.telling import Told, tell_of_settings
from gateway.workflow.jobs import Jobs

_MIB: Final = 2**20


@dataclass(frozen=True)
class WorkFigures:
    """Looks at database, jobs and disk when it is asked."""

    database: Database
    folders: Folders
    jobs: Jobs
    settings: Settings

    def families(self, moment: datetime) -> list[GaugeMetricFamily]:
        """Return the figures. Raises `StoreUnavailableError`."""
        names = [item.name for item in self.settings.destinations]
        with reading(self.database) as session:
            found = work(session, moment, names)
            told = tell_of_settings(session, moment, self.settings.synthetic)
            waits = self.jobs.count_waiting_for_engine()
        return [
            *_of_processes(found),
            *_of_queues(found, waits),
            *_of_engines(found, self.settings.inference.engine),
            *_of_destinations(found),
            *_of_disk(self.folders.free_bytes(), self.settings.reserve_mib * _MIB),
            *_of_synthetic(told),
        ]


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mammogate_{name}", text, labels=labels)


def _single(name: str, text: str, value: float) -> GaugeMetricFamily:
    family = _gauge(name, text)
    family.add_metric((), value)
    return family


def _of_processes(found: Work) -> Iterator[GaugeMetricFamily]:
    processes = _gauge("processes", "Processes that gave a sign of life lately, on all machines", "part")
    for part, number in found.alive.items():
        processes.add_metric((part,), number)
    yield processes


def _of_queues(found: Work, waits: int) -> Iterator[GaugeMetricFamily]:
    oldest = _gauge("queue_oldest_seconds", "Since the oldest in a queue last changed; 0: it is empty", "queue")
    for queue, seconds in found.oldest.items():
        oldest.add_metric((queue,), seconds)
    commitments = _gauge("commitments", "Requests for storage commitment", "status")
    for status, number in found.commitments.items():
        commitments.add_metric((status,), number)
    yield from (oldest, commitments)
    yield _single("studies_waiting_for_engine", "Studies that wait because the remote engine can't be used", waits)
    yield _single("conflicting_duplicates", "Second objects under a known UID that are other ones", found.conflicts)
    mean = sum(found.reported) / len(found.reported) if found.reported else 0.0
    reported = _gauge("report_seconds", "From complete to reported, of the last hour's studies; 0: none", "of")
    reported.add_metric(("mean",), mean)
    reported.add_metric(("longest",), max(found.reported, default=0.0))
    yield reported


def _of_engines(found: Work, wanted: str) -> Iterator[GaugeMetricFamily]:
    read = _gauge("images_read_lately", "Images read in the last hour", "engine")
    for engine, number in found.read.items():
        read.add_metric((engine,), number)
    seconds = _gauge("step_seconds", "Mean of the last hour, of one image; 0: none was read", "engine", "step")
    for engine in ENGINES:
        for step in STEPS:
            seconds.add_metric((engine, step), found.seconds.get((engine, step), 0.0))
    yield from (read, seconds)
    instead = found.read.get("embedded", 0) if wanted == "remote" else 0
    yield _single(
        "images_read_instead", "Images of the last hour that the embedded engine read for a remote one", instead
    )


def _of_destinations(found: Work) -> Iterator[GaugeMetricFamily]:
    waiting = _gauge("destination_waiting_seconds", "Since the oldest object is owed; 0: nothing is", "destination")
    for destination, seconds in found.waiting.items():
        waiting.add_metric((destination,), seconds)
    delivered = _gauge("destination_delivered_timestamp_seconds", "When it last took something", "destination")
    for destination, last in found.delivered_at.items():
        delivered.add_metric((destination,), last.timestamp())
    yield from (waiting, delivered)


def _of_disk(free: int, reserve: int) -> Iterator[GaugeMetricFamily]:
    yield _single("disk_free_bytes", "Room on the data folder's disk", free)
    yield _single("disk_reserve_bytes", "Room that must stay free; below it nothing is received", reserve)


def _of_synthetic(told: Told | None) -> Iterator[GaugeMetricFamily]:
    late = _gauge("synthetic_late", "1: the synthetic study is not back in time; none where it is off")
    seconds = _gauge("synthetic_seconds", "From made to back, of the last synthetic study that came back")
    back = _gauge("synthetic_back_timestamp_seconds", "When the last synthetic study came back")
    if told is not None:
        late.add_metric((), told.late)
        if told.back_at is not None and told.seconds is not None:
            seconds.add_metric((), told.seconds)
            back.add_metric((), told.back_at.timestamp())
    yield from (late, seconds, back)

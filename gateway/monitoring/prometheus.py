"""The figures as text for Prometheus, kept for some seconds so that asking often costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.feed.availability import reading
from gateway.monitoring.agreement import Verdicts, agreement, verdicts_by_week
from gateway.monitoring.counts import Counts, count
from gateway.monitoring.judging import refused_share
from gateway.monitoring.weeks import Sent, Source, first_moment, sent_by_week
from inference.card import ModelInfo
from inference.drift import BINS, ValidationScores, drift, histogram, validation_scores

WEEKS: Final = 2
"""The ISO week that is not over, and the one before."""
_COUNTS_SECONDS, _SCORES_SECONDS = 5.0, 60.0
_MOST_SOURCES: Final = 50
"""Where anybody may send, anybody may invent AE titles; those with the most images are shown."""
_BY_SOURCE: Final = ("channel", "source", "detector", "week")

_Weeks = dict[tuple[Source, str], Sent]
_Said = Mapping[tuple[str, str], Verdicts]


class PrometheusText:
    """Implements `reporting.feed.stores.Metrics`. `model` is None where its card can't be read: then no scores."""

    def __init__(
        self,
        database: Database,
        model: ModelInfo | None,
        clock: Callable[[], datetime] = now,
        work: Callable[[datetime], list[GaugeMetricFamily]] | None = None,
    ) -> None:
        """`work`: the figures of how the work goes; None: none of them."""
        self._database = database
        self._model = model
        self._clock = clock
        self._lock = threading.Lock()
        self._work = work
        self._counted: tuple[float, Counts, list[GaugeMetricFamily]] | None = None
        self._sent: tuple[float, _Weeks] | None = None
        self._said: tuple[float, _Said] | None = None

    def text(self) -> bytes:
        """Return all figures in the text format. Raises `StoreUnavailableError`."""
        with self._lock:
            registry = CollectorRegistry()
            registry.register(_Found(self._families()))
            return generate_latest(registry)

    def _families(self) -> list[GaugeMetricFamily]:
        moment = time.monotonic()
        if self._counted is None or moment - self._counted[0] > _COUNTS_SECONDS:
            with reading(self._database) as session:
                counts = count(session)
            self._counted = moment, counts, self._work(self._clock()) if self._work else []
        if self._said is None or moment - self._said[0] > _SCORES_SECONDS:
            with reading(self._database) as session:
                self._said = moment, verdicts_by_week(session, first_moment(self._clock(), WEEKS))
        families = [*_of_counts(self._counted[1]), *self._counted[2], *_of_feedback(self._said[1])]
        if self._model is None:
            return families
        if self._sent is None or moment - self._sent[0] > _SCORES_SECONDS:
            since = first_moment(self._clock(), WEEKS)
            with reading(self._database) as session:
                self._sent = moment, _largest(sent_by_week(session, since, self._model.version))
        validation = validation_scores(self._model.card)
        return families + list(_of_model(self._model, validation)) + list(_of_scores(self._sent[1], validation))


class _Found(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _largest(weeks: _Weeks) -> _Weeks:
    images: dict[Source, int] = {}
    for (source, _), sent in weeks.items():
        images[source] = images.get(source, 0) + sent.images
    shown = sorted(images, key=lambda source: (-images[source], source))[:_MOST_SOURCES]
    return {key: weeks[key] for key in sorted(weeks) if key[0] in shown}


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mammogate_{name}", text, labels=labels)


def _of_counts(counts: Counts) -> Iterator[GaugeMetricFamily]:
    instances = _gauge("instances", "Instances received, by what is done with them", "role")
    for role, number in counts.instances.items():
        instances.add_metric((role,), number)
    studies = _gauge("studies", "Studies by status", "status")
    for status, number in counts.studies.items():
        studies.add_metric((status,), number)
    waiting = _gauge("queue_length", "Studies, deliveries, duplicates and requests that wait or are worked on", "queue")
    for queue, number in counts.waiting.items():
        waiting.add_metric((queue,), number)
    deliveries = _gauge("deliveries", "Objects owed to destinations", "destination", "status")
    for labels, number in counts.deliveries.items():
        deliveries.add_metric(labels, number)
    dead = _gauge("dead_letters", "Studies whose processing failed for good, not retried yet")
    dead.add_metric((), counts.dead_letters)
    quarantined = _gauge("quarantined_files", "Files that could not be accepted")
    quarantined.add_metric((), counts.quarantined)
    yield from (instances, studies, waiting, deliveries, dead, quarantined)


def _of_feedback(said: _Said) -> Iterator[GaugeMetricFamily]:
    verdicts = _gauge("feedback", "Last words of people on findings and studies", "version", "week", "verdict")
    share = _gauge("feedback_agreement_ratio", "Share that agrees; none below 20", "version", "week")
    for labels, counted in sorted(said.items()):
        for verdict, number in sorted(counted.items()):
            verdicts.add_metric((*labels, verdict), number)
        if (part := agreement(counted)) is not None:
            share.add_metric(labels, part)
    yield from (verdicts, share)


def _of_model(model: ModelInfo, validation: ValidationScores | None) -> Iterator[GaugeMetricFamily]:
    info = _gauge("model_info", "The model that reads; the images whose scores its card carries", "version")
    info.add_metric((model.version,), 1)
    validated = _gauge("validation_images", "Images whose scores the model card carries; 0: drift can't be told")
    validated.add_metric((), validation.n if validation else 0)
    yield from (info, validated)


def _of_scores(weeks: _Weeks, validation: ValidationScores | None) -> Iterator[GaugeMetricFamily]:
    images = _gauge("images", "Images read or refused in an ISO week", *_BY_SOURCE)
    studies = _gauge("week_studies", "Studies whose first image came in an ISO week", *_BY_SOURCE)
    refused = _gauge("images_refused", "Images refused, by reason", *_BY_SOURCE, "reason")
    share = _gauge("images_refused_ratio", "Share of images refused; none below 20 images", *_BY_SOURCE)
    image_scores = _gauge("image_scores", "Images by malignancy score; bin: its lower end", *_BY_SOURCE, "bin")
    study_scores = _gauge("study_scores", "Studies by malignancy score; bin: its lower end", *_BY_SOURCE, "bin")
    too_few = _gauge("scores_too_few", "1: fewer than 200 image scores, too few to tell drift", *_BY_SOURCE)
    psi = _gauge("score_psi", "Population stability index of image scores beside the validation", *_BY_SOURCE)
    ks = _gauge("score_ks", "Kolmogorov-Smirnov statistic of the same", *_BY_SOURCE)
    p_value = _gauge("score_ks_p_value", "Its p-value", *_BY_SOURCE)
    for (source, week), sent in weeks.items():
        labels = (*source, week)
        images.add_metric(labels, sent.images)
        studies.add_metric(labels, sent.studies)
        for reason, number in sent.refused.items():
            refused.add_metric((*labels, reason), number)
        if (part := refused_share(sent)) is not None:
            share.add_metric(labels, part)
        for family, scores in ((image_scores, sent.image_scores), (study_scores, sent.study_scores)):
            for place, number in enumerate(histogram(scores)):
                family.add_metric((*labels, f"{place / BINS:.1f}"), number)
        if validation is None:
            continue
        found = drift(sent.image_scores, validation)
        too_few.add_metric(labels, 0 if found else 1)
        if found is not None:
            psi.add_metric(labels, found.psi)
            ks.add_metric(labels, found.ks)
            p_value.add_metric(labels, found.p_value)
    yield from (images, studies, refused, share, image_scores, study_scores, too_few, psi, ks, p_value)

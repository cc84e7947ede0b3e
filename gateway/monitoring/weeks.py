"""What each source sent in each ISO week, and what was read in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import DELETED_HERE, AssociationRecord, Instance, Reading, Study
from gateway.database.synthetic_models import of_a_patient
from inference.classes import MALIGNANT

NO_REASON_KEPT = "unknown"
"""The reason of a refusal that an earlier version wrote down."""


class Source(NamedTuple):
    """Where images come from.

    `channel` is dicom, orthanc, stow or upload; `name` the calling AE title or the name in the settings; `detector`
    maker and model, "" where the header has none or an earlier version read the image.
    """

    channel: str
    name: str
    detector: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.channel} {self.name}" + (f" ({self.detector})" if self.detector else "")


@dataclass
class Sent:
    """What one source sent in some time: malignancy scores (0..1) of images and of studies, and refusals by reason.

    An image belongs to the week (UTC) in which it came, a study to the source and week of its first image; one that
    was read in several generations counts once, as it was read last.
    """

    image_scores: list[float] = field(default_factory=list)
    study_scores: list[float] = field(default_factory=list)
    studies: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def images(self) -> int:
        """Images that were read or refused."""
        return len(self.image_scores) + self.refused.total()

    def add(self, other: Sent) -> None:
        """Add what came in another time."""
        self.image_scores += other.image_scores
        self.study_scores += other.study_scores
        self.studies += other.studies
        self.refused += other.refused


def week_of(moment: datetime) -> str:
    """Name the ISO 8601 week of a moment, in UTC: 2026-W48."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02}"


def first_moment(moment: datetime, weeks: int) -> datetime:
    """Return when the first of the last `weeks` ISO weeks began; the last one is that of `moment`."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday(), weeks=weeks - 1)


def sent_by_week(session: Session, since: datetime, model_version: str) -> dict[tuple[Source, str], Sent]:
    """Return what came since then and was read by this version of the model, by source and ISO week."""
    latest = {row.instance_id: row for row in _rows(session, since, model_version)}
    found: dict[tuple[Source, str], Sent] = {}
    seen: set[int] = set()
    for row in sorted(latest.values(), key=lambda row: row.instance_id):
        key = Source(row.channel, row.peer_ae_title, row.detector or ""), week_of(row.received_at)
        sent = found.setdefault(key, Sent())
        scores = [getattr(row, name) for name in MALIGNANT]
        if row.failure is not None:
            sent.refused[row.refusal or NO_REASON_KEPT] += 1
        elif None not in scores:
            sent.image_scores.append(min(1.0, sum(scores)))
        if row.study_id not in seen:
            seen.add(row.study_id)
            sent.studies += 1
            if row.malignancy_score is not None and row.study_model == model_version:
                sent.study_scores.append(row.malignancy_score)
    return found


def together(weeks: Iterable[tuple[tuple[Source, str], Sent]]) -> dict[Source, Sent]:
    """Add the weeks of each source up."""
    found: dict[Source, Sent] = {}
    for (source, _), sent in weeks:
        found.setdefault(source, Sent()).add(sent)
    return found


def _rows(session: Session, since: datetime, model_version: str) -> Iterable[Any]:
    """One row a reading, the last generation last; only the score is taken out of the result, not its outlines."""
    probabilities = Reading.result["probabilities"]
    return session.execute(
        select(
            Reading.instance_id,
            Reading.study_id,
            Reading.refusal,
            Reading.detector,
            Reading.result["failure"].as_string().label("failure"),
            *(probabilities[name].as_float().label(name) for name in MALIGNANT),
            Instance.received_at,
            AssociationRecord.channel,
            AssociationRecord.peer_ae_title,
            Study.malignancy_score,
            Study.model_version.label("study_model"),
        )
        .join(Instance, Instance.id == Reading.instance_id)
        .join(AssociationRecord, AssociationRecord.id == Instance.association_id)
        .join(Study, Study.id == Reading.study_id)
        .where(
            Reading.read_at >= since,
            Instance.received_at >= since,
            Reading.model_version == model_version,
            Reading.refusal.is_distinct_from(DELETED_HERE),
            of_a_patient(),
        )
        .order_by(Reading.generation)
    )

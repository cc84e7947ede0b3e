"""How many people agree with the AI: by version of the model and ISO week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.feedback_models import FeedbackRow
from gateway.monitoring.judging import FEWEST_FOR_A_SHARE
from gateway.monitoring.weeks import week_of

UNKNOWN_VERSION = "unknown"

Verdicts = Counter[str]
"""How many said agree, disagree and unsure."""


def verdicts_by_week(session: Session, since: datetime) -> Mapping[tuple[str, str], Verdicts]:
    """Return what was said since then, by model version and week (UTC).

    Of each person only the last word on a finding (or on a study) counts, in the week in which it was given.
    """
    last: dict[tuple[object, ...], tuple[tuple[str, str], str]] = {}
    rows = session.execute(
        select(
            FeedbackRow.author,
            FeedbackRow.study_id,
            FeedbackRow.sop_instance_uid,
            FeedbackRow.tracking_uid,
            FeedbackRow.model_version,
            FeedbackRow.verdict,
            FeedbackRow.at,
        )
        .where(FeedbackRow.at >= since)
        .order_by(FeedbackRow.id)
    )
    for author, study_id, image, finding, version, verdict, at in rows:
        version = version or UNKNOWN_VERSION
        last[author, study_id, image, finding, version] = ((version, week_of(at)), verdict)
    found: dict[tuple[str, str], Verdicts] = {}
    for key, verdict in last.values():
        found.setdefault(key, Counter())[verdict] += 1
    return found


def agreement(verdicts: Verdicts) -> float | None:
    """Return the share (0..1) that agrees, of all who said something; None below 20, too few to tell."""
    total = verdicts.total()
    return verdicts["agree"] / total if total >= FEWEST_FOR_A_SHARE else None


def told(verdicts: Verdicts) -> str:
    """Return the verdicts in words."""
    share = agreement(verdicts)
    counts = f"{verdicts['agree']} agree, {verdicts['disagree']} disagree, {verdicts['unsure']} unsure"
    if share is None:
        return f"{counts}: too few to tell a share ({FEWEST_FOR_A_SHARE} needed)"
    return f"{counts}: {share:.0%} agree"

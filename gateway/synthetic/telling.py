"""Is the made study back in time? For the metrics, the doctor and the readiness page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.synthetic_settings import SyntheticSettings
from gateway.database.synthetic_models import SyntheticStudy

_LOOKED_AT: Final = 500
"""More than are made while a report may be late in any sensible setting."""


@dataclass(frozen=True)
class Told:
    """`late`: somebody has to look. `back_at`, `seconds`: of the last one that came back, and how long it took."""

    late: bool
    sentence: str
    back_at: datetime | None = None
    seconds: float | None = None


def tell_of_settings(session: Session, moment: datetime, section: SyntheticSettings) -> Told | None:
    """Say how it stands; None where the site has not switched it on."""
    if section.every_minutes is None:
        return None
    return tell(session, moment, timedelta(minutes=section.every_minutes), timedelta(minutes=section.within_minutes))


def tell(session: Session, moment: datetime, every: timedelta, within: timedelta) -> Told:
    """Say how it stands; what counts is the newest study of which it is known."""
    rows = session.scalars(select(SyntheticStudy).order_by(SyntheticStudy.made_at.desc()).limit(_LOOKED_AT)).all()
    late, sentence = _judge(rows, moment, every, within)
    back_at, made_at = next(((row.back_at, row.made_at) for row in rows if row.back_at is not None), (None, None))
    if back_at is None or made_at is None:
        return Told(late, sentence)
    return Told(late, sentence, back_at, (back_at - made_at).total_seconds())


def _judge(rows: Sequence[SyntheticStudy], moment: datetime, every: timedelta, within: timedelta) -> tuple[bool, str]:
    if not rows:
        return False, "none was sent yet"
    if moment - rows[0].made_at > every + within:
        return True, f"none was made since {rows[0].made_at:%Y-%m-%d %H:%M} UTC: see whether a worker runs"
    known = next((row for row in rows if row.back_at is not None or moment - row.made_at > within), None)
    if known is None:
        return False, "the first one is on its way"
    minutes = within.total_seconds() / 60
    if known.back_at is None:
        why = f" ({known.problem})" if known.problem else ""
        sent = "was sent" if known.sent_at else "was made"
        return True, f"the one that {sent} at {known.made_at:%Y-%m-%d %H:%M} UTC is not back in {minutes:g} min{why}"
    took = (known.back_at - known.made_at).total_seconds()
    if took > within.total_seconds():
        return True, f"the last one took {took / 60:.1f} min, more than {minutes:g}"
    return False, f"the last one was back after {took:.0f} s, at {known.back_at:%Y-%m-%d %H:%M} UTC"

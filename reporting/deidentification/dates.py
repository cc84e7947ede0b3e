"""Dates moved back by days, so that the time between two examinations stays (PS3.15 E.3.6)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

_TIME: Final = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?")


def earlier_date(text: str, days: int) -> str:
    """Return a date (VR DA, PS3.5 6.2) moved back; "" for anything else."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{8}", digits):
        return ""
    try:
        moved = date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) - timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"


def time_of_day(text: str) -> str:
    """Return a time (VR TM) as it is; "" for anything else."""
    return text.strip() if _TIME.fullmatch(text.strip()) else ""


def earlier_date_time(text: str, days: int) -> str:
    """Return a date with a time (VR DT) moved back, without its time zone; "" for one without a day."""
    local = re.sub(r"[+-][0-9]{4}$", "", text.strip())
    moved = earlier_date(local[:8], days)
    return moved + time_of_day(local[8:]) if moved else ""

"""What `mammogate doctor` says of the synthetic study."""

from __future__ import annotations

from typing import Literal

from gateway.database.columns import now
from gateway.parts import Parts
from gateway.synthetic.telling import tell_of_settings


def synthetic_state(parts: Parts) -> tuple[Literal["ok", "warning"], str]:
    """Say whether the last one was back in time."""
    with parts.database.read() as session:
        told = tell_of_settings(session, now(), parts.settings.synthetic)
    if told is None:
        return "ok", "off: synthetic.every_minutes is not set"
    return "warning" if told.late else "ok", told.sentence

"""What `mammogate doctor` looks at of scores and refusals: each source, beside the validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.monitoring.judging import judge
from gateway.monitoring.weeks import first_moment, sent_by_week, together
from inference.card import ModelInfo
from inference.drift import validation_scores

WEEKS = 4
"""Together, so that a small site has enough images; /metrics shows each week for itself."""


def scores(database: Database, model: ModelInfo) -> Iterator[tuple[str, Literal["ok", "warning"], str]]:
    """Yield a line for each source: its name, its state, and what was found."""
    with database.read() as session:
        weeks = sent_by_week(session, first_moment(now(), WEEKS), model.version)
    found = together(weeks.items())
    if not found:
        yield "scores", "ok", f"model {model.version} has read nothing in the last {WEEKS} weeks"
    validation = validation_scores(model.card)
    for source, sent in sorted(found.items()):
        state, told = judge(sent, validation)
        yield f"scores of {source}", state, f"{told} (last {WEEKS} weeks)"

"""What `mammogate doctor` looks at of scores, refusals and feedback: each source, each version of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.monitoring.agreement import Verdicts, told, verdicts_by_week
from gateway.monitoring.judging import judge
from gateway.monitoring.weeks import first_moment, sent_by_week, together
from inference.card import ModelInfo
from inference.drift import validation_scores

WEEKS = 4
"""Together, so that a small site has enough images; /metrics shows each week for itself."""


def agreement(database: Database) -> Iterator[tuple[str, Literal["ok", "warning"], str]]:
    """Yield a line for each version of the model that people gave feedback on."""
    with database.read() as session:
        weeks = verdicts_by_week(session, first_moment(now(), WEEKS))
    versions: dict[str, Verdicts] = {}
    for (version, _), counted in weeks.items():
        versions.setdefault(version, Counter()).update(counted)
    for version, counted in sorted(versions.items()):
        yield f"agreement with model {version}", "ok", f"{told(counted)} (last {WEEKS} weeks)"


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

"""Dead letters: failures of studies that somebody has to look at."""

from __future__ import annotations

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.models import DeadLetter, Study
from gateway.workflow.events import tell


def record_dead_letter(session: Session, study: Study, generation: int, step: str, reason: str) -> None:
    """Mark the study as failed and say why; an unresolved dead letter of the same generation is replaced."""
    session.execute(
        delete(DeadLetter).where(
            DeadLetter.study_id == study.id, DeadLetter.generation == generation, DeadLetter.resolved_at.is_(None)
        )
    )
    session.add(DeadLetter(study_id=study.id, generation=generation, step=step, reason=reason, failed_at=now()))
    study.status = "failed"
    tell(session, "study_failed", study)


def resolve_dead_letters(session: Session, study: Study) -> None:
    """A reported generation settles what failed before it: there is nothing left to try again."""
    session.execute(
        update(DeadLetter)
        .where(DeadLetter.study_id == study.id, DeadLetter.resolved_at.is_(None))
        .values(resolved_at=now())
    )

"""Resend: give a destination once more what it was given of a study, for one that has lost it or was set up later."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.models import Delivery, Instance, Report, Study
from gateway.workflow.destinations import DestinationPlan, PlannedDestination, owe_anew, plan_deliveries
from gateway.workflow.jobs import Jobs
from gateway.workflow.retrying import locked_study


class UnknownDestination(Exception):
    """The settings name no such destination."""


def resend_study(database: Database, jobs: Jobs, plan: DestinationPlan, study_uid: str, destination: str) -> int:
    """Send the newest reports, and the images that are still here if they went there, again; return how many objects.

    0: nothing is built yet, or all of it is on its way. Objects keep their UIDs, so a destination that has them keeps
    one of each. What was withdrawn from it stays withdrawn.

    Raises:
        UnknownStudy: there is no such study.
        UnknownDestination: no destination has this name.

    """
    planned = next((item for item in plan.destinations if item.name == destination), None)
    if planned is None:
        raise UnknownDestination(f"no destination is called {destination}: see the settings")
    with database.write() as session:
        study = locked_study(session, study_uid)
        generation = session.scalar(select(func.max(Report.generation)).where(Report.study_id == study.id))
        if generation is None:
            return 0
        return _owe_again(session, jobs, study, generation, destination) + _owe_first(
            session, jobs, study, generation, planned
        )


def _owe_again(session: Session, jobs: Jobs, study: Study, generation: int, destination: str) -> int:
    newest = select(Report.id).where(Report.study_id == study.id, Report.generation == generation)
    here = select(Instance.id).where(Instance.study_id == study.id, Instance.deleted_at.is_(None))
    rows = session.scalars(
        select(Delivery)
        .where(
            Delivery.study_id == study.id,
            Delivery.destination == destination,
            Delivery.action == "send",
            Delivery.status != "waiting",
            Delivery.report_id.in_(newest) | Delivery.instance_id.in_(here),
        )
        .with_for_update()
    ).all()
    owe_anew(session, jobs, study.study_instance_uid, destination, rows, "resend")
    return len(rows)


def _owe_first(session: Session, jobs: Jobs, study: Study, generation: int, planned: PlannedDestination) -> int:
    """Owe what the destination wants and was never owed: it came into the settings after the study was reported."""
    sent = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.study_id == study.id, Delivery.destination == planned.name, Delivery.action == "send")
    )
    before = session.scalar(sent) or 0
    plan_deliveries(session, jobs, DestinationPlan((planned,)), study, generation)
    session.flush()
    return (session.scalar(sent) or 0) - before

"""What is owed to whom: which reports to build, and a row for each object and destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.models import Delivery, Report, Study
from gateway.database.synthetic_models import is_synthetic
from gateway.workflow.jobs import Jobs
from reporting.study import REPORT_KINDS, Dialect, ReportKind, ReportVariant

# These carry no coded tree that differs between dialects: one object serves every destination.
_WITHOUT_DIALECT: frozenset[str] = frozenset({"presentation_state", "summary_image"})
# An SR of a later generation names its predecessors; these can't (PS3.3 C.17.2 is of SR documents only).
TO_WITHDRAW: frozenset[str] = frozenset({"presentation_state", "summary_image"})


@dataclass(frozen=True)
class PlannedDestination:
    """What one destination wants."""

    name: str
    kinds: tuple[ReportKind, ...]
    dialect: Dialect
    withdraw: Literal["note", "orthanc", "none"]

    def wants(self, report: Report) -> bool:
        """Say whether the report goes to this destination."""
        return report.kind in self.kinds and (report.kind in _WITHOUT_DIALECT or report.dialect == self.dialect)


@dataclass(frozen=True)
class DestinationPlan:
    """All destinations of the site."""

    destinations: tuple[PlannedDestination, ...]

    @property
    def writes_notes(self) -> bool:
        """Whether a destination wants rejection notes (IHE IOCM)."""
        return any(destination.withdraw == "note" for destination in self.destinations)

    def variants(self) -> tuple[ReportVariant, ...]:
        """Return what to build: what the destinations want, and each kind at least once for the feed."""
        wanted = {ReportVariant(kind) for kind in REPORT_KINDS}
        for destination in self.destinations:
            if destination.dialect != "SCT":
                wanted |= {
                    ReportVariant(kind, destination.dialect)
                    for kind in destination.kinds
                    if kind not in _WITHOUT_DIALECT
                }
        return tuple(sorted(wanted, key=lambda variant: (REPORT_KINDS.index(variant.kind), variant.dialect)))


def plan_deliveries(session: Session, jobs: Jobs, plan: DestinationPlan, study: Study, generation: int) -> None:
    """Write the rows of what the generation owes to each destination, and enqueue the first attempts."""
    if is_synthetic(session, study.study_instance_uid):
        return
    session.flush()
    reports = session.scalars(select(Report).where(Report.study_id == study.id)).all()
    for destination in plan.destinations:
        # Before the rows go: what may have arrived under one of them is to be withdrawn all the same.
        known = _known(session, study, destination)
        if destination.withdraw != "none":
            known -= _drop_overtaken(session, reports, generation, destination)
        rows = [
            *_reports(reports, study, generation, destination, known),
            *_withdrawals(reports, study, generation, destination, known),
        ]
        session.add_all(rows)
        if rows:
            jobs.deliver(session, study.study_instance_uid, generation, destination.name, "1", 0)


def forward_images(session: Session, jobs: Jobs, study: Study, destinations: Sequence[str]) -> None:
    """Owe every frozen image of the study to these destinations, whatever will come of reading it.

    What retention has deleted can't be passed on any more, to a destination that came into the settings later.
    """
    if is_synthetic(session, study.study_instance_uid):
        return
    session.flush()
    for name in destinations:
        known = set(
            session.scalars(
                select(Delivery.instance_id).where(Delivery.study_id == study.id, Delivery.destination == name)
            )
        )
        rows = [
            Delivery(study_id=study.id, generation=study.generation, destination=name, instance_id=instance.id)
            for instance in study.instances
            if instance.generation is not None and instance.id not in known and instance.deleted_at is None
        ]
        session.add_all(rows)
        if rows:
            jobs.deliver(session, study.study_instance_uid, study.generation, name, "images.1", 0)


def forward_at_once(
    connection: Connection,
    jobs: Jobs,
    destinations: Sequence[str],
    *,
    study_id: int,
    study_uid: str,
    generation: int,
    instance_id: int,
) -> None:
    """Pass on an object for which no generation is gathered: one that is not read, and came late or by itself.

    Whoever has its images passed on gets all of them, tomosynthesis and dose reports that come after the views too.
    """
    if is_synthetic(connection, study_uid):
        return
    for name in destinations:
        row = {"study_id": study_id, "generation": generation, "destination": name, "instance_id": instance_id}
        connection.execute(insert(Delivery), row)
        jobs.deliver(connection, study_uid, generation, name, f"late{instance_id}.1", 0)


_Known = set[tuple[str, int | None, int | None]]


def _known(session: Session, study: Study, destination: PlannedDestination) -> _Known:
    rows = session.scalars(
        select(Delivery).where(Delivery.study_id == study.id, Delivery.destination == destination.name)
    )
    return {(row.action, row.report_id, row.instance_id) for row in rows}


def _drop_overtaken(
    session: Session, reports: Sequence[Report], generation: int, destination: PlannedDestination
) -> _Known:
    """Owe no longer what a later generation overtook; return what certainly never arrived: nothing to withdraw there.

    An attempt may be running at this moment. It finds its row gone when it comes to note what came of it, and has
    the withdrawal done again (`Delivering`).
    """
    overtaken = [report.id for report in reports if report.generation < generation and report.kind in TO_WITHDRAW]
    rows = session.scalars(
        select(Delivery)
        .where(
            Delivery.report_id.in_(overtaken),
            Delivery.destination == destination.name,
            Delivery.action == "send",
            Delivery.status != "delivered",
        )
        .with_for_update()
    ).all()
    never: _Known = {(row.action, row.report_id, row.instance_id) for row in rows if not row.maybe_there}
    session.execute(delete(Delivery).where(Delivery.id.in_([row.id for row in rows])))
    return never


def _reports(
    reports: Sequence[Report], study: Study, generation: int, destination: PlannedDestination, known: _Known
) -> list[Delivery]:
    return [
        Delivery(study_id=study.id, generation=generation, destination=destination.name, report_id=report.id)
        for report in reports
        if report.generation == generation and destination.wants(report) and ("send", report.id, None) not in known
    ]


def _withdrawals(
    reports: Sequence[Report], study: Study, generation: int, destination: PlannedDestination, known: _Known
) -> list[Delivery]:
    if destination.withdraw == "none":
        return []
    return [
        Delivery(
            study_id=study.id,
            generation=generation,
            destination=destination.name,
            report_id=report.id,
            action="withdraw",
            first_due_at=now(),
        )
        for report in reports
        if report.generation < generation
        and report.kind in TO_WITHDRAW
        and ("send", report.id, None) in known
        and ("withdraw", report.id, None) not in known
    ]


def owe_anew(
    session: Session, jobs: Jobs, study_uid: str, destination: str, rows: Sequence[Delivery], why: str
) -> None:
    """Have what rows of a study say done at a destination once more, whatever came of it; `why` names the attempts."""
    moment = now()
    for row in rows:
        row.status, row.first_due_at, row.next_attempt_at = "waiting", moment, moment
    for generation in {row.generation for row in rows}:
        jobs.deliver(session, study_uid, generation, destination, f"{why}{uuid4().hex[:8]}.1", 0)

"""`mammogate doctor`: look at everything that the gateway needs, and say what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from sqlalchemy import func, select

from config.loading import load_settings
from config.settings import DestinationSettings, Settings
from gateway.cli import doctor_dicom
from gateway.cli.console import out, print_json, table
from gateway.cli.doctor_access import audit_trail, hospital_accounts
from gateway.cli.doctor_scores import agreement, scores
from gateway.cli.doctor_synthetic import synthetic_state
from gateway.cli.failures import EXPECTED, CommandFailed, sentence
from gateway.cli.options import ConfigOption, JsonOption
from gateway.database.clock import database_now
from gateway.database.columns import now
from gateway.database.commitment_models import Commitment
from gateway.database.models import DeadLetter, Delivery, Duplicate, Quarantined
from gateway.database.push_models import PushSubscription
from gateway.heartbeat import CLOCKS_DIFFER_SECONDS, alive, alive_of
from gateway.logs import configure_logs
from gateway.parts import Parts, open_parts
from gateway.processes.outgoing import open_destination
from gateway.processes.remote_engine import remote_server
from gateway.push.switch import Off, push_switch
from gateway.retention.telling import census
from inference.card import read_model_info

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check settings, folders, database, model, ports, destinations and what waits for a person."""
    configure_logs("error", "doctor")
    found = list(examine(load_settings(config)))
    if as_json:
        print_json([finding.__dict__ for finding in found])
    else:
        shown = table("what", "state", "detail")
        for finding in found:
            shown.add_row(finding.name, finding.state, finding.detail)
        out.print(shown)
    failed = [finding.name for finding in found if finding.state == "failed"]
    if failed:
        raise CommandFailed(f"not well: {', '.join(failed)}")


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what was found; a part that can't be looked at is a finding, never an error."""
    yield Finding("settings", "ok", "read")
    try:
        parts = open_parts(settings)
    except EXPECTED as error:
        yield Finding("state", "failed", sentence(error))
        return
    yield _checked("disk", lambda: _disk(parts))
    yield Finding("database", "ok", parts.database.engine.url.render_as_string(hide_password=True))
    yield _checked("processes", lambda: _processes(parts))
    yield _checked("clock", lambda: _clock(parts))
    yield _checked("model", _model)
    if settings.inference.engine == "remote":
        yield _checked("remote engine", lambda: _remote_engine(settings))
    yield from _scores(parts)
    yield _checked("dicom port", lambda: doctor_dicom.own_port(settings.dicom))
    for name, certificate in doctor_dicom.certificates(settings):
        yield _checked(f"certificate of {name}", partial(doctor_dicom.certificate_state, certificate))
    yield Finding("storage commitment", *_commitment(parts))
    yield _checked("retention", lambda: retention_state(parts))
    yield _checked("synthetic study", lambda: synthetic_state(parts))
    yield Finding("push messages", *_push(parts))
    yield _checked("hospital accounts", lambda: hospital_accounts(settings.http))
    yield _checked("audit trail", lambda: audit_trail(parts))
    yield from _waiting_for_people(parts)
    for item in settings.destinations:
        yield _checked(f"destination {item.name}", partial(_destination, item, settings.dicom.ae_title))
    missing = [program for program in ("dcmdjpeg", "dcmdjpls", "dcmdrle") if shutil.which(program) is None]
    yield Finding(
        "fallback decoders",
        "warning" if missing else "ok",
        "DCMTK is not installed: images that Python can't decode are reported as unreadable" if missing else "DCMTK",
    )


def _checked(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    try:
        state, detail = look()
    except EXPECTED as error:
        return Finding(name, "failed", sentence(error))
    return Finding(name, state, detail)


def _disk(parts: Parts) -> tuple[State, str]:
    free = parts.folders.free_bytes() // (1024 * 1024)
    reserve = parts.settings.reserve_mib
    if free < reserve:
        return "failed", f"{free} MiB free, {reserve} MiB must stay free: senders are told to try later; make room"
    return "ok" if free > 4 * reserve else "warning", f"{free} MiB free in {parts.folders.root}"


def _processes(parts: Parts) -> tuple[State, str]:
    with parts.database.read() as session:
        living = alive(session)
    missing = [part for part in ("receive", "work", "api") if not alive_of(living, part)]
    if missing:
        return "warning", f"none of {', '.join(missing)} has given a sign of life lately: is `mammogate serve` running?"
    return "ok", ", ".join(sorted(living))


def _clock(parts: Parts) -> tuple[State, str]:
    with parts.database.read() as session:
        off = (now() - database_now(session)).total_seconds()
    if abs(off) > CLOCKS_DIFFER_SECONDS:
        return "warning", f"{off:+.1f} s from the database's: let NTP set the clocks of all machines"
    return "ok", "as the database's"


def _model() -> tuple[State, str]:
    from inference.embedded import EmbeddedEngine

    engine = EmbeddedEngine()
    return "ok", f"version {engine.model.version}"


def _remote_engine(settings: Settings) -> tuple[State, str]:
    server = remote_server(settings.inference)
    if server is None:
        return "ok", "not used"
    from inference.remote.client import RemoteCells
    from inference.remote.version import served_version

    version = served_version(read_model_info().version)
    RemoteCells(server, version).look()
    return "ok", f"{server.address} serves {server.model} in version {version}"


def _scores(parts: Parts) -> Iterator[Finding]:
    try:
        model = read_model_info()
    except EXPECTED:
        return  # the line above says so
    try:
        yield from [Finding(*found) for found in scores(parts.database, model)]
        yield from [Finding(*found) for found in agreement(parts.database)]
    except EXPECTED as error:
        yield Finding("scores", "failed", sentence(error))


def _destination(item: DestinationSettings, calling_ae_title: str) -> tuple[State, str]:
    health = open_destination(item, calling_ae_title).health()
    return "ok" if health.ok else "failed", health.detail


def _commitment(parts: Parts) -> tuple[State, str]:
    settings = parts.settings
    if not parts.offers_commitment:
        return "ok", "not offered: no destination confirms, and the data folder is not declared to be the archive"
    archives = [item.name for item in settings.destinations if item.confirms]
    offered = f"offered; confirmed by {', '.join(archives) or 'the data folder'}"
    deaf = [peer.ae_title for peer in settings.dicom.allowed_peers if peer.port is None]
    if not settings.dicom.allowed_peers or deaf:
        who = ", ".join(deaf) or "everybody"
        return "warning", f"{offered}; refused to {who}, without a port in dicom.allowed_peers"
    return "ok", offered


def retention_state(parts: Parts) -> tuple[State, str]:
    """Say what was deleted by age, and what keeps images that are old enough."""
    after_days = parts.settings.retention.after_days
    if after_days is None:
        return "ok", "off: images stay until their study is forgotten"
    counted = census(parts.database, timedelta(days=after_days))
    told = f"after {after_days:g} days; {counted.deleted} images deleted so far, {counted.old} older ones still here"
    if not counted.open_matters:
        return "ok", told
    reasons = "; ".join(f"{count} since {matter}" for matter, count in counted.open_matters.most_common())
    return "warning", f"{told}, of those kept: {reasons}"


def _push(parts: Parts) -> tuple[State, str]:
    switch = push_switch(parts.settings, parts.folders)
    with parts.database.read() as session:
        devices = session.scalar(select(func.count()).select_from(PushSubscription)) or 0
        failing = select(func.count()).select_from(PushSubscription).where(PushSubscription.last_error.is_not(None))
        troubled = session.scalar(failing) or 0
    if isinstance(switch, Off):
        # A site that has set a contact means to send; one that has not, does not miss anything.
        return ("ok" if parts.settings.push.contact is None else "warning"), f"off. {switch.why}"
    told = f"on, {devices} devices"
    return (
        ("warning", f"{told}, {troubled} of them could not be told last: see push.attempted in the log")
        if (troubled)
        else ("ok", told)
    )


def _waiting_for_people(parts: Parts) -> Iterator[Finding]:
    counted = {
        "dead letters": select(func.count()).select_from(DeadLetter).where(DeadLetter.resolved_at.is_(None)),
        "failed deliveries": select(func.count()).select_from(Delivery).where(Delivery.status == "failed"),
        "waiting deliveries": select(func.count())
        .select_from(Delivery)
        .where(Delivery.last_error.is_not(None), Delivery.status == "waiting"),
        "failed commitments": select(func.count()).select_from(Commitment).where(Commitment.status == "failed"),
        "quarantine": select(func.count()).select_from(Quarantined),
        "conflicting duplicates": select(func.count()).select_from(Duplicate).where(Duplicate.status == "different"),
    }
    with parts.database.read() as session:
        for name, question in counted.items():
            count = session.scalar(question) or 0
            yield Finding(name, "warning" if count else "ok", str(count))

"""`mammogate serve`."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer

from config.loading import load_settings
from gateway.cli.options import ConfigOption
from gateway.logs import configure_logs
from gateway.parts import Parts, open_parts
from gateway.processes.stopping import EXIT_REFUSED, StartRefused, stop_on_signals
from gateway.processes.supervisor import Supervisor, places, receiving_places
from gateway.reading.child import die_with_parent
from gateway.slots import SlotName

log = structlog.get_logger(__name__)
# A part outlives a database that restarts: it waits for it instead of ending.
_PATIENT_SECONDS = 24 * 3600.0
Part = Literal["receive", "work", "api"]


def serve(
    config: ConfigOption = None,
    only: Annotated[Part | None, typer.Option(help="Run one part only.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    number: Annotated[int, typer.Option(hidden=True)] = 1,
    listening: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the gateway: receive, work and api as processes of their own, until Ctrl-C."""
    if parent is not None:
        die_with_parent(parent)
    settings = load_settings(config)
    receivers = settings.dicom.processes
    # Several receivers need somebody over them who holds the port.
    supervised = {None: places(receivers), "receive": receiving_places(receivers)}.get(only, [])
    supervises = only is None or (parent is None and len(supervised) > 1)
    name = SlotName(only or "", number, settings.resolved_node).local
    configure_logs(settings.log_level, "supervisor" if supervises else name)
    stop = stop_on_signals()
    # Whoever starts it should see at once that the settings can't work; a database that is away is waited for.
    parts = open_parts(settings, wait_seconds=_PATIENT_SECONDS)
    if supervises:
        parts.database.engine.dispose()  # each process connects by itself
        log.info("serve.starting", data=str(settings.data_dir.resolve()), note="research use only")
        Supervisor(str(config) if isinstance(config, Path) else None, supervised, settings.dicom).run(stop)
        return
    try:
        _run(only, parts, stop, number, listening)
    except StartRefused as refusal:
        if parent is None:
            raise
        log.error("serve.refused", part=only, reason=str(refusal))
        sys.exit(EXIT_REFUSED)


def _run(only: Part | None, parts: Parts, stop: threading.Event, number: int, listening: int | None) -> None:
    # Each process imports its own part only: together they would triple the memory and the time to start.
    if only == "receive":
        from gateway.processes.receive import receive

        shared = None if listening is None else socket.socket(fileno=listening)
        receive(parts, stop, number, shared)
    elif only == "work":
        from gateway.processes.work import work

        work(parts, stop)
    else:
        from gateway.processes.api import serve_api

        serve_api(parts, stop)

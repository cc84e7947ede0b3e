"""`mammogate serve`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer

from config.loading import load_settings
from gateway.cli.options import ConfigOption
from gateway.logs import configure_logs
from gateway.parts import Parts, open_parts
from gateway.processes.stopping import EXIT_REFUSED, StartRefused, stop_on_signals
from gateway.processes.supervisor import Supervisor
from gateway.reading.child import die_with_parent

log = structlog.get_logger(__name__)
# A part outlives a database that restarts: it waits for it instead of ending.
_PATIENT_SECONDS = 24 * 3600.0
Part = Literal["receive", "work", "api"]


def serve(
    config: ConfigOption = None,
    only: Annotated[Part | None, typer.Option(help="Run one part only, in this process.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the gateway: receive, work and api as processes of their own, until Ctrl-C."""
    if parent is not None:
        die_with_parent(parent)
    settings = load_settings(config)
    configure_logs(settings.log_level, only or "supervisor")
    stop = stop_on_signals()
    if only is None:
        # Whoever starts it should see at once that the settings can't work; a database that is away is waited for.
        open_parts(settings, wait_seconds=_PATIENT_SECONDS)
        log.info("serve.starting", data=str(settings.data_dir.resolve()), note="research use only")
        Supervisor(str(config) if isinstance(config, Path) else None).run(stop)
        return
    parts = open_parts(settings, wait_seconds=_PATIENT_SECONDS)
    try:
        _part(only)(parts, stop)
    except StartRefused as refusal:
        if parent is None:
            raise
        log.error("serve.refused", part=only, reason=str(refusal))
        sys.exit(EXIT_REFUSED)


def _part(name: Part) -> Callable[[Parts, threading.Event], None]:
    # Each process imports its own part only: together they would triple the memory and the time to start.
    if name == "receive":
        from gateway.processes.receive import receive

        return receive
    if name == "work":
        from gateway.processes.work import work

        return work
    from gateway.processes.api import serve_api

    return serve_api

"""`mammogate serve`."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import structlog
import typer

from config.loading import load_settings
from gateway.cli.options import ConfigOption
from gateway.logs import configure_logs
from gateway.parts import open_parts
from gateway.processes.part import PATIENT_SECONDS, Place, part_command
from gateway.processes.stopping import stop_on_signals
from gateway.processes.supervisor import Supervisor, places, receiving_places

log = structlog.get_logger(__name__)


def serve(
    config: ConfigOption = None,
    only: Annotated[Literal["receive", "work", "api"] | None, typer.Option(help="Run one part only.")] = None,
) -> None:
    """Run the gateway: receive, work and api as processes of their own, until Ctrl-C."""
    settings = load_settings(config)
    receivers = settings.dicom.processes
    # Several receivers need somebody over them who holds the port.
    supervised = {None: places(receivers), "receive": receiving_places(receivers)}.get(only, [])
    supervises = only is None or len(supervised) > 1
    configure_logs(settings.log_level, "supervisor" if supervises else str(only))
    stop = stop_on_signals()
    # Whoever starts it should see at once that the settings can't work; a database that is away is waited for.
    parts = open_parts(settings, wait_seconds=PATIENT_SECONDS)
    parts.database.engine.dispose()  # each process connects by itself
    if only is not None and not supervises:
        # The same process goes on as the part alone, without what the command line has in memory.
        command = part_command(Place(only), config=config)
        os.execv(command[0], command)  # noqa: S606 - our own program with our own arguments
    log.info("serve.starting", data=str(settings.data_dir.resolve()), note="research use only")
    Supervisor(config, supervised, settings.dicom).run(stop)

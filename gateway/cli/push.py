"""`mammogate push key`."""

from __future__ import annotations

import typer

from gateway.cli.console import err, out, print_json
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, JsonOption, open_for_command
from gateway.push.switch import Off, push_switch
from gateway.push.vapid_key import VapidKeyUnusable, make_vapid_key

pushes = typer.Typer(no_args_is_help=True)


@pushes.callback()
def _pushes() -> None:
    """Messages to the doctors' phones."""


@pushes.command("key")
def key(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make the key by which push services know this gateway, and print its public half; a later call prints it."""
    parts = open_for_command(config)
    try:
        made = make_vapid_key(parts.folders)
    except VapidKeyUnusable as error:
        raise CommandFailed(str(error)) from None
    if as_json:
        print_json({"public_key": made.public})
    else:
        out.print(made.public)
    switch = push_switch(parts.settings, parts.folders)
    err.print(f"messages are off: {switch.why}" if isinstance(switch, Off) else "messages are on")

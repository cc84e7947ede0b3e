"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.loading import load_settings
from gateway.logs import configure_logs
from gateway.parts import Parts, open_parts

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: $MAMMOGATE_CONFIG, else config/mammogate.toml.")
]
TlsCaOption = Annotated[
    Path | None, typer.Option("--tls-ca", metavar="FILE", help="Speak TLS; the node shows a certificate of this CA.")
]
TlsCertificateOption = Annotated[
    Path | None, typer.Option("--tls-certificate", metavar="FILE", help="Our own certificate, with --tls-key.")
]
TlsKeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="The private key of --tls-certificate.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def open_for_command(config: Path | None) -> Parts:
    """Read the settings and open the parts, for a command that ends by itself."""
    settings = load_settings(config)
    configure_logs("warning", "cli")
    return open_parts(settings)

"""`mammogate send` and `mammogate echo`."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

import structlog
import typer

from dicom_node.destination import Delivered, DicomDestinationSettings, Outcome
from dicom_node.storage_scu import send_files
from dicom_node.tls import requestor_context
from dicom_node.verification import echo as ask
from gateway.cli.classify import find_files
from gateway.cli.console import err, out, progress
from gateway.cli.failures import CommandFailed
from gateway.cli.options import TlsCaOption, TlsCertificateOption, TlsKeyOption
from gateway.logs import configure_logs


def send(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT")],
    aet: Annotated[str, typer.Option("--aet", help="The AE title to call.")] = "MAMMOGATE",
    calling: Annotated[str, typer.Option("--calling", help="Our own AE title.")] = "MAMMOGATE_SCU",
    tls_ca: TlsCaOption = None,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
) -> None:
    """Send DICOM files, or folders of them, by C-STORE."""
    configure_logs("error", "cli")
    peer = _peer(to, aet, calling, _tls(tls_ca, tls_certificate, tls_key))
    files = list(find_files(paths))
    if not files:
        raise CommandFailed("there are no files at the given paths")
    with progress() as shown:
        task = shown.add_task("sending", total=len(files))

        def one_more(_path: Path, _outcome: Outcome) -> None:
            shown.advance(task)

        outcomes = send_files(peer, files, structlog.get_logger("send"), one_more)
    failed = {path: outcome for path, outcome in outcomes.items() if not isinstance(outcome, Delivered)}
    for path, outcome in failed.items():
        err.print(f"{path}: {outcome.reason}")
    out.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} files are stored at {to}")
    if failed:
        raise CommandFailed(f"{len(failed)} files were not stored: see the lines above, then send them again")


def echo(
    to: Annotated[str, typer.Argument(metavar="HOST:PORT")],
    aet: Annotated[str, typer.Option("--aet", help="The AE title to call.")] = "MAMMOGATE",
    calling: Annotated[str, typer.Option("--calling", help="Our own AE title.")] = "MAMMOGATE_SCU",
    tls_ca: TlsCaOption = None,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
) -> None:
    """Ask a DICOM node whether it is there (C-ECHO)."""
    configure_logs("error", "cli")
    answer = ask(_peer(to, aet, calling, _tls(tls_ca, tls_certificate, tls_key)))
    if not answer.ok:
        raise CommandFailed(answer.detail)
    out.print(answer.detail)


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--tls-certificate and --tls-key belong together: give both or neither")
    if ca is None:
        if certificate is not None:
            raise typer.BadParameter("--tls-ca is missing: name the authority that signed the node's certificate")
        return None
    return requestor_context(ca, certificate, key)


def _peer(to: str, aet: str, calling: str, tls: ssl.SSLContext | None) -> DicomDestinationSettings:
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"{to} is not HOST:PORT, e.g. 127.0.0.1:11112")
    return DicomDestinationSettings(
        name=aet, host=host, port=int(port), ae_title=aet, calling_ae_title=calling, tls=tls
    )

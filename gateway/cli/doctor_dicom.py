"""What `mammogate doctor` looks at of DICOM: the own port, over TLS where it is on, and how long certificates last."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from config.settings import DicomSettings, Settings
from dicom_node.certificate_file import ENDS_SOON_DAYS
from dicom_node.destination import DicomDestinationSettings
from dicom_node.tls import acceptor_context, certificate_validity, own_requestor_context
from dicom_node.tls_handshake import HandshakeFailed, would_accept
from dicom_node.verification import echo

State = Literal["ok", "warning", "failed"]
_CONNECT_SECONDS = 2.0


def own_port(dicom: DicomSettings) -> tuple[State, str]:
    """Ask the own port by C-ECHO.

    Over TLS the gateway's own certificate is shown. Where `dicom.tls.peer_ca` would not accept it as a sender's, only
    the TCP port is looked at, and that is said.

    Raises:
        TlsUnusable: the port can't speak TLS as configured.

    """
    host = "127.0.0.1" if dicom.host in ("0.0.0.0", "::") else dicom.host  # noqa: S104 - compared, not bound
    tls: ssl.SSLContext | None = None
    if dicom.tls.certificate and dicom.tls.key:
        tls = own_requestor_context(dicom.tls.certificate, dicom.tls.key)
        required = not dicom.tls.allow_unauthenticated_peers
        acceptor = acceptor_context(
            dicom.tls.certificate, dicom.tls.key, dicom.tls.peer_ca, certificate_required=required
        )
        try:
            would_accept(acceptor, tls)
        except HandshakeFailed as refusal:
            return _only_tcp(host, dicom.port, str(refusal))
    calling = dicom.allowed_peers[0].ae_title if dicom.allowed_peers else "DOCTOR"
    peer = DicomDestinationSettings(
        "self", host, dicom.port, dicom.ae_title, calling, connect_timeout=_CONNECT_SECONDS, tls=tls
    )
    answer = echo(peer)
    if answer.ok:
        return "ok", f"{answer.detail}{' It speaks TLS.' if tls else ''}"
    return "warning", f"{answer.detail} (is `mammogate serve` running?)"


def _only_tcp(host: str, port: int, why: str) -> tuple[State, str]:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS):
            pass
    except OSError as problem:
        return (
            "warning",
            f"{host}:{port} can't be reached ({problem.strerror or problem}) (is `mammogate serve` running?)",
        )
    return "ok", (
        f"{host}:{port} takes connections. Only that and the certificate were looked at, no C-ECHO over TLS: the "
        f"gateway can't call itself as a sender ({why})"
    )


def certificates(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield every certificate of ours, with what it is for."""
    if settings.dicom.tls.certificate:
        yield "the dicom port", settings.dicom.tls.certificate
    for item in settings.destinations:
        if item.tls and item.tls.certificate:
            yield f"destination {item.name}", item.tls.certificate


def certificate_state(path: Path) -> tuple[State, str]:
    """Say until when a certificate lasts.

    Raises:
        TlsUnusable: it can't be read.

    """
    validity = certificate_validity(path)
    moment = datetime.now(UTC)
    days, end = validity.days_left(moment), f"{validity.ends:%Y-%m-%d}"
    if validity.ends <= moment:
        return "failed", f"{path} expired on {end}: have it renewed, put the new one there and restart"
    if validity.begins > moment:
        return "failed", f"{path} is valid only from {validity.begins:%Y-%m-%d}: check this machine's clock"
    if days <= ENDS_SOON_DAYS:
        return "warning", f"{path} ends on {end}, in {days} days: have it renewed, put the new one there and restart"
    return "ok", f"{path} is valid until {end}"

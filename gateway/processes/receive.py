"""The receiving process: the DICOM port, and the Orthancs whose changes are followed."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime

import structlog

from config.settings import DicomTlsSettings
from dicom_node.association_policy import AllowedPeer
from dicom_node.certificate_file import ENDS_SOON_DAYS
from dicom_node.listening import AddressUnavailable, PortInUse
from dicom_node.storage_commitment import StorageCommitment
from dicom_node.storage_scp import ScpSettings, StorageScp
from dicom_node.tls import TlsUnusable, acceptor_context, certificate_validity
from gateway.abandoned import close_own
from gateway.commitment.recording import DurableDesk
from gateway.parts import Parts
from gateway.processes.joining import joined
from gateway.processes.sources import let_go_of_sources, prepare_sources
from gateway.processes.stopping import StartRefused
from gateway.processes.synthetic_peer import synthetic_peer
from gateway.processes.tracing import traces
from gateway.strays import StraySweep

log = structlog.get_logger(__name__)


def receive(parts: Parts, stop: threading.Event, number: int = 1, listening: socket.socket | None = None) -> None:
    """Receive until `stop` is set, as the `number`th receiving process of this machine.

    `listening`: the socket that the receiving processes of this machine share; None: this one opens the port.
    The first one also follows the sources and removes stray files.

    Raises:
        StartRefused: the port is taken, the address is not ours, TLS can't be used as configured, or this receiver
            runs already.

    """
    with joined(parts, "receive", number) as name, traces(parts, name) as traced:
        close_own(parts.database, parts.jobs, name)
        let_go_of_sources(parts.database, name)
        intake = parts.intake(name, traced)
        sources: list[threading.Thread] = []
        if number == 1:
            sweep = StraySweep(parts.database, parts.folders)
            threading.Thread(target=sweep.run, args=(stop,), name="strays", daemon=True).start()
            sources = prepare_sources(parts, intake, name, stop)
        scp = StorageScp(_scp_settings(parts, listening), intake, structlog.get_logger("dicom"), _commitment(parts))
        try:
            scp.start()
        except (PortInUse, AddressUnavailable) as error:
            raise StartRefused(str(error.strerror)) from None
        dicom = parts.settings.dicom
        log.info(
            "receive.listening",
            host=dicom.host,
            port=scp.port,
            ae_title=dicom.ae_title,
            tls=dicom.tls.certificate is not None,
        )
        try:
            for source in sources:
                source.start()
            stop.wait()
        finally:
            # Its thread would otherwise keep the process, and the port, for ever.
            scp.stop()
        for source in sources:
            source.join(timeout=5)
        intake.close()
        if not any(source.is_alive() for source in sources):
            let_go_of_sources(parts.database, name)


def _commitment(parts: Parts) -> StorageCommitment | None:
    """Return what offers storage commitment, or None where no archive stands behind it."""
    if not parts.offers_commitment:
        return None
    desk = DurableDesk(parts.database, parts.jobs, parts.address_book)
    return StorageCommitment(desk, structlog.get_logger("dicom"))


def _scp_settings(parts: Parts, listening: socket.socket | None) -> ScpSettings:
    dicom = parts.settings.dicom
    return ScpSettings(
        host=dicom.host,
        port=dicom.port,
        ae_title=dicom.ae_title,
        allowed_peers=tuple(
            AllowedPeer(peer.ae_title, tuple(str(network) for network in peer.addresses), peer.max_associations)
            for peer in dicom.allowed_peers
        )
        + synthetic_peer(parts.settings),
        tls=_tls(dicom.tls),
        listening=listening,
    )


def _tls(tls: DicomTlsSettings) -> ssl.SSLContext | None:
    if tls.certificate is None or tls.key is None:
        return None
    try:
        context = acceptor_context(
            tls.certificate, tls.key, tls.peer_ca, certificate_required=not tls.allow_unauthenticated_peers
        )
        days = certificate_validity(tls.certificate).days_left(datetime.now(UTC))
    except TlsUnusable as error:
        raise StartRefused(str(error)) from None
    if days <= ENDS_SOON_DAYS:
        log.warning("receive.certificate_ends_soon", days=days, certificate=str(tls.certificate))
    if tls.allow_unauthenticated_peers:
        log.warning("receive.unauthenticated_peers", advice="Set dicom.tls.peer_ca, and have the senders show theirs.")
    return context

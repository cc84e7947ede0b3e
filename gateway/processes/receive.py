"""The receiving process: the DICOM port, and the Orthancs whose changes are followed."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime

import structlog
from sqlalchemy import update

from config.settings import DicomTlsSettings
from dicom_node.association_policy import AllowedPeer
from dicom_node.certificate_file import ENDS_SOON_DAYS
from dicom_node.storage_commitment import StorageCommitment
from dicom_node.storage_scp import AddressUnavailable, PortInUse, ScpSettings, StorageScp
from dicom_node.tls import TlsUnusable, acceptor_context, certificate_validity
from gateway.commitment.recording import DurableDesk
from gateway.database.columns import now
from gateway.database.models import AssociationRecord
from gateway.parts import Parts
from gateway.processes.sources import prepare_sources
from gateway.processes.stopping import StartRefused
from gateway.slots import Slot, SlotTaken
from gateway.strays import StraySweep

log = structlog.get_logger(__name__)


def receive(parts: Parts, stop: threading.Event) -> None:
    """Receive until `stop` is set.

    Raises:
        StartRefused: the port is taken, the address is not ours, TLS can't be used as configured, or another receiver
            runs on this data folder.

    """
    try:
        slot = Slot(parts.folders.slots, "receive")
    except SlotTaken as error:
        raise StartRefused(str(error)) from None
    with slot:
        close_abandoned(parts, slot.name)
        sweep = StraySweep(parts.database, parts.folders)
        threading.Thread(target=sweep.run, args=(stop,), name="strays", daemon=True).start()
        intake = parts.intake(slot.name)
        sources = prepare_sources(parts, intake, stop)
        scp = StorageScp(_scp_settings(parts), intake, structlog.get_logger("dicom"), _commitment(parts))
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


def close_abandoned(parts: Parts, receiver: str) -> None:
    """Close the associations that this receiver left open when it last ended: nothing more comes from them."""
    with parts.database.write() as session:
        session.execute(
            update(AssociationRecord)
            .where(AssociationRecord.receiver == receiver, AssociationRecord.closed_at.is_(None))
            .values(closed_at=now())
        )


def _commitment(parts: Parts) -> StorageCommitment | None:
    """Return what offers storage commitment, or None where no archive stands behind it."""
    if not parts.offers_commitment:
        return None
    desk = DurableDesk(parts.database, parts.jobs, parts.address_book)
    return StorageCommitment(desk, structlog.get_logger("dicom"))


def _scp_settings(parts: Parts) -> ScpSettings:
    dicom = parts.settings.dicom
    return ScpSettings(
        host=dicom.host,
        port=dicom.port,
        ae_title=dicom.ae_title,
        allowed_peers=tuple(
            AllowedPeer(peer.ae_title, tuple(str(network) for network in peer.addresses), peer.max_associations)
            for peer in dicom.allowed_peers
        ),
        tls=_tls(dicom.tls),
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

"""Asking a peer for an association, with every way in which that fails told apart."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import cast

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicom_node import pynetdicom_options  # noqa: F401 (sets pynetdicom's global switches)
from dicom_node.destination import DicomDestinationSettings
from dicom_node.paced_sending import pace
from dicom_node.tls_handshake import OutgoingTls, reason

MAX_CONTEXTS = 128
MAX_PDU_BYTES = 131_072


class AssociationFailed(ConnectionError):
    """No association; every cause is a subclass with a sentence of its own."""


class PeerUnreachable(AssociationFailed):
    def __init__(self, peer: DicomDestinationSettings, problem: str) -> None:
        super().__init__(
            f"Cannot connect to {peer.host}:{peer.port} ({problem}); check host, port and firewall, "
            "and that the DICOM service runs there."
        )


class TlsFailed(AssociationFailed):
    def __init__(self, peer: DicomDestinationSettings, why: str) -> None:
        super().__init__(
            f"No association over TLS with {peer.host}:{peer.port}: {why}. Compare the certificates and authorities on "
            "both sides, and call it by a name that stands in its certificate."
        )


class AssociationRejected(AssociationFailed):
    def __init__(self, peer: DicomDestinationSettings, reason: str) -> None:
        super().__init__(
            f"{peer.ae_title} at {peer.host}:{peer.port} rejected the association: {reason}. It was called "
            f"{peer.ae_title!r} by {peer.calling_ae_title!r}: both titles have to be known there."
        )


class AssociationAborted(AssociationFailed):
    def __init__(self, peer: DicomDestinationSettings) -> None:
        super().__init__(
            f"{peer.ae_title} at {peer.host}:{peer.port} broke off while the association was negotiated; "
            "look into its log, and check whether it expects TLS."
        )


class NoAnswer(AssociationFailed):
    def __init__(self, peer: DicomDestinationSettings) -> None:
        super().__init__(
            f"{peer.host}:{peer.port} accepted the connection but did not answer the association request within "
            f"{peer.acse_timeout:g} s; check that it is a DICOM service and not stuck."
        )


class NoContextAccepted(AssociationFailed):
    """The peer is there but takes nothing of what was proposed; `contexts` have its reasons."""

    def __init__(self, peer: DicomDestinationSettings, contexts: Sequence[PresentationContext]) -> None:
        super().__init__(f"{peer.ae_title} at {peer.host}:{peer.port} accepted none of the object types offered.")
        self.contexts = list(contexts)


def associate(
    peer: DicomDestinationSettings,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
) -> Association:
    """Return an established association, or raise an `AssociationFailed`.

    `roles`: SCP/SCU role selection (PS3.7 D.3.3.4) where we are not the SCU of what we propose.
    """
    ae = ApplicationEntity(peer.calling_ae_title)
    ae.connection_timeout, ae.acse_timeout = peer.connect_timeout, peer.acse_timeout
    ae.dimse_timeout, ae.network_timeout = peer.dimse_timeout, None  # an idle association of ours is ours to end
    connected: list[bool] = []

    def on_connection(event: Event) -> None:
        connected.append(True)
        wrapped = event.assoc.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Without it a peer that stops reading would hold the sending thread for ever.
            wrapped.socket.settimeout(peer.network_timeout)

    started = time.monotonic()
    outgoing = OutgoingTls(peer.tls) if peer.tls else None
    try:
        association = ae.associate(
            peer.host,
            peer.port,
            list(contexts),
            peer.ae_title,
            max_pdu=MAX_PDU_BYTES,
            tls_args=outgoing.arguments(peer.host) if outgoing else None,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, on_connection)],
        )
    except OSError as problem:  # the name could not be resolved
        raise PeerUnreachable(peer, problem.strerror or str(problem)) from problem
    if association.is_established:
        return pace(association)
    tls_problem = outgoing.problem if outgoing else None
    if not connected:
        if tls_problem is not None:
            raise TlsFailed(peer, reason(tls_problem))
        raise PeerUnreachable(peer, "connection refused, or no route")
    if association.is_rejected:
        raise AssociationRejected(peer, cast(A_ASSOCIATE, association.acceptor.primitive).reason_str.lower())
    if association.rejected_contexts:
        raise NoContextAccepted(peer, association.rejected_contexts)
    if tls_problem is not None:
        raise TlsFailed(peer, reason(tls_problem))
    if time.monotonic() - started >= peer.acse_timeout:
        raise NoAnswer(peer)
    raise AssociationAborted(peer)

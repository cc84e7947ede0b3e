"""The Storage SCP (PS3.4 Annex B): takes C-STORE requests, has the intake make them durable, answers with its verdict.

scp = StorageScp(ScpSettings(port=11112), intake, log)
scp.start()   # returns once the port is bound
...
scp.stop()
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

from dicom_node.association_connection import AssociationConnection
from dicom_node.association_policy import AllowedPeer, AssociationPolicy
from dicom_node.association_reader import AssociationReader
from dicom_node.association_server import AssociationServer, IncomingAssociation
from dicom_node.association_services import AssociationServices
from dicom_node.association_tally import AssociationTally
from dicom_node.intake import Intake, Origin
from dicom_node.listening import BACKLOG, cannot_listen
from dicom_node.presentation_contexts import accepted_contexts
from dicom_node.storage_commitment import StorageCommitment
from dicom_node.verification import answer_echo

# How soon the accepting thread notices that it should stop.
STOP_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class ScpSettings:
    host: str = "127.0.0.1"
    port: int = 11112
    """0 = any free port; `StorageScp.port` says which."""
    ae_title: str = "MAMMOGATE"
    allowed_peers: tuple[AllowedPeer, ...] = ()
    """Empty = any peer."""
    max_associations: int = 100
    backlog: int = BACKLOG
    max_pdu_bytes: int = 131_072
    acse_timeout: float = 30.0
    network_timeout: float = 60.0
    """How long a peer may stay silent, within an object and between two, before its association is aborted."""
    slowest_bytes_per_second: float = 1024.0
    """Within an object, a peer that sends less than this over the network timeout counts as silent."""
    linger_seconds: float = 2.0
    """How long a peer may take to close the connection after the association has ended (ARTIM, PS3.8 9.1.5)."""
    stop_seconds: float = 5.0
    """How long `stop` waits for associations to end by themselves."""
    tls: ssl.SSLContext | None = None
    listening: socket.socket | None = None
    """A socket that listens already and doesn't block, shared with other processes; `host`, `port` and `backlog` then
    only say where. The limits of associations count in this process."""


class StorageScp:
    def __init__(
        self,
        settings: ScpSettings,
        intake: Intake,
        log: structlog.typing.FilteringBoundLogger,
        commitment: StorageCommitment | None = None,
    ) -> None:
        """`commitment`: without it storage commitment is not offered (its context is refused)."""
        self._settings = settings
        self._intake = intake
        self._log = log
        self._tally = AssociationTally(
            AssociationPolicy(settings.ae_title, settings.allowed_peers, settings.max_associations)
        )
        self._commitment = commitment
        self._server: AssociationServer | None = None
        self._thread: threading.Thread | None = None
        self._open: dict[Association, Origin] = {}
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port that is listened on; the wanted one before `start`."""
        return self._server.server_address[1] if self._server else self._settings.port

    @property
    def open_associations(self) -> int:
        return len(self._open)

    def start(self) -> None:
        """Bind the port, unless it is shared, and serve on threads of our own.

        Raises:
            PortInUse: another program listens there.
            AddressUnavailable: the address is not this machine's, or the port not for this user.

        """
        settings = self._settings
        ae = ApplicationEntity(settings.ae_title)
        ae.acse_timeout, ae.network_timeout = settings.acse_timeout, settings.network_timeout
        ae.maximum_pdu_size = settings.max_pdu_bytes
        ae.maximum_associations = 2 * settings.max_associations + settings.backlog  # the policy decides, and logs
        handlers: list[evt.EventHandlerType] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ACCEPTED, self._on_accepted),
            (evt.EVT_C_ECHO, answer_echo, [self._log]),
        ]
        contexts = accepted_contexts()
        if self._commitment is not None:
            contexts.append(self._commitment.context())
            handlers += self._commitment.handlers()
        try:
            server = ae.make_server(
                (settings.host, settings.port),
                contexts=contexts,
                ssl_context=settings.tls,
                evt_handlers=handlers,
                server_class=AssociationServer,
                backlog=settings.backlog,
                max_connections=2 * settings.max_associations,
                listening=settings.listening,
                make_reader=self._reader,
                at_end=self._on_end,
                at_failure=self._on_failure,
                log=self._log,
            )
        except OSError as problem:
            raise cannot_listen(settings.host, settings.port, problem) from problem
        self._server = cast(AssociationServer, server)
        self._server.ae._servers.append(self._server)  # `shutdown` removes it from there
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": STOP_POLL_SECONDS}, name="storage-scp"
        )
        self._thread.start()
        self._log.info("storage_scp_started", host=settings.host, port=self.port, ae_title=settings.ae_title)
        if not settings.allowed_peers:
            self._log.warning("any_peer_may_send", advice="List the senders in dicom.allowed_peers.")

    def stop(self) -> None:
        """Accept no more associations, let those in progress end for a while, then abort them."""
        if self._server is None or self._thread is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        self._thread.join()
        deadline = time.monotonic() + self._settings.stop_seconds
        while server.active_associations and time.monotonic() < deadline:
            time.sleep(0.02)
        remaining = server.active_associations
        for association in remaining:
            cast(IncomingAssociation, association).end_now()
        for association in remaining:
            association.join(timeout=self._settings.stop_seconds)
        self._log.info("storage_scp_stopped", aborted_associations=len(remaining))

    def _on_requested(self, event: Event) -> None:
        requestor = event.assoc.requestor
        request = cast(A_ASSOCIATE, requestor.primitive)
        refusal = self._tally.admit(
            event.assoc,
            called=request.called_ae_title,
            calling=request.calling_ae_title,
            address=requestor.address,
        )
        if refusal is None:
            return
        self._log.warning("association_rejected", reason=refusal.sentence)
        event.assoc.acse.send_reject(refusal.result, refusal.source, refusal.reason)
        event.assoc.kill()  # waits until the rejection is on the wire

    def _on_accepted(self, event: Event) -> None:
        requestor = event.assoc.requestor
        origin = Origin("dicom", str(uuid.uuid4()), requestor.ae_title, requestor.address)
        with self._lock:
            self._open[event.assoc] = origin
        self._log.info(
            "association_accepted",
            association_id=origin.association_id,
            peer=origin.peer_ae_title,
            address=origin.peer_address,
            refused_contexts=sorted({str(cx.abstract_syntax) for cx in event.assoc.rejected_contexts}),
        )

    def _reader(self, association: IncomingAssociation, connection: socket.socket) -> AssociationReader:
        settings = self._settings
        origin = self._open[association]
        wrapped = AssociationConnection(connection, settings.network_timeout, settings.slowest_bytes_per_second)
        association.dul.send_now = wrapped.send
        return AssociationReader(
            wrapped,
            {number: str(context.transfer_syntax[0]) for number, context in association._accepted_cx.items()},
            AssociationServices(association, self._intake, origin, self._log),
            self._log.bind(association_id=origin.association_id),
            max_pdu_bytes=cast(int, association.requestor.maximum_length),
            linger_seconds=settings.linger_seconds,
        )

    def _on_failure(self, association: IncomingAssociation, problem: Exception) -> None:
        origin = self._open.get(association)
        # Without the error's message and its traceback's: they may quote what the peer sent.
        self._log.error(
            "association_failed",
            association_id=origin.association_id if origin is not None else None,
            peer=association.requestor.ae_title,
            address=association.requestor.address,
            error=type(problem).__name__,
            at=_where(problem),
        )

    def _on_end(self, association: IncomingAssociation) -> None:
        self._tally.leave(association)
        with self._lock:
            origin = self._open.pop(association, None)
        if origin is None:
            return  # rejected, or a connection that never asked for an association
        ending = association.reader.ending if association.reader is not None else "lost"
        self._log.info("association_ended", association_id=origin.association_id, ending=ending)
        self._intake.association_closed(origin)


def _where(problem: Exception) -> str:
    """Return the innermost places of an error, for whoever mends it."""
    frames = traceback.extract_tb(problem.__traceback__)[-3:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)

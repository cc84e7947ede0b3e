"""The listening side of pynetdicom, with what a busy gateway needs of it.

Stock pynetdicom deep-copies all presentation contexts for every connection (60 ms each), queues five connections,
lets a peer that dies in the middle of a PDU hold a thread for ever, believes any length that a PDU announces, does
TLS handshakes one after the other on the accepting thread, and has no event that is certain to come at the end of an
association.
"""

from __future__ import annotations

import queue
import socket
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import structlog
from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from dicom_node import pynetdicom_options  # noqa: F401 (sets pynetdicom's global switches)
from dicom_node.tls_handshake import HandshakeFailed, NothingSaid, TlsDoor

MakeProvider = Callable[[Association], DIMSEServiceProvider]
# Far above the size that we announce, which some senders ignore.
MAX_INCOMING_PDU_BYTES = 16 << 20

AtEnd = Callable[["IncomingAssociation"], None]


class IncomingSocket(AssociationSocket):
    """Reads a PDU in large pieces (pynetdicom: 4096 bytes at a time), and none that no honest peer would send."""

    def recv(self, nr_bytes: int) -> bytearray:
        if self.socket is None or nr_bytes > MAX_INCOMING_PDU_BYTES:
            raise OSError(f"a PDU of {nr_bytes} bytes is not read")  # pynetdicom then closes the connection
        received = bytearray(nr_bytes)
        view = memoryview(received)
        done = 0
        while done < nr_bytes:
            count = self.socket.recv_into(view[done:])
            if not count:
                break
            done += count
        view.release()
        del received[done:]
        return received


class IncomingAssociation(Association):
    """An association that says exactly once, at the very end of its thread, that it is over."""

    def __init__(self, ae: ApplicationEntity, make_provider: MakeProvider, at_end: AtEnd) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.dimse = make_provider(self)
        self._at_end = at_end
        self.bind(evt.EVT_CONN_CLOSE, _wake_if_never_asked)

    def end_now(self) -> None:
        """Abort, or where nothing was asked for yet just close the connection."""
        if self.requestor.primitive is not None:
            self.abort(block=False)
        elif self.dul.socket is not None and self.dul.socket.socket is not None:
            self.dul.socket._shutdown_socket()

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        finally:
            # The network thread writes to the files that are about to be removed.
            self.dul.kill_dul()
            if self.dul.is_alive():
                self.dul.join(timeout=self.network_timeout)
            self._at_end(self)


def _wake_if_never_asked(event: Event) -> None:
    """Let the thread of a mere TCP probe (a load balancer's) end now rather than at the ACSE timeout."""
    if event.assoc.requestor.primitive is None:
        cast("queue.Queue[None]", event.assoc.dul.to_user_queue).put(None)


class AssociationServer(ThreadedAssociationServer):
    """Accepts connections and makes `IncomingAssociation`s of them."""

    daemon_threads = True

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        ae_title: str,
        contexts: list[PresentationContext],
        ssl_context: ssl.SSLContext | None = None,
        evt_handlers: list[EventHandlerType] | None = None,
        *,
        backlog: int,
        max_connections: int,
        make_provider: MakeProvider,
        at_end: AtEnd,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.request_queue_size = backlog
        self.max_connections = max_connections
        self.make_provider = make_provider
        self.at_end = at_end
        self.log = log
        self.tls_door = TlsDoor(ssl_context) if ssl_context is not None else None
        super().__init__(
            ae, address, ae_title, contexts, ssl_context, evt_handlers, request_handler=AssociationRequestHandler
        )

    def get_request(self) -> tuple[socket.socket, Any]:
        assert self.socket is not None  # noqa: S101 (set by TCPServer before it serves; pynetdicom types it optional)
        connection, address = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # A peer that falls silent in the middle of a PDU must not hold a thread for ever.
        connection.settimeout(self.ae.network_timeout)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Drop connections beyond what rejecting politely can cope with."""
        if len(self.active_associations) < self.max_connections:
            return True
        self.log.warning("connection_dropped", address=client_address[0], limit=self.max_connections)
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with one connection (a TLS handshake, mostly); socketserver would print it."""
        problem = sys.exception()
        if isinstance(problem, NothingSaid):
            self.log.debug("tls_port_probed", address=client_address[0])
            return
        if isinstance(problem, HandshakeFailed):
            self.log.warning("tls_handshake_failed", address=client_address[0], reason=str(problem))
            return
        self.log.warning("connection_failed", address=client_address[0], exc_info=True)


class AssociationRequestHandler(RequestHandler):
    """One connection, on a thread of its own until the association's threads take over."""

    def __init__(self, request: Any, client_address: Any, server: AssociationServer) -> None:
        if server.tls_door is not None:
            request = server.tls_door.admit(request)
        super().__init__(request, client_address, server)

    def _create_association(self) -> Association:
        server = cast(AssociationServer, self.server)
        association = IncomingAssociation(self.ae, server.make_provider, server.at_end)
        association._server = server
        # AssociationServer.active_associations looks for this name.
        association.name = f"AcceptorThread@{time.time_ns()}"
        association.set_socket(IncomingSocket(association, client_socket=self.request))
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        # Negotiation only reads them, so that all associations can share one list.
        acceptor.supported_contexts = server.contexts
        association.requestor.address_info = self.remote
        for event, bound in server._handlers.items():
            # One pair of handler and arguments, or for events that only notify a list of them.
            for handler, arguments in cast(list[Any], [bound] if event.is_intervention else bound):
                association.bind(event, handler, arguments)
        return association

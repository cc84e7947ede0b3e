"""The listening side of pynetdicom, with what a busy gateway needs of it.

pynetdicom negotiates; once the association is established its network thread ends, and the association's own thread
reads on by itself (`association_reader`), handing back what isn't C-STORE. The private names that this rests on are
held by `tests/dicom_node/test_pynetdicom_internals.py`.

Stock pynetdicom reads 4096 bytes at a time and polls every millisecond, even when nothing comes. It deep-copies all
presentation contexts for every connection (60 ms each), queues five connections, lets a peer that dies in the middle
of a PDU hold a thread for ever, believes any length that a PDU announces, does TLS handshakes one after the other on
the accepting thread, and has no event that is certain to come at the end of an association.
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
from pynetdicom.dul import DULServiceProvider
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from dicom_node import pynetdicom_options  # noqa: F401 (sets pynetdicom's global switches)
from dicom_node.association_reader import AssociationReader
from dicom_node.pdu_stream import MAX_INCOMING_PDU_BYTES
from dicom_node.tls_handshake import HandshakeFailed, NothingSaid, TlsDoor

MakeReader = Callable[["IncomingAssociation", socket.socket], AssociationReader]
AtEnd = Callable[["IncomingAssociation"], None]
AtFailure = Callable[["IncomingAssociation", Exception], None]
_ESTABLISHED, _CLOSED = "Sta6", "Sta1"
_POLL_SECONDS = 0.0005
_NEGOTIATION_SECONDS = 30.0  # where the application entity has no ACSE timeout


class IncomingSocket(AssociationSocket):
    """For the negotiation only: once the association is established nothing is there for pynetdicom to read.

    All of it has `seconds`, however often a peer lets a byte come.
    """

    def __init__(self, association: Association, connection: socket.socket, seconds: float) -> None:
        super().__init__(association, client_socket=connection)
        self._deadline = time.monotonic() + seconds

    @property
    def ready(self) -> bool:
        # Asked by pynetdicom's network thread, which is also the one that sends the acceptance and changes the state:
        # no byte after the association request is ever read by it.
        return self._assoc.dul.state_machine.current_state != _ESTABLISHED and super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        if self.socket is None or nr_bytes > MAX_INCOMING_PDU_BYTES:
            raise OSError(f"a PDU of {nr_bytes} bytes is not read")  # pynetdicom then closes the connection
        received = bytearray(nr_bytes)
        view = memoryview(received)
        done = 0
        while done < nr_bytes:
            left = self._deadline - time.monotonic()
            if left <= 0:  # pynetdicom's own timer is not looked at while its thread is in here
                raise TimeoutError("the negotiation takes too long")
            self.socket.settimeout(left)
            count = self.socket.recv_into(view[done:])
            if not count:
                break
            done += count
        view.release()
        del received[done:]
        return received


class NegotiatingProvider(DULServiceProvider):
    """pynetdicom's network thread, until the association is established; then what it would send goes out at once."""

    send_now: Callable[[bytes], None] | None = None

    def send_pdu(self, primitive: Any) -> None:
        if self.send_now is not None and isinstance(primitive, P_DATA):
            self.send_now(P_DATA_TF(primitive).encode())
        else:
            super().send_pdu(primitive)


class IncomingAssociation(Association):
    """An association that reads its own socket, and says exactly once, at the very end of its thread, that it is over.

    `reader` is None until it is established.
    """

    def __init__(self, ae: ApplicationEntity, make_reader: MakeReader, at_end: AtEnd, at_failure: AtFailure) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.dul: NegotiatingProvider = NegotiatingProvider(self)
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout  # they set the provider's timers
        self.reader: AssociationReader | None = None
        self._make_reader = make_reader
        self._at_end = at_end
        self._at_failure = at_failure
        self._ending_now = False
        self.bind(evt.EVT_CONN_CLOSE, _wake_if_never_asked)

    def end_now(self) -> None:
        """Abort, or where nothing was asked for yet just close the connection."""
        self._ending_now = True
        if self.reader is not None:
            self.reader.stop()
        elif self.requestor.primitive is not None:
            self.abort(block=False)
        elif self.dul.socket is not None and self.dul.socket.socket is not None:
            self.dul.socket._shutdown_socket()

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        except Exception as problem:  # noqa: BLE001 (nobody is above this thread: it would print what may name a patient)
            self._at_failure(self, problem)
            if self.dul.socket is not None and self.dul.socket.socket is not None:
                self.dul.socket._shutdown_socket()
        finally:
            self.dul.kill_dul()
            if self.dul.is_alive():
                self.dul.join(timeout=self.network_timeout)
            self._at_end(self)

    def _run_reactor(self) -> None:
        """Take over from pynetdicom's network thread, and read to the end."""
        connection = self._taken_over()
        if connection is None:
            return
        self.reader = self._make_reader(self, connection)
        if self._ending_now:  # said while nobody was listening
            self.reader.stop()
        self.reader.run()
        self.is_established = False

    def _taken_over(self) -> socket.socket | None:
        """End the network thread once it has sent the acceptance; None when the peer is gone already."""
        while self.dul.is_alive() and self.dul.state_machine.current_state not in (_ESTABLISHED, _CLOSED):
            time.sleep(_POLL_SECONDS)
        self.dul.kill_dul()
        if self.dul.is_alive():
            self.dul.join()
        wrapped = self.dul.socket
        if wrapped is None or self.dul.state_machine.current_state != _ESTABLISHED:
            return None
        return wrapped.socket

    def _abort_blocking(self, block: bool = True) -> None:
        if self.reader is None:
            super()._abort_blocking(block)
        else:
            self._sent_abort = True
            self.reader.stop()


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
        make_reader: MakeReader,
        at_end: AtEnd,
        at_failure: AtFailure,
        log: structlog.typing.FilteringBoundLogger,
        listening: socket.socket | None = None,
    ) -> None:
        """`listening`: a socket that other processes accept from too (`dicom_node.listening`)."""
        self.request_queue_size = backlog
        self.shared = listening
        self.max_connections = max_connections
        self.make_reader = make_reader
        self.at_end = at_end
        self.at_failure = at_failure
        self.log = log
        self.tls_door = TlsDoor(ssl_context) if ssl_context is not None else None
        super().__init__(
            ae, address, ae_title, contexts, ssl_context, evt_handlers, request_handler=AssociationRequestHandler
        )

    def server_bind(self) -> None:
        if self.shared is None:
            super().server_bind()
            return
        assert self.socket is not None  # noqa: S101 (made by TCPServer just before; not needed)
        self.socket.close()
        self.socket = self.shared
        self.server_address = self.shared.getsockname()

    def server_activate(self) -> None:
        if self.shared is None:
            super().server_activate()

    def server_close(self) -> None:
        if self.shared is None:
            super().server_close()
        else:
            self.shared.close()  # pynetdicom would shut it down, for the other processes too

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
        association = IncomingAssociation(self.ae, server.make_reader, server.at_end, server.at_failure)
        association._server = server
        # AssociationServer.active_associations looks for this name.
        association.name = f"AcceptorThread@{time.time_ns()}"
        association.set_socket(IncomingSocket(association, self.request, self.ae.acse_timeout or _NEGOTIATION_SECONDS))
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

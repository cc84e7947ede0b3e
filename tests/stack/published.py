"""Ports that are open to this machine: sockets made outside of the stack's network, carried on into it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from tests.peers.ports import LOOPBACK
from tests.stack.composition import Service

_PIECE = 1 << 16


def open_ports(services: Iterable[Service]) -> dict[tuple[str, int], socket.socket]:
    """Listen at the port that the file names for each service's port, or at a free one where that can't be had.

    Call it outside: a socket stays in the network namespace where it was made.
    """
    return {
        (one.name, inside): _listening(address, outside)
        for one in services
        for address, outside, inside in one.published
    }


def _listening(address: str, preferred: int) -> socket.socket:
    assert address == LOOPBACK, "the stack is for this machine only"
    try:
        return socket.create_server((LOOPBACK, preferred if preferred > 1024 else preferred + 8000))
    except OSError:
        return socket.create_server((LOOPBACK, 0))


def carry(listening: socket.socket, address: str, port: int) -> None:
    """Carry what connects there on to a service, in threads, as long as the process lives."""

    def accept() -> None:
        while True:
            client, _ = listening.accept()
            try:
                server = socket.create_connection((address, port))
            except OSError:
                client.close()  # nobody there: the service is down
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, name=f"port-{port}", daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    for one, way in ((source, socket.SHUT_RD), (sink, socket.SHUT_WR)):
        with suppress(OSError):
            one.shutdown(way)

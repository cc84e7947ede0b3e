"""A line between two programs that keeps what it carries, and may be slow, or break: a TCP proxy on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.peers.ports import LOOPBACK

_PIECE = 16384


@dataclass
class BadLine:
    """`delay`: seconds before each piece goes on; `breaks_after`: bytes to the server, then the line is cut.

    `breaks`: how many times it is cut, each time after so many bytes of a connection.
    `carried`: every byte so far, one entry for each direction of each connection.
    """

    to_port: int
    delay: float = 0.0
    breaks_after: int | None = None
    breaks: int = 1
    broken: int = 0
    carried: list[bytearray] = field(default_factory=list)
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def carry(self, listening: socket.socket) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = listening.accept()
                try:
                    server = socket.create_connection((LOOPBACK, self.to_port))
                except ConnectionRefusedError:  # nobody there yet: the client sees the line cut
                    client.close()
                    continue
                self._open += [client, server]
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _pump(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        carried = bytearray()
        self.carried.append(carried)
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(self.delay)
                carried += piece
                if to_server and self.breaks_after is not None and len(carried) > self.breaks_after:
                    self.broken += 1
                    if self.broken >= self.breaks:
                        self.breaks_after = None
                    break
                sink.sendall(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def bad_line(
    to_port: int, *, delay: float = 0.0, breaks_after: int | None = None, breaks: int = 1
) -> Iterator[BadLine]:
    line = BadLine(to_port, delay, breaks_after, breaks)
    with socket.create_server((LOOPBACK, 0)) as listening:
        line.port = listening.getsockname()[1]
        threading.Thread(target=line.carry, args=(listening,), daemon=True).start()
        try:
            yield line
        finally:
            line.close()

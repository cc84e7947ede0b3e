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
    `loses`: for each connection to come how many bytes go to the server before it is cut, or, where negative, before
    nothing more is carried in either direction though the connection stands; later connections are well.
    `carried`: every byte so far, one entry for each direction of each connection.
    """

    to_port: int
    delay: float = 0.0
    breaks_after: int | None = None
    breaks: int = 1
    loses: list[int] = field(default_factory=list)
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
                limit = self.loses.pop(0) if self.loses else None
                silent = threading.Event()
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(*pair, limit, silent), daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut(self) -> None:
        """Cut every connection that stands now; new ones are carried."""
        self.close()
        self._open.clear()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        to_server: bool,
        limit: int | None,
        silent: threading.Event,
    ) -> None:
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
                if silent.is_set():
                    continue
                if to_server and limit is not None and len(carried) > abs(limit):
                    self.broken += 1
                    if limit > 0:
                        break
                    silent.set()
                    continue
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

"""The TCP or TLS connection of an established association: blocking, one timeout, and an end that loses nothing."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from contextlib import suppress

_LINGER_READ_BYTES = 64 << 10


class PeerSilent(TimeoutError):
    """Nothing came, or nothing could be sent, for the network timeout; or what came was too little to wait for."""


class AssociationConnection:
    """Receives into the caller's buffer and sends whole messages. One thread uses it; any may call `wake`."""

    def __init__(self, connection: socket.socket, timeout: float | None, slowest_bytes_per_second: float) -> None:
        self._socket = connection
        self._timeout = timeout
        self._slowest = slowest_bytes_per_second
        self._since = time.monotonic()
        self._received = 0
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(timeout)
        else:
            # The kernel's own timeouts: Python's would ask with poll() before each receipt.
            connection.settimeout(None)
            whole, part = divmod(timeout or 0.0, 1.0)
            value = struct.pack("@ll", int(whole), int(part * 1e6))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)

    def receive_into(self, view: memoryview, *, within_message: bool) -> int:
        """Return how many bytes came; 0 when the peer ended the connection.

        Raises:
            PeerSilent: none came for the timeout, or within a message less than the slowest rate over that long.
            OSError: the connection broke.

        """
        if not within_message:
            self._received = 0
        try:
            count = self._socket.recv_into(view)
        except (BlockingIOError, TimeoutError) as problem:
            raise PeerSilent("the peer is silent") from problem
        if within_message and self._timeout:
            self._judge_pace(count, self._timeout)
        return count

    def _judge_pace(self, count: int, window: float) -> None:
        moment = time.monotonic()
        if not self._received:
            self._since = moment
        self._received += count
        if moment - self._since >= window:
            if self._received < self._slowest * (moment - self._since):
                raise PeerSilent(f"the peer sent {self._received} bytes in {moment - self._since:.0f} s")
            self._received = 0

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            PeerSilent: the peer does not read.
            OSError: the connection broke.

        """
        try:
            self._socket.sendall(data)
        except (BlockingIOError, TimeoutError) as problem:
            raise PeerSilent("the peer does not read") from problem

    def wake(self) -> None:
        """Have a receipt in another thread return 0 at once."""
        with suppress(OSError):
            # Not SSLSocket's: it would tear down the TLS state that the other thread is about to answer with.
            socket.socket.shutdown(self._socket, socket.SHUT_RD)

    def close(self, *, wait_for_peer: float) -> None:
        """Close; after a last word give the peer so many seconds to close first (PS3.8 Sta13, ARTIM).

        Closing while bytes of the peer are unread would make the kernel send a reset, and the last word with them.
        """
        if wait_for_peer > 0:
            with suppress(OSError):
                self._drain(time.monotonic() + wait_for_peer)
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        self._socket.close()

    def _drain(self, deadline: float) -> None:
        buffer = bytearray(_LINGER_READ_BYTES)
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            if not self._socket.recv_into(buffer):
                return

"""The bad line itself: what it cuts, where it falls silent, and that it is well afterwards."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from tests.peers.bad_line import bad_line


def test_a_connection_is_cut_the_next_falls_silent_and_later_ones_are_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            with suppress(OSError):
                while True:
                    accepted, _ = server.accept()
                    threading.Thread(target=answer, args=(accepted,), daemon=True).start()

        def answer(accepted: socket.socket) -> None:
            with suppress(OSError):
                while piece := accepted.recv(100):
                    accepted.sendall(piece)

        threading.Thread(target=echo, daemon=True).start()
        with bad_line(server.getsockname()[1]) as line:
            line.loses[:] = [10, -10]
            with socket.create_connection(("127.0.0.1", line.port), timeout=30) as cut:
                cut.sendall(b"short")
                assert cut.recv(100) == b"short"
                cut.sendall(b"longer than ten")
                assert cut.recv(100) == b""
            with socket.create_connection(("127.0.0.1", line.port), timeout=30) as silent:
                silent.sendall(b"longer than ten")
                silent.settimeout(1)
                with pytest.raises(TimeoutError):
                    silent.recv(100)
            with socket.create_connection(("127.0.0.1", line.port), timeout=30) as well:
                well.sendall(b"longer than ten")
                assert well.recv(100) == b"longer than ten"
                line.cut()
                assert well.recv(100) == b""
            assert line.broken == 2

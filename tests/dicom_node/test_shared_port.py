"""Receivers that share one listening socket, as the receiving processes of a machine do."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dicom_node.listening import AddressUnavailable, PortInUse, open_shared
from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.dicom_node.raw_peer import RawPeer
from tests.peers import dcmtk


@pytest.fixture
def port_holder() -> Iterator[socket.socket]:
    with open_shared("127.0.0.1", 0, 16) as listening:
        yield listening


def sharing(start_receiver: StartReceiver, holder: socket.socket) -> Receiver:
    """A receiver with a descriptor of its own for the socket, as an inherited one is."""
    return start_receiver(listening=holder.dup())


def test_a_receiver_that_stops_leaves_the_port_to_the_others(
    start_receiver: StartReceiver, port_holder: socket.socket
) -> None:
    first, second = (sharing(start_receiver, port_holder) for _ in range(2))
    assert first.port == second.port == port_holder.getsockname()[1]
    port = first.port
    assert dcmtk.echoscu(port).returncode == 0
    first.scp.stop()
    for _ in range(3):
        assert dcmtk.echoscu(port).returncode == 0


def test_a_connection_that_came_while_nobody_accepted_is_served_by_who_comes_next(
    start_receiver: StartReceiver, port_holder: socket.socket
) -> None:
    port = port_holder.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as waiting:
        sharing(start_receiver, port_holder)
        waiting.sendall(b"\x04\x00\x00\x00\x00\x00")  # not what begins an association: it is answered by an abort
        assert waiting.recv(10)[:1] == b"\x07"


def test_the_limit_of_associations_counts_in_each_receiver(
    start_receiver: StartReceiver, port_holder: socket.socket
) -> None:
    receivers = [start_receiver(listening=port_holder.dup(), max_associations=1) for _ in range(2)]
    with RawPeer(receivers[0].port) as first:
        assert first.answer[0] == 2
        assert sorted(receiver.scp.open_associations for receiver in receivers) == [0, 1]


def test_a_port_that_cannot_be_shared_is_a_sentence(port_holder: socket.socket) -> None:
    with pytest.raises(PortInUse, match=r"set dicom\.port to a free port"):
        open_shared("127.0.0.1", port_holder.getsockname()[1], 16)
    with pytest.raises(AddressUnavailable, match=r"set dicom\.host to an address of this machine"):
        open_shared("192.0.2.1", 0, 16)

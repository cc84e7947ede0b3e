"""The Storage SCP against bytes that no DICOM program sends, and against the wrong moment."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, generate_uid

from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.dicom_node.raw_peer import RawPeer, pdu, pdv, store_command
from tests.dicom_node.test_storage_scp import data_set_of

MG = DigitalMammographyXRayImageStorageForPresentation
VERIFICATION = "1.2.840.10008.1.1"
COMMAND, LAST = 1, 2


def still_serves(receiver: Receiver) -> bool:
    with RawPeer(receiver.port) as peer:
        return peer.answer[0] == 2 and peer.release() == 6


def wait_until_quiet(receiver: Receiver, threads: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if receiver.scp.open_associations == 0 and threading.active_count() <= threads:
            return
        time.sleep(0.02)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_garbage_instead_of_an_association_request_leaves_nothing(receiver: Receiver, garbage: bytes) -> None:
    threads = threading.active_count()
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as peer:
        peer.sendall(garbage)
    wait_until_quiet(receiver, threads)
    assert threading.active_count() <= threads
    assert receiver.intake.closed == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.tuples(st.integers(0, 255), st.binary(max_size=60)).map(lambda p: pdu(*p)),
            st.tuples(st.integers(0, 255), st.integers(0, 7), st.binary(max_size=60)).map(lambda p: pdu(4, pdv(*p))),
            st.just(pdu(4, pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")))),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_garbage_within_an_association_ends_it_once_and_leaves_no_file(receiver: Receiver, pieces: list[bytes]) -> None:
    threads = threading.active_count()
    before = len(receiver.intake.closed)
    with RawPeer(receiver.port) as peer:
        try:
            for piece in pieces:
                peer.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended already
    wait_until_quiet(receiver, threads)
    assert receiver.scp.open_associations == 0
    assert len(receiver.intake.closed) == before + 1
    assert receiver.intake.leftovers() == []
    assert still_serves(receiver)
    wait_until_quiet(receiver, threads)


def test_a_peer_that_leaves_while_its_object_is_made_durable_is_closed_after_that(
    receiver: Receiver, tmp_path: Path
) -> None:
    accepting, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def hold(path: Path) -> None:
        accepting.set()
        go_on.wait(10)
        order.append("accepted")
        assert receiver.intake.closed == []

    receiver.intake.before_accept = hold
    uid = generate_uid()
    data = data_set_of(MG, uid, tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data))
        assert accepting.wait(10)
        peer.abort()
    time.sleep(0.2)
    go_on.set()
    receiver.wait_for_endings(1)
    assert order == ["accepted"]
    assert receiver.intake.kept_uids() == {uid}, "kept though never acknowledged: a repetition is a duplicate"


def test_an_announced_pdu_of_four_gigabytes_takes_no_memory_and_no_thread_for_ever(receiver: Receiver) -> None:
    with RawPeer(receiver.port) as peer:
        peer.socket.sendall(b"\x04\0\xff\xff\xff\xff" + b"\0" * 1000)
    receiver.wait_for_endings(1)
    assert still_serves(receiver)


def test_a_peer_that_sends_a_byte_now_and_then_is_reaped(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(network_timeout=0.6)
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")))
        rest = pdu(4, pdv(1, 0, b"\0" * 9000))
        sent = 0
        try:
            while sent < 400:
                peer.socket.sendall(rest[sent : sent + 1])
                sent += 1
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass  # reaped
        assert 0 < sent < 400
    receiver.wait_for_endings(1)
    assert receiver.events("association_too_slow")
    assert receiver.intake.leftovers() == []


def test_a_peer_that_is_slow_but_goes_on_is_waited_for(start_receiver: StartReceiver, tmp_path: Path) -> None:
    receiver = start_receiver(network_timeout=0.4, slowest_bytes_per_second=200)
    uid = generate_uid()
    data = data_set_of(MG, uid, tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)))
        for at in range(0, len(data), 80):
            peer.send(pdv(1, LAST if at + 80 >= len(data) else 0, data[at : at + 80]))
            time.sleep(0.05)
        assert peer.status() == 0
        assert peer.release() == 6


def test_an_echo_between_two_objects_and_a_cancel_are_taken_as_the_standard_says(
    receiver: Receiver, tmp_path: Path
) -> None:
    uids = [generate_uid(), generate_uid()]
    echo = store_command(VERIFICATION, "1.2.3", data_set=False).replace(field(0x0001), field(0x0030))
    cancel = echo.replace(field(0x0030), field(0x0FFF))
    with RawPeer(receiver.port) as peer:
        for uid in uids:
            peer.send(
                pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data_set_of(MG, uid, tmp_path / "f"))
            )
            assert peer.status() == 0
            peer.send(pdv(1, COMMAND | LAST, cancel))  # has no answer (PS3.7 9.3.2.3)
            peer.send(pdv(1, COMMAND | LAST, echo))
            kind, answer = peer.receive()
            assert (kind, field(0x8030) in answer) == (4, True)
        assert peer.release() == 6
    assert receiver.intake.kept_uids() == set(uids)
    assert receiver.events("echo_answered")


def test_a_command_that_never_ends_is_refused(receiver: Receiver) -> None:
    with RawPeer(receiver.port) as peer:
        for _ in range(5):
            peer.send(pdv(1, COMMAND, b"\0" * 16000))
        assert peer.receive() == (7, b"\0\0\2\6")
    receiver.wait_for_endings(1)


def test_the_data_set_of_what_is_not_served_is_not_kept_in_memory_for_ever(receiver: Receiver) -> None:
    find = store_command(MG, "1.2.3").replace(field(0x0001), field(0x0020))
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, find))
        try:
            for _ in range(40):
                peer.send(pdv(1, 0, b"\0" * 500_000))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        assert peer.receive()[0] in (0, 7)
    receiver.wait_for_endings(1)
    assert still_serves(receiver)


def test_sixteen_objects_sent_without_waiting_for_answers_are_answered_in_turn(
    receiver: Receiver, tmp_path: Path
) -> None:
    uids = [generate_uid() for _ in range(16)]
    with RawPeer(receiver.port) as peer:
        for uid in uids:
            peer.send(
                pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data_set_of(MG, uid, tmp_path / "f"))
            )
        assert [peer.status() for _ in uids] == [0] * 16
    assert receiver.intake.kept_uids() == set(uids)


def field(number: int) -> bytes:
    return struct.pack("<HHIH", 0, 0x0100, 2, number)

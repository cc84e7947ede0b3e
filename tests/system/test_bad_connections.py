"""Senders and others at the DICOM port that behave as broken machines and networks make them."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests.dicom_node.raw_peer import RawPeer, pdu, pdv, store_command
from tests.peers.large import write_large_tomosynthesis
from tests.peers.ports import LOOPBACK
from tests.peers.programs import environment, program
from tests.system.receive_process import (
    COMMAND,
    LAST,
    MEGABYTE,
    MG,
    SUCCESS,
    ReceiveProcess,
    Use,
    explicit_peer,
    running_receiver,
    send_object,
    small_object,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
PATIENCE_SECONDS = 2


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiveProcess]:
    command = ("-m", "tests.system.impatient_receiver", str(PATIENCE_SECONDS))
    with running_receiver(tmp_path_factory.mktemp("connections"), command=command) as running:
        running.warm_up()
        yield running


@pytest.fixture
def idle(receiver: ReceiveProcess) -> Use:
    return receiver.use


def check_nothing_is_left(receiver: ReceiveProcess, idle: Use) -> None:
    after = receiver.settled(idle)
    assert after.no_more_than(idle), (idle, after)
    assert receiver.files() == set(receiver.instances().values())


def seconds_until_cut_off(peer: socket.socket, message: bytes) -> float:
    """Send one byte a second until the other side ends it."""
    started = time.monotonic()
    peer.settimeout(1.0)
    try:
        for byte in message:
            peer.sendall(bytes([byte]))
            try:
                if not peer.recv(100):
                    break
            except TimeoutError:
                continue  # the second is over
    except (BrokenPipeError, ConnectionResetError):
        pass
    return time.monotonic() - started


def test_peers_that_send_one_byte_a_second_are_cut_off_wherever_they_are(receiver: ReceiveProcess, idle: Use) -> None:
    request = pdu(4, pdv(1, COMMAND | LAST, store_command(MG, generate_uid())))
    with (
        socket.create_connection((LOOPBACK, receiver.port), timeout=5) as unborn,
        explicit_peer(receiver.port) as in_command,
        explicit_peer(receiver.port) as in_data,
    ):
        in_data.socket.sendall(request)
        at_work = [
            (unborn, pdu(1, bytes(200))),
            (in_command.socket, request),
            (in_data.socket, pdu(4, pdv(1, 0, bytes(9000)))),
        ]
        with ThreadPoolExecutor(len(at_work)) as peers:
            taken = list(peers.map(lambda one: seconds_until_cut_off(*one), at_work))
    assert max(taken) < 4 * PATIENCE_SECONDS, taken
    check_nothing_is_left(receiver, idle)


@pytest.mark.parametrize("fate", ["killed", "stopped"])
def test_a_sender_that_vanishes_within_an_object_is_let_go_of_and_its_file_removed(
    receiver: ReceiveProcess, idle: Use, tmp_path: Path, fate: str
) -> None:
    path = write_large_tomosynthesis(tmp_path / "dbt.dcm", 200)
    command = [program("storescu"), "-R", "-aec", "MAMMOGATE", LOOPBACK, str(receiver.port), str(path)]
    sender = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not list((receiver.data_dir / "incoming").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.001)
        sender.send_signal(signal.SIGSTOP)
        (part,) = (receiver.data_dir / "incoming").iterdir()
        assert 0 < part.stat().st_size < path.stat().st_size
        if fate == "killed":
            sender.kill()
        # To a peer whose process stands still nothing is wrong with the connection: the kernel answers for it.
        assert receiver.wait_until(lambda: not part.exists(), 4 * PATIENCE_SECONDS)
        check_nothing_is_left(receiver, idle)
        sender.send_signal(signal.SIGCONT)
        assert sender.wait(timeout=20) != 0, "it was told that its object is safe"
    finally:
        sender.kill()
        sender.wait()


@pytest.mark.long
def test_a_cable_that_is_pulled_within_an_object_leaves_nothing(tmp_path: Path) -> None:
    """In a network of its own, where no packet passes any more: the connection just never ends."""
    command = [program("unshare"), "--user", "--map-root-user", "--net", sys.executable]
    if subprocess.run([*command, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("the kernel lets this user have no network of its own; the stopped sender above comes close")
    module = ["-m", "tests.system.pulled_cable", str(tmp_path), str(PATIENCE_SECONDS)]
    done = subprocess.run([*command, *module], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "nothing is left, and another object was taken\n"


def probe(receiver: ReceiveProcess, count: int, ending: str) -> None:
    """Connect and end it at once, so many times, as a load balancer does to see whether somebody is there."""
    for _ in range(count):
        with socket.create_connection((LOOPBACK, receiver.port), timeout=20) as connection:
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def check_probes_leave_nothing(receiver: ReceiveProcess, idle: Use, count: int, ending: str) -> None:
    probe(receiver, 100, ending)
    early = receiver.settled(idle)
    ended = len(receiver.logged("association_ended"))
    probe(receiver, count - 100, ending)
    check_nothing_is_left(receiver, idle)
    growth = receiver.use.resident - early.resident
    sys.stdout.write(f"\n{count} probes, {ending}: {growth / MEGABYTE:+.1f} MB from the 100th to the last\n")
    assert growth <= 2 * MEGABYTE
    assert len(receiver.logged("association_ended")) == ended, "a probe is no association"


def test_probes_of_a_load_balancer_leave_nothing(receiver: ReceiveProcess, idle: Use) -> None:
    check_probes_leave_nothing(receiver, idle, 400, "reset")


@pytest.mark.long
@pytest.mark.parametrize("ending", ["closed", "reset"])
def test_two_thousand_probes_of_a_load_balancer_leave_nothing(receiver: ReceiveProcess, idle: Use, ending: str) -> None:
    check_probes_leave_nothing(receiver, idle, 2000, ending)


def test_a_hundred_associations_wait_idle_and_then_all_send_at_once(receiver: ReceiveProcess, idle: Use) -> None:
    uids = [generate_uid() for _ in range(100)]
    objects = {uid: small_object(uid, generate_uid()) for uid in uids}
    together = threading.Barrier(len(uids))

    def send(peer: RawPeer, uid: str) -> int:
        together.wait(30)
        return send_object(peer, uid, objects[uid])

    with ExitStack() as stack:
        with ThreadPoolExecutor(len(uids)) as connecting:
            started = time.monotonic()
            peers = list(connecting.map(lambda _: stack.enter_context(explicit_peer(receiver.port)), uids))
            connected = time.monotonic() - started
        assert [peer.answer[0] for peer in peers] == [2] * len(uids)
        time.sleep(0.5)
        assert receiver.use.threads <= idle.threads + len(uids), "a thread for each, and no more"
        with ThreadPoolExecutor(len(uids)) as sending:
            assert list(sending.map(send, peers, uids)) == [SUCCESS] * len(uids)
        assert {peer.release() for peer in peers} == {6}
    sys.stdout.write(f"\n100 associations established in {connected:.2f} s\n")
    recorded = receiver.instances()
    for uid, data in objects.items():
        assert recorded[uid].read_bytes().endswith(data)
    check_nothing_is_left(receiver, idle)

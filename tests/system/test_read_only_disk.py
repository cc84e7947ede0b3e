"""A data folder that turns read-only under a receiver, as a broken disk or a file server makes it, and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests.peers.postgresql import running_postgresql
from tests.system.read_only_disk import ReadOnlyDisk, read_only_disk
from tests.system.receive_process import (
    OUT_OF_RESOURCES,
    SUCCESS,
    ReceiveProcess,
    explicit_peer,
    running_receiver,
    send_object,
    small_object,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def disk_and_receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ReadOnlyDisk, ReceiveProcess]]:
    """SQLite has its file in the folder; PostgreSQL is elsewhere, and stays writable."""
    folder = tmp_path / "receiver"
    with ExitStack() as stack:
        server = stack.enter_context(running_postgresql(tmp_path / "pg")) if request.param == "postgresql" else None
        disk = stack.enter_context(read_only_disk(folder / "data"))
        yield disk, stack.enter_context(running_receiver(folder, server.url if server else None))


class Sender(threading.Thread):
    """Sends new objects on one association, each again until it is acknowledged, until told to end."""

    def __init__(self, port: int) -> None:
        super().__init__(name="sender", daemon=True)
        self._port = port
        self._study = generate_uid()
        self.ending = threading.Event()
        self.acknowledged: dict[str, bytes] = {}
        self.refused = 0
        self.others: set[int] = set()

    def run(self) -> None:
        with explicit_peer(self._port) as peer:
            while not self.ending.is_set():
                uid = generate_uid()
                data = small_object(uid, self._study)
                while (status := send_object(peer, uid, data)) != SUCCESS:
                    self.refused += status == OUT_OF_RESOURCES
                    self.others |= {status} - {OUT_OF_RESOURCES}
                    time.sleep(0.02)
                self.acknowledged[uid] = data
            assert peer.release() == 6


def test_a_folder_that_turns_read_only_is_a700_and_receiving_goes_on_once_it_is_writable(
    disk_and_receiver: tuple[ReadOnlyDisk, ReceiveProcess],
) -> None:
    disk, receiver = disk_and_receiver
    process = receiver.process
    senders = [Sender(receiver.port) for _ in range(2)]
    for sender in senders:
        sender.start()
    kept = send_many_and_leave(receiver, while_open=lambda: None)
    assert receiver.wait_until(lambda: min(len(sender.acknowledged) for sender in senders) >= 10)

    # Associations that end meanwhile are noted in the database, on connections that are opened now.
    kept |= send_many_and_leave(receiver, while_open=disk.make_read_only)
    assert receiver.wait_until(lambda: min(sender.refused for sender in senders) >= 5)
    taken = [len(sender.acknowledged) for sender in senders]
    assert receiver.wait_until(lambda: min(sender.refused for sender in senders) >= 20)
    assert [len(sender.acknowledged) for sender in senders] == taken, "acknowledged on a disk that can't be written"
    said = [line for line in receiver.log.splitlines() if "level=error" in line]
    assert said
    assert all("ead-only file system" in line or "ermission denied" in line for line in said), said[:3]

    disk.make_writable()
    assert receiver.wait_until(lambda: all(len(s.acknowledged) >= n + 10 for s, n in zip(senders, taken, strict=True)))
    refused = [sender.refused for sender in senders]
    kept |= send_many_and_leave(receiver, while_open=lambda: None)
    for sender in senders:
        sender.ending.set()
    for sender in senders:
        sender.join(timeout=30)
        kept |= sender.acknowledged
    assert [sender.refused for sender in senders] == refused, "refused though it could be written again"
    assert {status for sender in senders for status in sender.others} == set()
    assert receiver.process is process
    assert process is not None
    assert process.poll() is None
    recorded = receiver.instances()
    assert recorded.keys() == kept.keys()
    for uid, data in kept.items():
        assert recorded[uid].read_bytes().endswith(data)


def send_many_and_leave(receiver: ReceiveProcess, *, while_open: object, count: int = 8) -> dict[str, bytes]:
    """Have so many associations store an object each, do something, and have all of them end at once."""
    assert callable(while_open)
    objects = {uid: small_object(uid, generate_uid()) for uid in (generate_uid() for _ in range(count))}
    with ExitStack() as stack:
        peers = [stack.enter_context(explicit_peer(receiver.port)) for _ in objects]
        with ThreadPoolExecutor(count) as together:
            assert list(together.map(send_object, peers, objects, objects.values())) == [SUCCESS] * count
            while_open()
            assert list(together.map(lambda peer: peer.release(), peers)) == [6] * count
    return objects

"""Thousands of small objects: each acknowledged one has its row and its file, and the receiver stays as it was."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests.system.receive_process import (
    MEGABYTE,
    SUCCESS,
    ReceiveProcess,
    explicit_peer,
    running_receiver,
    send_object,
    small_object,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
# SQLite keeps at most so much of its file in memory for each connection; each association may need one of its own.
PAGE_CACHE = 2 * MEGABYTE


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiveProcess]:
    with running_receiver(tmp_path / "receiver") as running:
        yield running


class Sender(threading.Thread):
    """Sends objects on one association; waits after the first tenth of them for whoever looks at the receiver."""

    def __init__(self, port: int, uids: list[str], template: bytes, placeholder: str, looked: threading.Barrier):
        super().__init__(name="sender", daemon=True)
        self._port = port
        self._uids = uids
        self._parts = template.split(placeholder.encode())
        self._looked = looked
        self.acknowledged: dict[str, bytes] = {}

    def run(self) -> None:
        with explicit_peer(self._port) as peer:
            for number, uid in enumerate(self._uids):
                if number == len(self._uids) // 10:
                    self._looked.wait()  # a tenth is sent
                    self._looked.wait()  # it has been looked
                data = uid.encode().join(self._parts)
                if send_object(peer, uid, data) == SUCCESS:
                    self.acknowledged[uid] = data
            peer.release()


def receive_many(receiver: ReceiveProcess, *, count: int, associations: int) -> None:
    uids = [f"2.25.{10**37 + number}" for number in range(count)]
    placeholder = f"2.25.{2 * 10**37}"
    template = small_object(placeholder, generate_uid())
    warm = receiver.warm_up()
    already = receiver.instances()
    looked = threading.Barrier(associations + 1)
    senders = [
        Sender(receiver.port, uids[number::associations], template, placeholder, looked)
        for number in range(associations)
    ]
    for sender in senders:
        sender.start()
    looked.wait(120)
    early = receiver.use
    looked.wait(120)
    for sender in senders:
        sender.join(timeout=600)
    late = receiver.use
    acknowledged = {uid: data for sender in senders for uid, data in sender.acknowledged.items()}
    growth = late.resident - early.resident
    sys.stdout.write(
        f"\n{count} objects, {associations} associations: {early.resident / MEGABYTE:.1f} MB after a tenth of them, "
        f"{growth / MEGABYTE:+.1f} MB after all\n"
    )
    assert acknowledged.keys() == set(uids)
    recorded = receiver.instances()
    assert recorded.keys() == set(uids) | already.keys()
    for uid, data in acknowledged.items():
        assert recorded[uid].read_bytes().endswith(data)
    assert receiver.files() == set(recorded.values())
    assert growth <= 2 * MEGABYTE + associations * PAGE_CACHE
    after = receiver.settled(warm)
    assert after.no_more_than(warm), (warm, after)


def test_a_thousand_small_objects_are_all_kept_and_leave_nothing_behind(receiver: ReceiveProcess) -> None:
    receive_many(receiver, count=1000, associations=4)


@pytest.mark.long
@pytest.mark.parametrize("associations", [1, 4])
def test_ten_thousand_small_objects_are_all_kept_and_leave_nothing_behind(
    receiver: ReceiveProcess, associations: int
) -> None:
    receive_many(receiver, count=10_000, associations=associations)

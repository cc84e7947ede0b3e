"""A disk that gets full under a receiver: nearly, and within an object; and that has room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests.peers import dcmtk
from tests.peers.large import write_large_tomosynthesis
from tests.system.receive_process import (
    MEGABYTE,
    OUT_OF_RESOURCES,
    SUCCESS,
    ReceiveProcess,
    explicit_peer,
    running_receiver,
    send_object,
    small_object,
)
from tests.system.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
RESERVE_MIB = 32


@pytest.fixture(scope="module")
def disk_and_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallDisk, ReceiveProcess]]:
    folder = tmp_path_factory.mktemp("full") / "receiver"
    with small_disk(folder / "data") as disk:
        reserve = max(RESERVE_MIB, int(disk.settings["MAMMOGATE_RESERVE_MIB"]))
        with running_receiver(folder, settings={"MAMMOGATE_RESERVE_MIB": str(reserve)}) as receiver:
            yield disk, receiver


def test_below_the_reserve_objects_are_refused_and_then_taken_again_on_the_same_association(
    disk_and_receiver: tuple[SmallDisk, ReceiveProcess],
) -> None:
    disk, receiver = disk_and_receiver
    uids = [generate_uid() for _ in range(3)]
    objects = {uid: small_object(uid, generate_uid()) for uid in uids}
    with explicit_peer(receiver.port) as peer:
        assert send_object(peer, uids[0], objects[uids[0]]) == SUCCESS
        disk.fill(leaving=RESERVE_MIB * MEGABYTE // 2)
        for _ in range(2):
            assert send_object(peer, uids[1], objects[uids[1]]) == OUT_OF_RESOURCES
        assert all("the gateway's disk is full" in line for line in receiver.logged("receive.refused"))
        assert len(receiver.logged("receive.refused")) == 2
        disk.make_room()
        for uid in uids[1:]:
            assert send_object(peer, uid, objects[uid]) == SUCCESS
        assert peer.release() == 6
    recorded = receiver.instances()
    assert recorded.keys() == set(uids)
    assert receiver.files() == set(recorded.values())


def test_an_object_that_is_larger_than_the_room_is_refused_and_its_room_is_free_again(
    disk_and_receiver: tuple[SmallDisk, ReceiveProcess], tmp_path: Path
) -> None:
    disk, receiver = disk_and_receiver
    if not disk.folder.is_mount():
        pytest.skip("without a disk of its own the test would fill the machine's")
    kept = receiver.files()
    sent = dcmtk.storescu(receiver.port, write_large_tomosynthesis(tmp_path / "dbt.dcm", 150), options=["-R"])
    assert "Refused: OutOfResources" in sent.stdout + sent.stderr
    (told,) = receiver.wait_for_log("object_not_written")
    assert "No space left on device" in told
    assert receiver.files() == kept
    with explicit_peer(receiver.port) as peer:
        uid = generate_uid()
        assert send_object(peer, uid, small_object(uid, generate_uid())) == SUCCESS

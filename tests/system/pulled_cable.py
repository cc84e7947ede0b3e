"""A sender whose cable is pulled: `python -m tests.system.pulled_cable FOLDER SECONDS`, in a network of its own."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path

from pydicom.uid import generate_uid

from tests.dicom_node.raw_peer import pdv, store_command
from tests.system.receive_process import (
    COMMAND,
    LAST,
    MG,
    SUCCESS,
    explicit_peer,
    running_receiver,
    send_object,
    small_object,
)

_SIOCSIFFLAGS, _UP = 0x8914, 1  # netdevice(7)


def plug(*, into: bool) -> None:
    """Bring the loopback device up or down; while it is down every packet is lost, and no connection ends of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP if into else 0))


def main() -> None:
    folder, patience = Path(sys.argv[1]), float(sys.argv[2])
    plug(into=True)
    with running_receiver(folder, command=("-m", "tests.system.impatient_receiver", sys.argv[2])) as receiver:
        idle = receiver.warm_up()
        kept = receiver.files()
        with explicit_peer(receiver.port) as peer, explicit_peer(receiver.port):
            peer.send(pdv(1, COMMAND | LAST, store_command(MG, generate_uid())), pdv(1, 0, bytes(9000)))
            assert receiver.wait_until(lambda: len(receiver.files()) > len(kept))
            plug(into=False)
            receiver.wait_for_log("association_ended", 3, seconds=4 * patience)
        after = receiver.settled(idle)
        assert after.no_more_than(idle), (idle, after)
        assert receiver.files() == kept
        plug(into=True)
        with explicit_peer(receiver.port) as peer:
            uid = generate_uid()
            assert send_object(peer, uid, small_object(uid, generate_uid())) == SUCCESS
    sys.stdout.write("nothing is left, and another object was taken\n")


if __name__ == "__main__":
    main()

"""A defect of ours in the thread of one association: told to the peer and to the operator, and to nobody else."""

from __future__ import annotations

import threading
import time
from typing import Any, Never

import pytest
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, generate_uid

from dicom_node.association_connection import AssociationConnection
from dicom_node.data_set_file import DataSetFile
from tests.dicom_node.conftest import Receiver
from tests.dicom_node.raw_peer import RawPeer, pdv, store_command

MG = DigitalMammographyXRayImageStorageForPresentation
COMMAND, LAST = 1, 2
PROVIDER_ABORT = (7, b"\0\0\2\0")
NAME = "Verwechselt^Vera"


def fail(*_arguments: Any, **_named: Any) -> Never:
    raise KeyError(NAME)


def check_told_once(receiver: Receiver, printed: pytest.CaptureFixture[str], threads: int) -> None:
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= threads
    (told,) = receiver.events("association_failed")
    assert (told["log_level"], told["error"]) == ("error", "KeyError")
    assert (told["peer"], told["address"]) == ("RAWPEER", "127.0.0.1")
    assert "test_reader_failure.py" in told["at"]
    assert NAME not in str(receiver.log.entries)
    said = printed.readouterr()
    assert (said.out, said.err) == ("", "")
    assert receiver.scp.open_associations == 0


def test_an_error_within_an_object_aborts_the_association_and_leaves_no_file(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = threading.active_count()
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, generate_uid())), pdv(1, 0, b"\0" * 1000))
        deadline = time.monotonic() + 10
        while not receiver.intake.leftovers() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(receiver.intake.leftovers()) == 1
        monkeypatch.setattr(DataSetFile, "write", fail)
        peer.send(pdv(1, 0, b"\0" * 1000))
        assert peer.receive() == PROVIDER_ABORT
        assert receiver.intake.leftovers() == [], "the peer was told before the file was gone"
        assert peer.receive() == (0, b"")
    receiver.wait_for_endings(1)
    check_told_once(receiver, capsys, threads)
    (ended,) = receiver.events("association_ended")
    assert ended["ending"] == "aborted"
    monkeypatch.undo()
    with RawPeer(receiver.port) as peer:
        assert peer.release() == 6


def test_an_error_before_the_first_byte_is_read_closes_the_connection(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = threading.active_count()
    monkeypatch.setattr(AssociationConnection, "__init__", fail)
    with RawPeer(receiver.port) as peer:
        assert peer.answer[0] == 2
        assert peer.receive() == (0, b"")
    receiver.wait_for_endings(1)
    check_told_once(receiver, capsys, threads)

"""Objects over TLS: large ones, many at once, both versions, and a connection that somebody tampers with."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, generate_uid

from dicom_node.destination import Delivered, DicomDestinationSettings
from dicom_node.storage_scu import send_files
from dicom_node.tls import acceptor_context, requestor_context
from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.dicom_node.raw_peer import RawPeer, pdv, store_command
from tests.peers.certificates import RSA_2048, Authority
from tests.peers.large import write_large_tomosynthesis
from tests.peers.synthetic import mammogram, write

MG = DigitalMammographyXRayImageStorageForPresentation
COMMAND, LAST = 1, 2


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("transfer"), "hospital")


@pytest.fixture(scope="module")
def sending(hospital: Authority) -> ssl.SSLContext:
    xray = hospital.issue("xray")
    return requestor_context(hospital.certificate, xray.certificate, xray.key)


@pytest.fixture
def secured(start_receiver: StartReceiver, hospital: Authority) -> Receiver:
    gate = hospital.issue("gate", key=RSA_2048)
    return start_receiver(tls=acceptor_context(gate.certificate, gate.key, hospital.certificate))


def at(receiver: Receiver, tls: ssl.SSLContext) -> DicomDestinationSettings:
    return DicomDestinationSettings("gate", "127.0.0.1", receiver.port, "MAMMOGATE", tls=tls)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_large_object_arrives_as_it_was_sent(
    version: ssl.TLSVersion, secured: Receiver, hospital: Authority, tmp_path: Path, log: Any
) -> None:
    xray = hospital.issue("xray")
    context = requestor_context(hospital.certificate, xray.certificate, xray.key)
    context.minimum_version = context.maximum_version = version
    path = write_large_tomosynthesis(tmp_path / "large.dcm", 20)
    assert send_files(at(secured, context), [path], log) == {path: Delivered()}
    (uid,) = secured.intake.kept_uids()
    assert pydicom.dcmread(secured.intake.kept_file(uid)) == pydicom.dcmread(path)


def test_many_senders_shake_hands_and_store_at_once(
    secured: Receiver, sending: ssl.SSLContext, tmp_path: Path, log: Any
) -> None:
    paths = [write(mammogram(rows=64, columns=64), tmp_path / f"{number}.dcm") for number in range(20)]
    with ThreadPoolExecutor(20) as senders:
        outcomes = list(senders.map(lambda path: send_files(at(secured, sending), [path], log), paths))
    assert outcomes == [{path: Delivered()} for path in paths]
    assert len(secured.intake.kept_uids()) == 20
    secured.wait_for_endings(20)


def test_tampering_ends_the_association_and_keeps_nothing_of_the_object(
    secured: Receiver, sending: ssl.SSLContext
) -> None:
    with RawPeer(secured.port, tls=sending) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, generate_uid())), pdv(1, 0, b"\0" * 1000))
        # A TLS record that the key of the connection did not make (RFC 8446 5.2).
        os.write(peer.socket.fileno(), b"\x17\x03\x03\x00\x40" + b"x" * 64)
        secured.wait_for_endings(1)
    (ended,) = secured.events("association_ended")
    assert ended["ending"] in ("lost", "aborted")
    assert secured.intake.kept_uids() == set()
    assert secured.intake.leftovers() == []

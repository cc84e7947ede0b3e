"""C-STORE over TLS, with certificates made for the occasion."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from dicom_node.destination import Delivered, DicomDestinationSettings, Failed
from dicom_node.storage_scu import send_files
from tests.dicom_node.conftest import StartReceiver
from tests.peers.programs import run
from tests.peers.synthetic import mammogram, write


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = run(["openssl", "req", *options, *names, "-keyout", key, "-out", certificate])
    assert made.returncode == 0, made.stderr
    return key, certificate


@pytest.mark.system
def test_objects_go_over_tls_and_plain_or_silent_peers_disturb_nobody(
    certificate: tuple[Path, Path], start_receiver: StartReceiver, tmp_path: Path, log: Any
) -> None:
    key, public = certificate
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(public, key)
    receiver = start_receiver(tls=serving)
    path = write(mammogram(rows=64, columns=64), tmp_path / "i.dcm")

    def settings(tls: ssl.SSLContext | None) -> DicomDestinationSettings:
        return DicomDestinationSettings("gate", "127.0.0.1", receiver.port, "MAMMOGATE", acse_timeout=2, tls=tls)

    trusting = ssl.create_default_context(cafile=str(public))
    with socket.create_connection(("127.0.0.1", receiver.port)):  # never begins its handshake
        assert send_files(settings(trusting), [path], log) == {path: Delivered()}
    for wrong in (None, ssl.create_default_context()):
        (outcome,) = send_files(settings(wrong), [path], log).values()
        assert isinstance(outcome, Failed)
    assert len(receiver.intake.kept_uids()) == 1
    receiver.wait_for_endings(1)

"""Handshakes that fail say why: between two contexts, and at a real port."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dicom_node.destination import Delivered, DicomDestinationSettings, Failed
from dicom_node.storage_scu import send_files
from dicom_node.tls import acceptor_context, own_requestor_context, requestor_context
from dicom_node.tls_handshake import HandshakeFailed, NothingSaid, TlsDoor, would_accept
from dicom_node.verification import echo
from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.peers.certificates import Authority, Identity, self_signed
from tests.peers.synthetic import mammogram, write


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("handshakes"), "hospital")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "elsewhere")


@pytest.fixture(scope="module")
def gate(hospital: Authority) -> Identity:
    return hospital.issue("gate")


@pytest.fixture(scope="module")
def xray(hospital: Authority) -> Identity:
    return hospital.issue("xray")


@pytest.fixture(scope="module")
def door(hospital: Authority, gate: Identity) -> ssl.SSLContext:
    return acceptor_context(gate.certificate, gate.key, hospital.certificate)


def calling(authority: Authority, identity: Identity | None, **more: Any) -> ssl.SSLContext:
    if identity is None:
        return requestor_context(authority.certificate, **more)
    return requestor_context(authority.certificate, identity.certificate, identity.key, **more)


def test_two_of_one_authority_understand_each_other(hospital: Authority, xray: Identity, door: ssl.SSLContext) -> None:
    would_accept(door, calling(hospital, xray))


def test_a_certificate_of_another_authority_is_called_that(
    hospital: Authority, strangers: Authority, door: ssl.SSLContext
) -> None:
    with pytest.raises(HandshakeFailed, match="not of a certificate authority that we trust"):
        would_accept(door, calling(hospital, strangers.issue("stranger")))


def test_a_certificate_that_signs_itself_is_trusted_only_when_it_is_listed(
    hospital: Authority, gate: Identity, door: ssl.SSLContext, tmp_path: Path
) -> None:
    alone = self_signed(tmp_path, "alone")
    with pytest.raises(HandshakeFailed, match="not of a certificate authority that we trust"):
        would_accept(door, calling(hospital, alone))
    bundle = tmp_path / "peers.pem"
    bundle.write_text(hospital.certificate.read_text() + alone.certificate.read_text())
    would_accept(acceptor_context(gate.certificate, gate.key, bundle), calling(hospital, alone))


def test_no_certificate_is_called_that(hospital: Authority, door: ssl.SSLContext) -> None:
    with pytest.raises(HandshakeFailed, match="it showed no certificate"):
        would_accept(door, calling(hospital, None))


def test_a_peer_without_a_certificate_may_be_let_in_and_a_wrong_one_still_may_not(
    hospital: Authority, strangers: Authority, gate: Identity
) -> None:
    open_door = acceptor_context(gate.certificate, gate.key, hospital.certificate, certificate_required=False)
    would_accept(open_door, calling(hospital, None))
    with pytest.raises(HandshakeFailed, match="authority"):
        would_accept(open_door, calling(hospital, strangers.issue("liar")))


def test_a_certificate_for_servers_only_is_not_a_senders(hospital: Authority, door: ssl.SSLContext) -> None:
    with pytest.raises(HandshakeFailed, match="not made for this use"):
        would_accept(door, calling(hospital, hospital.issue("web", usage="serverAuth")))


def test_the_name_of_the_called_host_counts(hospital: Authority, xray: Identity) -> None:
    elsewhere = hospital.issue("elsewhere", names="DNS:pacs.hospital")
    other_door = acceptor_context(elsewhere.certificate, elsewhere.key, hospital.certificate)
    with pytest.raises(HandshakeFailed, match="does not name the host"):
        would_accept(other_door, calling(hospital, xray))
    would_accept(other_door, calling(hospital, xray, check_name=False))


def test_the_gateway_can_call_itself_with_its_own_certificate_and_no_other(
    hospital: Authority, gate: Identity, door: ssl.SSLContext
) -> None:
    would_accept(door, own_requestor_context(gate.certificate, gate.key))
    renewed = hospital.issue("gate-renewed")
    with pytest.raises(HandshakeFailed, match="not of a certificate authority that we trust"):
        would_accept(door, own_requestor_context(renewed.certificate, renewed.key))


def old_context(hospital: Authority, xray: Identity) -> ssl.SSLContext:
    """What a machine of before 2010 offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(hospital.certificate)
    context.load_cert_chain(xray.certificate, xray.key)
    return context


def test_old_versions_and_old_suites_are_called_that(
    hospital: Authority, xray: Identity, door: ssl.SSLContext, recwarn: pytest.WarningsRecorder
) -> None:
    old = old_context(hospital, xray)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(HandshakeFailed, match=r"only TLS versions before 1\.2"):
        would_accept(door, old)
    cbc = old_context(hospital, xray)
    cbc.maximum_version = ssl.TLSVersion.TLSv1_2
    cbc.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    with pytest.raises(HandshakeFailed, match="no cipher suite of the profile"):
        would_accept(door, cbc)


@contextmanager
def knocking(door: TlsDoor) -> Iterator[tuple[socket.socket, Callable[[], BaseException | None]]]:
    """A connection whose other end goes through the door on a thread; the second part waits for what came of it."""
    ours, theirs = socket.socketpair()
    came_of_it: list[BaseException] = []

    def admit() -> None:
        try:
            door.admit(theirs).close()
        except HandshakeFailed as failure:
            came_of_it.append(failure)
            theirs.close()

    thread = threading.Thread(target=admit)
    thread.start()

    def outcome() -> BaseException | None:
        thread.join(10)
        return came_of_it[0] if came_of_it else None

    with ours:
        yield ours, outcome
    thread.join(10)


def test_what_is_no_tls_at_all_is_told_apart(door: ssl.SSLContext) -> None:
    for first, says in ((b"\x01\0\0\0\0\xcd\0\1", "plain DICOM"), (b"GET / HTTP/1.1\r\n", "does not speak TLS")):
        with knocking(TlsDoor(door)) as (peer, outcome):
            peer.sendall(first)
            assert says in str(outcome())


def test_a_probe_a_silent_and_a_slow_peer_are_told_apart(door: ssl.SSLContext) -> None:
    with knocking(TlsDoor(door)) as (peer, outcome):
        peer.close()
        assert isinstance(outcome(), NothingSaid)
    with knocking(TlsDoor(door, seconds=0.2)) as (_, outcome):
        assert "said nothing for 0.2 s" in str(outcome())
    with knocking(TlsDoor(door, seconds=0.2)) as (peer, outcome):
        peer.sendall(b"\x16\x03\x01")
        assert "did not finish the handshake in time" in str(outcome())
    with knocking(TlsDoor(door)) as (peer, outcome):
        peer.sendall(b"\x16\x03\x01")
        peer.close()
        assert "broke off during the handshake" in str(outcome())


def test_silent_peers_can_not_take_all_threads(door: ssl.SSLContext) -> None:
    narrow = TlsDoor(door, seconds=2, at_once=1)
    with knocking(narrow):
        deadline = time.monotonic() + 2
        second = None
        while time.monotonic() < deadline and "limit" not in str(second):
            with knocking(narrow) as (peer, outcome):
                peer.close()
                second = outcome()
        assert "which is the limit" in str(second)


@pytest.fixture
def secured(start_receiver: StartReceiver, door: ssl.SSLContext) -> Receiver:
    return start_receiver(tls=door)


def at(receiver: Receiver, tls: ssl.SSLContext | None) -> DicomDestinationSettings:
    return DicomDestinationSettings("gate", "127.0.0.1", receiver.port, "MAMMOGATE", acse_timeout=3, tls=tls)


def refusals(receiver: Receiver, count: int) -> list[str]:
    deadline = time.monotonic() + 5
    while len(receiver.events("tls_handshake_failed")) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    entries = receiver.events("tls_handshake_failed")
    assert all(entry["address"] == "127.0.0.1" for entry in entries)
    return [entry["reason"] for entry in entries]


def test_a_sender_with_the_right_certificate_stores(
    secured: Receiver, hospital: Authority, xray: Identity, tmp_path: Path, log: Any
) -> None:
    path = write(mammogram(rows=64, columns=64), tmp_path / "i.dcm")
    assert send_files(at(secured, calling(hospital, xray)), [path], log) == {path: Delivered()}
    assert len(secured.intake.kept_uids()) == 1
    assert secured.events("tls_handshake_failed") == []


def test_both_sides_say_why_a_sender_is_turned_away(
    secured: Receiver, hospital: Authority, strangers: Authority, xray: Identity, tmp_path: Path, log: Any
) -> None:
    path = write(mammogram(rows=64, columns=64), tmp_path / "i.dcm")
    expired = hospital.issue("worn", begins=timedelta(days=-9), ends=timedelta(seconds=2))
    worn = calling(hospital, expired)  # our own side refuses to load one that has expired already
    time.sleep(2.1)
    wrong: list[tuple[ssl.SSLContext | None, str]] = [
        (calling(hospital, strangers.issue("stranger")), "not of a certificate authority that we trust"),
        (calling(hospital, None), "showed no certificate"),
        (worn, "has expired"),
        (calling(strangers, xray), "it does not know the certificate authority"),
        (None, "plain DICOM"),
    ]
    for count, (context, says) in enumerate(wrong, start=1):
        (outcome,) = send_files(at(secured, context), [path], log).values()
        assert isinstance(outcome, Failed)
        assert says in refusals(secured, count)[-1]
        if context is not None:
            assert "No association over TLS with 127.0.0.1" in outcome.reason
    assert secured.intake.kept_uids() == set()


def test_an_echo_over_tls_says_what_is_wrong_with_the_other_side(
    start_receiver: StartReceiver, secured: Receiver, strangers: Authority, hospital: Authority, xray: Identity
) -> None:
    assert "not of a certificate authority that we trust" in echo(at(secured, calling(strangers, xray))).detail
    plain = start_receiver()
    assert "No association over TLS" in echo(at(plain, calling(hospital, xray))).detail
    assert echo(at(plain, None)).ok


def test_a_port_probe_makes_no_warning(secured: Receiver) -> None:
    socket.create_connection(("127.0.0.1", secured.port)).close()
    deadline = time.monotonic() + 5
    while not secured.events("tls_port_probed") and time.monotonic() < deadline:
        time.sleep(0.02)
    (probe,) = secured.events("tls_port_probed")
    assert probe["log_level"] == "debug"

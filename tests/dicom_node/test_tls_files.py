"""Certificates, keys and authorities that can't be used, each told apart before anybody connects."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node import tls
from dicom_node.certificate_file import NoCertificate, validity_of
from tests.peers.certificates import RSA_2048, Authority, Identity, locked


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("files"), "hospital")


@pytest.fixture(scope="module")
def gate(authority: Authority) -> Identity:
    return authority.issue("gate")


def test_an_acceptor_with_an_authority_demands_certificates(authority: Authority, gate: Identity) -> None:
    context = tls.acceptor_context(gate.certificate, gate.key, authority.certificate)
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_an_acceptor_may_let_those_in_that_show_none(authority: Authority, gate: Identity) -> None:
    asking = tls.acceptor_context(gate.certificate, gate.key, authority.certificate, certificate_required=False)
    assert asking.verify_mode is ssl.CERT_OPTIONAL
    assert tls.acceptor_context(gate.certificate, gate.key, None).verify_mode is ssl.CERT_NONE


def test_both_sides_keep_to_the_profile(authority: Authority, gate: Identity) -> None:
    accepting = tls.acceptor_context(gate.certificate, gate.key, authority.certificate)
    for context in (accepting, tls.requestor_context(authority.certificate)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        suites = {suite["name"]: suite["protocol"] for suite in context.get_ciphers()}
        assert {name for name, version in suites.items() if version == "TLSv1.2"} == set(tls.TLS_1_2_SUITES)
        assert set(suites.values()) == {"TLSv1.2", "TLSv1.3"}


def test_a_requestor_always_checks_the_peer_and_its_name_unless_told_otherwise(authority: Authority) -> None:
    assert tls.requestor_context(authority.certificate).check_hostname
    lenient = tls.requestor_context(authority.certificate, check_name=False)
    assert (lenient.check_hostname, lenient.verify_mode) == (False, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("which", ["certificate", "private key", "certificate authority"])
def test_a_missing_file_is_named_with_what_it_is(
    which: str, authority: Authority, gate: Identity, tmp_path: Path
) -> None:
    paths = {"certificate": gate.certificate, "private key": gate.key, "certificate authority": authority.certificate}
    paths[which] = tmp_path / "nowhere.pem"
    with pytest.raises(tls.FileUnreadable, match=rf"the {which} file .*nowhere\.pem can't be read \(No such file"):
        tls.acceptor_context(*paths.values())


def test_a_key_of_another_certificate_is_found_out(authority: Authority, gate: Identity) -> None:
    other = authority.issue("other")
    with pytest.raises(tls.KeyMismatch, match="does not belong to the certificate"):
        tls.acceptor_context(gate.certificate, other.key, None)
    another_kind = authority.issue("another-kind", key=RSA_2048)
    with pytest.raises(tls.KeyMismatch):
        tls.acceptor_context(gate.certificate, another_kind.key, None)


def test_an_expired_certificate_says_when_it_ended(authority: Authority) -> None:
    old = authority.issue("old", begins=timedelta(days=-9), ends=timedelta(days=-2))
    ended = datetime.now(UTC) - timedelta(days=2)
    with pytest.raises(tls.CertificateExpired, match=f"expired on {ended:%Y-%m-%d}"):
        tls.acceptor_context(old.certificate, old.key, None)


def test_a_certificate_of_the_future_points_to_the_clock(authority: Authority) -> None:
    early = authority.issue("early", begins=timedelta(days=3))
    with pytest.raises(tls.CertificateNotYetValid, match="clock"):
        tls.requestor_context(authority.certificate, early.certificate, early.key)


@pytest.mark.parametrize("weak", [{"key": ("rsa:1024",)}, {"digest": "sha1"}])
def test_a_weak_certificate_is_not_shown_to_anybody(weak: dict[str, str], authority: Authority) -> None:
    name = "weak-" + "".join(weak)
    made = authority.issue(name, **weak)
    with pytest.raises(tls.CertificateTooWeak, match="2048 bits or more"):
        tls.acceptor_context(made.certificate, made.key, None)


def test_a_locked_key_does_not_wait_for_somebody_to_type(gate: Identity) -> None:
    with pytest.raises(tls.KeyLocked, match="openssl pkey"):
        tls.acceptor_context(gate.certificate, locked(gate, "secret"), None)


def test_files_that_hold_something_else_are_named(authority: Authority, gate: Identity, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a note, no certificate")
    with pytest.raises(tls.CertificateUnreadable, match="no certificate in PEM"):
        tls.acceptor_context(tmp_path / "text", gate.key, None)
    with pytest.raises(tls.KeyUnreadable, match="no private key"):
        tls.acceptor_context(gate.certificate, gate.certificate, None)
    with pytest.raises(tls.AuthorityUnreadable, match="self-signed"):
        tls.acceptor_context(gate.certificate, gate.key, tmp_path / "text")


def test_the_validity_is_read_from_both_ways_of_writing_times(authority: Authority) -> None:
    # After 2049 a certificate has four digits for the year (RFC 5280 4.1.2.5).
    for ends in (timedelta(days=40), timedelta(days=40 * 365)):
        made = authority.issue(f"until-{ends.days}", ends=ends)
        validity = tls.certificate_validity(made.certificate)
        assert abs(validity.ends - (datetime.now(UTC) + ends)) < timedelta(minutes=2)
        assert validity.days_left(datetime.now(UTC)) in (ends.days - 1, ends.days)


def test_the_first_certificate_of_a_chain_counts(authority: Authority, gate: Identity, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text("Subject: gate\n" + gate.certificate.read_text() + authority.certificate.read_text())
    assert tls.certificate_validity(chain) == tls.certificate_validity(gate.certificate)
    assert tls.acceptor_context(chain, gate.key, authority.certificate)


@given(st.binary(max_size=200))
def test_no_bytes_in_a_certificate_raise_anything_else(content: bytes) -> None:
    pem = ssl.DER_cert_to_PEM_cert(content)
    with pytest.raises(NoCertificate):
        validity_of(pem)

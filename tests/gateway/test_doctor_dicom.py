"""What the doctor says of the own DICOM port and of certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import structlog

from config.settings import DestinationSettings, DicomSettings, DicomTlsSettings, RequestorTlsSettings, Settings
from dicom_node.intake import Intake
from dicom_node.storage_scp import ScpSettings, StorageScp
from dicom_node.tls import TlsUnusable, acceptor_context
from gateway.cli.doctor_dicom import certificate_state, certificates, own_port
from tests.peers.certificates import Authority, Identity
from tests.peers.ports import free_port


@pytest.fixture
def hospital(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "hospital")


@pytest.fixture
def gate(hospital: Authority) -> Identity:
    return hospital.issue("gate")


def secured(gate: Identity, ca: Path | None, port: int) -> DicomSettings:
    tls = DicomTlsSettings(
        certificate=gate.certificate, key=gate.key, peer_ca=ca, allow_unauthenticated_peers=ca is None
    )
    return DicomSettings(port=port, tls=tls)


@pytest.fixture
def port(hospital: Authority, gate: Identity) -> Iterator[int]:
    """A port that speaks TLS with the gate's certificate; nothing is stored over it."""
    settings = ScpSettings(port=0, tls=acceptor_context(gate.certificate, gate.key, hospital.certificate))
    scp = StorageScp(settings, cast(Intake, _NoIntake()), structlog.get_logger())
    scp.start()
    yield scp.port
    scp.stop()


class _NoIntake:
    def association_closed(self, _origin: object) -> None: ...


def test_the_own_port_is_asked_over_tls_with_the_gateways_own_certificate(
    hospital: Authority, gate: Identity, port: int
) -> None:
    state, detail = own_port(secured(gate, hospital.certificate, port))
    assert state == "ok"
    assert "It speaks TLS." in detail


def test_a_renewed_certificate_that_waits_for_a_restart_is_noticed(
    hospital: Authority, gate: Identity, port: int
) -> None:
    state, detail = own_port(secured(hospital.issue("renewed"), hospital.certificate, port))
    assert state == "warning"
    assert "No association over TLS" in detail


def test_where_the_gateway_is_no_sender_only_the_port_is_looked_at_and_that_is_said(
    hospital: Authority, port: int
) -> None:
    for_servers = hospital.issue("server", usage="serverAuth")
    state, detail = own_port(secured(for_servers, hospital.certificate, port))
    assert state == "ok"
    assert "takes connections" in detail
    assert "no C-ECHO over TLS" in detail
    state, detail = own_port(secured(for_servers, hospital.certificate, free_port()))
    assert state == "warning"
    assert "can't be reached" in detail


def test_tls_that_can_not_work_is_a_sentence(hospital: Authority, gate: Identity) -> None:
    wrong = Identity(gate.certificate, hospital.issue("other").key)
    with pytest.raises(TlsUnusable, match="does not belong to the certificate"):
        own_port(secured(wrong, hospital.certificate, free_port()))


@pytest.mark.parametrize(
    ("begins", "ends", "state", "says"),
    [
        (-1, 60, "ok", "is valid until"),
        (-1, 20, "warning", "in 19 days: have it renewed"),
        (-9, -1, "failed", "expired on"),
        (3, 60, "failed", "clock"),
    ],
)
def test_a_certificate_that_ends_soon_is_warned_of(
    begins: int, ends: int, state: str, says: str, hospital: Authority
) -> None:
    made = hospital.issue("dated", begins=timedelta(days=begins), ends=timedelta(days=ends))
    found, detail = certificate_state(made.certificate)
    assert found == state
    assert says in detail


def test_every_certificate_of_ours_is_looked_at(hospital: Authority, gate: Identity) -> None:
    tls = RequestorTlsSettings(ca=hospital.certificate, certificate=gate.certificate, key=gate.key)
    anonymous = RequestorTlsSettings(ca=hospital.certificate)
    pacs = DestinationSettings(name="pacs", kind="dicom", host="pacs", port=2762, ae_title="PACS", tls=tls)
    other = pacs.model_copy(update={"name": "other", "tls": anonymous})
    settings = Settings(dicom=secured(gate, None, 11112), destinations=(pacs, other))
    assert [name for name, _ in certificates(settings)] == ["the dicom port", "destination pacs"]

"""A gateway whose DICOM port speaks TLS, among real senders: DCMTK, pynetdicom as it is, Orthanc."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation
from pynetdicom.ae import ApplicationEntity

from tests.peers.certificates import RSA_2048, Authority, Identity
from tests.peers.committing_modality import CommittingModality
from tests.peers.dcmtk import echoscu, storescu
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.synthetic import mammogram, write
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
_HERE = ["127.0.0.0/8"]
_COMMITTING = "XRAY1"
_PEERS = [
    *({"ae_title": title, "addresses": _HERE} for title in ("STORESCU", "ECHOSCU", "PYNETDICOM", "ORTHANC")),
    {"ae_title": "MAMMOGATE_SCU", "addresses": _HERE},
    {"ae_title": _COMMITTING, "addresses": _HERE},
    {"ae_title": "ELSEWHERE", "addresses": ["192.0.2.0/24"]},
    {"ae_title": "SINGLE", "addresses": _HERE, "max_associations": 1},
]


@dataclass(frozen=True)
class Site:
    """A gateway and a PACS that speak TLS only, and the certificates of whoever may send."""

    gateway: Gateway
    pacs: Orthanc
    hospital: Authority
    strangers: Authority
    xray: Identity
    reports_port: int
    """Where storage commitment reports are expected."""

    def options(self, identity: Identity | None, ca: Authority | None = None) -> list[str]:
        """What DCMTK's senders need to speak TLS."""
        trusted = ["+cf", str((ca or self.hospital).certificate)]
        if identity is None:
            return ["+tla", *trusted]
        return ["+tls", str(identity.key), str(identity.certificate), *trusted]

    def wait_for_log(self, *parts: str, after: int) -> str:
        """Wait for a log line with all the parts, written after the log had this length."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.gateway.log[after:].splitlines():
                if all(part in line for part in parts):
                    return line
            time.sleep(0.1)
        pytest.fail(f"no line with {parts} in:\n{self.gateway.log[after:]}", pytrace=False)


def _orthanc_tls(identity: Identity, trusted: Path) -> dict[str, object]:
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(identity.certificate),
        "DicomTlsPrivateKey": str(identity.key),
        "DicomTlsTrustedCertificates": str(trusted),
        "DicomTlsRemoteCertificateRequired": True,
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    hospital, strangers = Authority(folder, "hospital"), Authority(folder, "strangers")
    gate, xray = hospital.issue("gate", key=RSA_2048), hospital.issue("xray")
    dicom_port, reports_port = free_port(), free_port()
    modality = {"AET": "MAMMOGATE", "Host": LOOPBACK, "Port": dicom_port, "UseDicomTls": True}
    extra = {**_orthanc_tls(hospital.issue("orthanc"), hospital.certificate), "DicomModalities": {"gateway": modality}}
    ours = {"ca": hospital.certificate, "certificate": gate.certificate, "key": gate.key}
    tls = {name: str(path) for name, path in ours.items()}
    reports = {"port": reports_port, "tls": tls}
    peers = [{**peer, **reports} if peer["ae_title"] == _COMMITTING else peer for peer in _PEERS]
    echo = ["--tls-ca", hospital.certificate, "--tls-certificate", xray.certificate, "--tls-key", xray.key]
    with (
        running_orthanc(folder / "pacs", extra=extra) as pacs,
        running_gateway(
            folder / "gateway",
            destinations=[
                destination(
                    "pacs",
                    "dicom",
                    host=LOOPBACK,
                    port=pacs.dicom_port,
                    ae_title=pacs.ae_title,
                    tls=tls,
                )
            ],
            settings={
                "MAMMOGATE_DICOM__ALLOWED_PEERS": json.dumps(peers),
                "MAMMOGATE_SITE__STORE_IS_ARCHIVE": "true",
                "MAMMOGATE_DICOM__TLS__CERTIFICATE": str(gate.certificate),
                "MAMMOGATE_DICOM__TLS__KEY": str(gate.key),
                "MAMMOGATE_DICOM__TLS__PEER_CA": str(hospital.certificate),
            },
            dicom_port=dicom_port,
            echo_options=[str(word) for word in echo],
        ) as gateway,
    ):
        yield Site(gateway, pacs, hospital, strangers, xray, reports_port)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write(mammogram(rows=64, columns=64), tmp_path / "image.dcm")


def _listening_context(site: Site) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.xray.certificate, site.xray.key)
    context.load_verify_locations(site.hospital.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _python_context(site: Site) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(site.hospital.certificate))
    context.load_cert_chain(site.xray.certificate, site.xray.key)
    return context


def test_a_study_that_orthanc_pushes_over_tls_comes_back_to_it_over_tls(site: Site, tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    ids = site.pacs.upload(*study.paths.values())
    pushed = site.pacs.push("gateway", ids)
    assert pushed.is_success, pushed.text
    assert pushed.json()["FailedInstancesCount"] == 0
    reported = site.gateway.wait_for_reports(study.exam.study_instance_uid)
    uids = {report["sop_instance_uid"] for report in reported["reports"]}
    assert len(uids) >= 3
    assert uids <= site.pacs.sop_instance_uids()


def test_dcmtk_stores_and_echoes_over_tls(site: Site, image: Path) -> None:
    stored = storescu(site.gateway.dicom_port, image, options=site.options(site.xray))
    assert stored.returncode == 0, stored.stderr
    echoed = echoscu(site.gateway.dicom_port, options=site.options(site.xray))
    assert echoed.returncode == 0, echoed.stderr


def test_pynetdicom_as_it_is_stores_over_tls(site: Site, image: Path) -> None:
    ae = ApplicationEntity("PYNETDICOM")
    ae.add_requested_context(DigitalMammographyXRayImageStorageForPresentation)
    association = ae.associate(
        LOOPBACK, site.gateway.dicom_port, ae_title="MAMMOGATE", tls_args=(_python_context(site), "localhost")
    )
    assert association.is_established
    assert association.send_c_store(dcmread(image)).Status == 0x0000
    association.release()


def test_storage_commitment_is_asked_for_and_reported_over_tls(site: Site, image: Path) -> None:
    modality = CommittingModality(
        ae_title=_COMMITTING,
        port=site.reports_port,
        calling_tls=_python_context(site),
        listening_tls=_listening_context(site),
    )
    modality.listen()
    try:
        stored = storescu(site.gateway.dicom_port, image, options=site.options(site.xray))
        assert stored.returncode == 0, stored.stderr
        sent = dcmread(image, stop_before_pixels=True)
        references = [(str(sent.SOPClassUID), str(sent.SOPInstanceUID))]
        assert modality.request(site.gateway.dicom_port, references) == 0x0000
        (report,) = modality.wait_for_reports()
        assert report.committed == {str(sent.SOPInstanceUID)}
    finally:
        modality.stop_listening()


def test_our_own_commands_speak_tls(site: Site, image: Path) -> None:
    address = f"{LOOPBACK}:{site.gateway.dicom_port}"
    sent = site.gateway.command("send", image, "--to", address, *site.gateway.echo_options)
    assert sent.returncode == 0, sent.stderr
    assert "1 of 1 files" in sent.stdout
    only_trust = site.gateway.echo_options[:2]
    refused = site.gateway.command("echo", address, *only_trust)
    assert refused.returncode == 1
    assert "No association over TLS" in refused.stderr
    incomplete = site.gateway.command("echo", address, *site.gateway.echo_options[2:])
    assert incomplete.returncode == 2
    assert "--tls-ca" in incomplete.stderr


def test_the_doctor_asks_the_own_port_and_the_pacs_over_tls_and_reads_the_certificates(site: Site) -> None:
    done = site.gateway.command("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    # The first allowed peer's title is one that may call from here.
    assert found["dicom port"]["state"] == "ok"
    assert "It speaks TLS." in found["dicom port"]["detail"]
    assert found["certificate of the dicom port"]["state"] == "ok"
    assert found["certificate of destination pacs"]["state"] == "ok"
    assert found["destination pacs"]["state"] == "ok"


_Refused = Callable[[Site, Path], int]


def _wrong_authority(site: Site, image: Path) -> int:
    stranger = site.strangers.issue("stranger")
    return storescu(site.gateway.dicom_port, image, options=site.options(stranger)).returncode


def _no_certificate(site: Site, image: Path) -> int:
    return storescu(site.gateway.dicom_port, image, options=site.options(None)).returncode


def _plain_dicom(site: Site, image: Path) -> int:
    return storescu(site.gateway.dicom_port, image).returncode


def _does_not_trust_us(site: Site, image: Path) -> int:
    return storescu(site.gateway.dicom_port, image, options=site.options(site.xray, site.strangers)).returncode


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (_wrong_authority, "its certificate is not of a certificate authority that we trust"),
        (_no_certificate, "it showed no certificate"),
        (_plain_dicom, "it speaks plain DICOM, no TLS"),
        (_does_not_trust_us, "it does not know the certificate authority that signed our certificate"),
    ],
)
def test_who_can_not_shake_hands_is_refused_and_the_log_says_why(
    attempt: _Refused, says: str, site: Site, image: Path
) -> None:
    before = len(site.gateway.log)
    assert attempt(site, image) != 0
    site.wait_for_log("tls_handshake_failed", "address=127.0.0.1", says, after=before)


@pytest.mark.parametrize(
    ("calling", "says"),
    [("NOBODY", "is not among the allowed peers"), ("ELSEWHERE", "is allowed, but not from 127.0.0.1")],
)
def test_a_good_certificate_does_not_make_up_for_a_wrong_title_or_address(
    calling: str, says: str, site: Site, image: Path
) -> None:
    before = len(site.gateway.log)
    refused = storescu(site.gateway.dicom_port, image, calling=calling, options=site.options(site.xray))
    assert refused.returncode != 0
    site.wait_for_log("association_rejected", calling, says, after=before)


def test_a_peer_at_its_limit_is_told_to_try_again(site: Site) -> None:
    before = len(site.gateway.log)
    ae = ApplicationEntity("SINGLE")
    ae.add_requested_context(DigitalMammographyXRayImageStorageForPresentation)
    arguments = (LOOPBACK, site.gateway.dicom_port)
    first = ae.associate(*arguments, ae_title="MAMMOGATE", tls_args=(_python_context(site), "localhost"))
    assert first.is_established
    for _ in range(5):
        second = ae.associate(*arguments, ae_title="MAMMOGATE", tls_args=(_python_context(site), "localhost"))
        assert not second.is_established
        if second.is_rejected:
            break
        # A busy machine may hear the connection close before it has read why.
    assert second.is_rejected
    rejection = second.acceptor.primitive
    assert rejection is not None
    # PS3.8 table 9-21: rejected-transient, presentation related, local limit exceeded.
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (2, 3, 2)
    first.release()
    site.wait_for_log("association_rejected", "max_associations", after=before)


def test_serve_refuses_a_key_that_does_not_fit_and_says_what_to_do(tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    settings = {
        "MAMMOGATE_DICOM__TLS__CERTIFICATE": str(hospital.issue("gate").certificate),
        "MAMMOGATE_DICOM__TLS__KEY": str(hospital.issue("other").key),
        "MAMMOGATE_DICOM__TLS__PEER_CA": str(hospital.certificate),
    }
    with running_gateway(tmp_path / "gateway", settings=settings, start=False) as gateway:
        done = gateway.command("serve", "--only", "receive")
        assert done.returncode == 1
        assert "does not belong to the certificate" in done.stderr

"""Storage commitment through a running gateway: a modality that deletes its copy on our word must never be misled."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydicom.uid import generate_uid

from dicom_node.destination import Delivered, DicomDestinationSettings
from dicom_node.storage_scu import send_files
from tests.peers.committing_modality import CommittingModality, Reference, committing_modality, known_peers
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Modality, Orthanc, running_orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import WrittenStudy
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

MG = "1.2.840.10008.5.1.4.1.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"
NO_SUCH_OBJECT, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110
QUICK = {
    "MAMMOGATE_COMMITMENT__FIRST_RETRY_SECONDS": "0.5",
    "MAMMOGATE_COMMITMENT__LONGEST_RETRY_SECONDS": "1",
    "MAMMOGATE_STUDY__QUIET_SECONDS": "2",
}
STORE = {**QUICK, "MAMMOGATE_SITE__STORE_IS_ARCHIVE": "true"}
SOON = {"MAMMOGATE_COMMITMENT__GIVE_UP_HOURS": str(10 / 3600)}


@pytest.fixture
def modality() -> Iterator[CommittingModality]:
    with committing_modality() as running:
        yield running


@pytest.fixture
def study(tmp_path: Path) -> WrittenStudy:
    return small_study(tmp_path / "study", views=[("R", "MLO"), ("L", "MLO")])


@contextmanager
def gateway_for(
    folder: Path, settings: Mapping[str, str], *destinations: Mapping[str, Any], **peers: int | None
) -> Iterator[Gateway]:
    """Run a gateway that knows these AE titles, with the ports they listen on."""
    allowed = {"MAMMOGATE_DICOM__ALLOWED_PEERS": known_peers(**peers)}
    with running_gateway(folder / "gateway", destinations=destinations, settings={**settings, **allowed}) as gateway:
        yield gateway


def store(gateway: Gateway, study: WrittenStudy) -> list[Reference]:
    peer = DicomDestinationSettings("gateway", LOOPBACK, gateway.dicom_port, "MAMMOGATE", "XRAY1")
    outcomes = send_files(peer, list(study.paths.values()), structlog.get_logger("modality"))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes.values())
    return [(MG, uid) for uid in study.sop_instance_uids.values()]


def uids(references: list[Reference]) -> set[str]:
    return {uid for _, uid in references}


def confirming(kind: str, archive: Orthanc) -> dict[str, Any]:
    """An archive as destination; reports don't go there, so that only images are in it."""
    address: dict[str, Any] = {"url": archive.url}
    if kind == "dicom":
        address = {"host": LOOPBACK, "port": archive.dicom_port, "ae_title": archive.ae_title}
    return destination("archive", kind, forward_images=True, confirms="query", reports=[], **address)


@contextmanager
def archive_orthanc(folder: Path, **options: Any) -> Iterator[Orthanc]:
    """Run an Orthanc that answers the gateway's queries."""
    knows = [Modality("gateway", "MAMMOGATE", 104)]
    with running_orthanc(folder / "archive", modalities=knows, **options) as archive:
        yield archive


@pytest.mark.long  # the ordinary run has it of the port alone: tests/dicom_node
def test_a_gateway_without_an_archive_does_not_offer_it(
    tmp_path: Path, modality: CommittingModality, study: WrittenStudy
) -> None:
    with gateway_for(tmp_path, QUICK, XRAY1=modality.port) as gateway:
        assert modality.request(gateway.dicom_port, store(gateway, study)) is None


def test_a_store_that_is_the_archive_commits_to_what_it_holds_and_to_nothing_else(
    tmp_path: Path, modality: CommittingModality, study: WrittenStudy
) -> None:
    with gateway_for(tmp_path, STORE, XRAY1=modality.port, XRAY2=None) as gateway:
        sent = store(gateway, study)
        nowhere = CommittingModality(ae_title="XRAY2")
        assert nowhere.request(gateway.dicom_port, sent) == 0x0110
        assert "commitment.nobody_to_tell" in gateway.log
        assert "Give its entry in dicom.allowed_peers the port" in gateway.log

        assert modality.request(gateway.dicom_port, sent) == 0x0000
        (first,) = modality.wait_for_reports()
        assert (first.event_type, first.committed, first.failed) == (1, uids(sent), {})
        assert first.roles == (False, True)

        never_sent, other_class = generate_uid(), (SC, sent[1][1])
        assert modality.request(gateway.dicom_port, [sent[0], (MG, never_sent), other_class]) == 0x0000
        second = modality.wait_for_reports(2)[1]
        assert (second.event_type, second.committed) == (2, {sent[0][1]})
        assert second.failed == {never_sent: NO_SUCH_OBJECT, sent[1][1]: CLASS_CONFLICT}

        for file in (gateway.data_dir / "instances").rglob("*.dcm"):
            file.unlink()
        assert modality.request(gateway.dicom_port, sent) == 0x0000
        third = modality.wait_for_reports(3)[2]
        assert (third.event_type, third.failed) == (2, dict.fromkeys(uids(sent), PROCESSING_FAILURE))


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_a_report_reaches_a_requester_that_was_away_whatever_dies_meanwhile(
    tmp_path: Path, study: WrittenStudy, database: str
) -> None:
    away = CommittingModality()
    with (
        database_settings(tmp_path, database) as url,
        gateway_for(tmp_path, {**STORE, **url}, XRAY1=away.port) as gateway,
    ):
        sent = store(gateway, study)
        transaction = generate_uid()
        assert away.request(gateway.dicom_port, sent, transaction) == 0x0000
        gateway.part("receive").kill()
        gateway.wait_until_ready()
        assert away.request(gateway.dicom_port, sent, transaction) == 0x0000, "asked again, since nothing came"
        time.sleep(2)
        gateway.part("work").kill()
        away.listen()
        try:
            (report, *_) = away.wait_for_reports()
        finally:
            away.stop_listening()
        assert (report.event_type, report.committed) == (1, uids(sent))
        assert report.information.TransactionUID == transaction


@contextmanager
def database_settings(folder: Path, kind: str) -> Iterator[dict[str, str]]:
    if kind == "sqlite":
        yield {}
        return
    with running_postgresql(folder / "postgresql") as server:
        yield {"MAMMOGATE_DATABASE_URL": server.url}


@pytest.mark.parametrize("kind", ["dicom", pytest.param("orthanc", marks=pytest.mark.long)])
def test_an_archive_behind_us_is_waited_for_and_its_word_counts(
    tmp_path: Path, modality: CommittingModality, study: WrittenStudy, kind: str
) -> None:
    with (
        archive_orthanc(tmp_path, start=False) as archive,
        gateway_for(tmp_path, QUICK, confirming(kind, archive), XRAY1=modality.port) as gateway,
    ):
        sent = store(gateway, study)
        assert modality.request(gateway.dicom_port, sent) == 0x0000
        time.sleep(5)
        assert modality.reports == [], "the archive is away: nobody has confirmed anything"
        archive.start()
        (report,) = modality.wait_for_reports(seconds=90)
        assert archive.sop_instance_uids() == uids(sent)
        assert (report.event_type, report.committed) == (1, uids(sent))


@pytest.mark.long  # 43 s; the same of parts is in tests/gateway/commitment
@pytest.mark.parametrize("kind", ["dicom", "orthanc"])
def test_an_archive_that_has_lost_an_object_makes_it_a_failure(
    tmp_path: Path, modality: CommittingModality, study: WrittenStudy, kind: str
) -> None:
    with (
        archive_orthanc(tmp_path) as archive,
        gateway_for(tmp_path, {**QUICK, **SOON}, confirming(kind, archive), XRAY1=modality.port) as gateway,
    ):
        sent = store(gateway, study)
        deadline = time.monotonic() + 60
        while archive.sop_instance_uids() != uids(sent) and time.monotonic() < deadline:
            time.sleep(0.2)
        lost = sent[0][1]
        with archive.client() as client:
            (found,) = client.post("/tools/lookup", content=lost).json()
            client.delete(f"/instances/{found['ID']}").raise_for_status()
        assert modality.request(gateway.dicom_port, sent) == 0x0000
        (report,) = modality.wait_for_reports()
        assert (report.event_type, report.committed) == (2, {sent[1][1]})
        assert report.failed == {lost: PROCESSING_FAILURE}


def test_orthanc_as_requester_hears_that_its_images_are_safe(tmp_path: Path, study: WrittenStudy) -> None:
    orthanc_port, gateway_port = free_port(), free_port()
    knows = [Modality("gateway", "MAMMOGATE", gateway_port)]
    settings = {**STORE, "MAMMOGATE_DICOM__ALLOWED_PEERS": known_peers(ORTHANC=orthanc_port)}
    with (
        running_orthanc(tmp_path / "orthanc", modalities=knows, dicom_port=orthanc_port) as orthanc,
        running_gateway(tmp_path / "gateway", settings=settings, dicom_port=gateway_port),
    ):
        ids = orthanc.upload(*study.paths.values())
        orthanc.push("gateway", ids[:1]).raise_for_status()
        assert commitment_report(orthanc, ids[:1])["Status"] == "Success"
        partly = commitment_report(orthanc, ids)
        assert partly["Status"] == "Failure"
        assert {item["SOPInstanceUID"] for item in partly["Success"]} == {study.sop_instance_uids["R", "MLO"]}
        (failure,) = partly["Failures"]
        assert (failure["SOPInstanceUID"], failure["FailureReason"]) == (
            study.sop_instance_uids["L", "MLO"],
            NO_SUCH_OBJECT,
        )


def commitment_report(orthanc: Orthanc, instance_ids: list[str]) -> dict[str, Any]:
    """Have Orthanc ask the gateway for storage commitment; return the report that it got."""
    with orthanc.client() as client:
        body = {"Resources": instance_ids}
        asked = client.post("/modalities/gateway/storage-commitment", json=body).raise_for_status().json()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            report = dict(client.get(asked["Path"]).raise_for_status().json())
            if report["Status"] != "Pending":
                return report
            time.sleep(0.2)
    pytest.fail("Orthanc got no report", pytrace=False)

"""The main job: a study in by each of the ways, every kind of report in a real Orthanc, the result in the feed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from gateway.demo.study import write_study as write_real_study
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Modality, Orthanc, running_orthanc
from tests.peers.ports import free_port
from tests.reporting.validators import object_problems, template_problems, tree_problems

# Each study is real: P_00820 of CBIS-DDSM, with an identity of its own each time.
pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
KINDS = {"mammography_cad_sr", "measurement_report", "presentation_state", "summary_image"}


@dataclass(frozen=True)
class Hospital:
    """A PACS that gets the reports, a PACS that images come from, and the gateway between them."""

    gateway: Gateway
    pacs: Orthanc
    source: Orthanc


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    dicom_port = free_port()
    with (
        running_orthanc(folder / "pacs") as pacs,
        running_orthanc(folder / "source", modalities=[Modality("gateway", "MAMMOGATE", dicom_port)]) as source,
        running_gateway(
            folder / "gateway",
            destinations=[
                destination("pacs", "dicom", host="127.0.0.1", port=pacs.dicom_port, ae_title=pacs.ae_title),
            ],
            sources=[{"name": "source", "url": source.url, "interval_seconds": 1}],
            dicom_port=dicom_port,
        ) as gateway,
    ):
        yield Hospital(gateway, pacs, source)


def by_dcmsend(hospital: Hospital, files: Sequence[Path]) -> None:
    sent = dcmsend(hospital.gateway.dicom_port, *files)
    assert sent.returncode == 0, sent.stdout + sent.stderr


def by_push(hospital: Hospital, files: Sequence[Path]) -> None:
    # The pushed study lies in an Orthanc that is not followed: otherwise it would come by both ways.
    ids = hospital.pacs.upload(*files)
    with hospital.pacs.client() as client:
        port = hospital.gateway.dicom_port
        node = {"AET": "MAMMOGATE", "Host": "127.0.0.1", "Port": port}
        client.put("/modalities/gateway", json=node).raise_for_status()
    hospital.pacs.push("gateway", ids).raise_for_status()


def by_following_changes(hospital: Hospital, files: Sequence[Path]) -> None:
    hospital.source.upload(*files)


def by_stow(hospital: Hospital, files: Sequence[Path]) -> None:
    boundary = "mammograms"
    parts = [
        b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), file.read_bytes())
        for file in files
    ]
    with hospital.gateway.client() as client:
        answer = client.post(
            "/dicom-web/studies",
            content=b"".join([*parts, b"--%s--\r\n" % boundary.encode()]),
            headers={"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'},
            timeout=120,
        )
    assert answer.status_code == httpx.codes.OK, answer.text


# PixelMed takes some 20 s of processor time a report: `make test-full` asks it, of the reports of every way.
@pytest.mark.parametrize(
    ("arrive", "templates"),
    [
        (by_dcmsend, False),
        (by_push, False),
        (by_following_changes, False),
        pytest.param(by_stow, False, marks=pytest.mark.long),  # the ordinary run has it in test_feed.py
        pytest.param(by_dcmsend, True, marks=pytest.mark.long),
        pytest.param(by_push, True, marks=pytest.mark.long),
        pytest.param(by_following_changes, True, marks=pytest.mark.long),
        pytest.param(by_stow, True, marks=pytest.mark.long),
    ],
)
def test_a_study_comes_back_to_the_pacs_as_valid_reports_of_every_kind(
    hospital: Hospital, tmp_path: Path, arrive: Callable[[Hospital, Sequence[Path]], None], templates: bool
) -> None:
    real = write_real_study(tmp_path / "study", datetime.now().astimezone())
    started = time.monotonic()
    arrive(hospital, real.paths)
    study = hospital.gateway.wait_for_reports(real.study_instance_uid, seconds=300)
    seconds = time.monotonic() - started
    assert len(study["views"]) == 4
    assert [view["failure"] for view in study["views"]] == [None] * 4
    marked = any(view["findings"] for view in study["views"])
    assert {report["kind"] for report in study["reports"]} == (KINDS if marked else KINDS - {"presentation_state"})
    in_pacs = tmp_path / "from_pacs"
    in_pacs.mkdir()
    written = []
    for report in study["reports"]:
        file = in_pacs / f"{report['kind']}.{report['sop_instance_uid']}.dcm"
        file.write_bytes(hospital.pacs.file(report["sop_instance_uid"]))
        written.append(file)
    assert {file.name: object_problems(file) for file in written if object_problems(file)} == {}
    documents = [file for file in written if file.name.startswith(("mammography_cad_sr", "measurement_report"))]
    assert {file.name: tree_problems(file) for file in documents} == {file.name: [] for file in documents}
    if templates:
        assert {file.name: template_problems(file) for file in documents} == {file.name: [] for file in documents}
    print(f"{arrive.__name__}: {seconds:.1f} s, {len(written)} objects in the PACS, all valid")  # noqa: T201 - pytest -s


def test_our_own_reports_are_not_taken_for_images_when_they_come_back(hospital: Hospital, tmp_path: Path) -> None:
    real = write_real_study(tmp_path / "study", datetime.now().astimezone())
    by_dcmsend(hospital, real.paths)
    study = hospital.gateway.wait_for_reports(real.study_instance_uid, seconds=300)
    reports = [hospital.gateway.report_file(study, report) for report in study["reports"]]
    hospital.source.upload(*reports)
    by_dcmsend(hospital, reports)
    time.sleep(4)
    after = hospital.gateway.study(real.study_instance_uid)
    assert after is not None
    assert (after["generation"], after["reports"]) == (1, study["reports"])

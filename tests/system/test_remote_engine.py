"""A study whose remote engine is away, hangs or talks nonsense waits, and is read once: nothing is lost or fails.

Meanwhile nothing that names the patient leaves for the engine.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tests.peers.bad_line import BadLine, bad_line
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.identifiers import found, identified_study, identifiers
from tests.peers.inference_server import MODEL, Fault, InferenceServer, running_inference_server
from tests.peers.ports import free_port
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
FEW: tuple[Fault, ...] = ("answers with NaN",)
MANY: tuple[Fault, ...] = (
    "hangs",
    "is unavailable",
    "does not take the token",
    "has not loaded the model",
    "answers as another version",
    "answers another shape",
    "answers cut short",
    "fails inside",
)


def url(line: BadLine) -> dict[str, str]:
    return {"MAMMOGATE_INFERENCE__URL": f"grpc://127.0.0.1:{line.port}/{MODEL}"}


def rows(gateway: Gateway, question: str) -> list[Any]:
    with closing(sqlite3.connect(gateway.data_dir / "mammogate.sqlite")) as database:
        return database.execute(question).fetchall()


def wait_until_it_failed_again(gateway: Gateway, server: InferenceServer, seconds: float = 60) -> None:
    before, deadline = server.failed, time.monotonic() + seconds
    while server.failed < before + 1:
        assert time.monotonic() < deadline, gateway.log[-4000:]
        time.sleep(0.1)


@pytest.mark.parametrize("faults", [FEW, pytest.param(MANY, marks=pytest.mark.long)], ids=["few", "many"])
def test_a_study_waits_through_every_fault_and_is_read_once_when_the_engine_is_well(
    tmp_path: Path, faults: tuple[Fault, ...]
) -> None:
    port = free_port()
    settings = {
        "MAMMOGATE_INFERENCE__ENGINE": "remote",
        # Long enough for a busy machine, also where an engine that hangs has to be waited for.
        "MAMMOGATE_INFERENCE__DEADLINE_SECONDS": "10" if "hangs" in faults else "20",
        "MAMMOGATE_INFERENCE__FIRST_RETRY_SECONDS": "0.3",
        "MAMMOGATE_INFERENCE__LONGEST_RETRY_SECONDS": "0.6",
    }
    study = identified_study(tmp_path / "study")
    uid = study.exam.study_instance_uid
    with bad_line(port) as line, running_gateway(tmp_path / "gateway", settings=settings | url(line)) as gateway:
        assert dcmsend(gateway.dicom_port, *study.paths.values()).returncode == 0
        gateway.wait_for(uid, lambda _: "study.waits_for_engine" in gateway.log)
        with running_inference_server(port=port) as server:
            for fault in faults:
                server.fault = fault
                wait_until_it_failed_again(gateway, server)
                shown = gateway.study(uid)
                assert shown is not None
                assert shown["status"] == "processing", fault
            server.fault = None
            server.release()
            gateway.wait_for_reports(uid)
        assert rows(gateway, "SELECT count(*) FROM dead_letter") == [(0,)]
        assert rows(gateway, "SELECT engine, count(*) FROM reading GROUP BY engine") == [("remote", 4)]
        assert rows(gateway, "SELECT engine FROM study") == [("remote",)]
        for file in (gateway.data_dir / "reports").rglob("*.dcm"):
            if dcmread(file, stop_before_pixels=True).Modality == "SR":
                assert b"Engine remote" in file.read_bytes()
        assert sum(map(len, line.carried)) > 100_000
        assert found(identifiers(study.paths.values()), map(bytes, line.carried)) == set()


@pytest.mark.long
def test_with_a_fallback_the_embedded_engine_reads_after_its_minutes_and_the_report_says_so(tmp_path: Path) -> None:
    settings = {
        "MAMMOGATE_INFERENCE__ENGINE": "remote",
        "MAMMOGATE_INFERENCE__URL": f"grpc://127.0.0.1:{free_port()}/{MODEL}",
        "MAMMOGATE_INFERENCE__FALLBACK_MINUTES": "0.05",
        "MAMMOGATE_INFERENCE__FIRST_RETRY_SECONDS": "0.3",
        "MAMMOGATE_INFERENCE__LONGEST_RETRY_SECONDS": "0.6",
    }
    study = small_study(tmp_path / "study")
    uid = str(dcmread(next(iter(study.paths.values()))).StudyInstanceUID)
    with running_gateway(tmp_path / "gateway", settings=settings) as gateway:
        assert dcmsend(gateway.dicom_port, *study.paths.values()).returncode == 0
        gateway.wait_for_reports(uid)
        assert "study.waits_for_engine" in gateway.log
        assert "engine.fallback" in gateway.log
        assert rows(gateway, "SELECT engine, count(*) FROM reading GROUP BY engine") == [("embedded", 4)]
        assert rows(gateway, "SELECT engine FROM study") == [("embedded",)]

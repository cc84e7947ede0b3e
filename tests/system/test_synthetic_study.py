"""The synthetic study through the real path: in at the DICOM port, read, reported, seen by nobody, past killed processes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.dcmtk import dcmsend, running_storescp
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def rows(gateway: Gateway, question: str) -> list[Any]:
    with closing(sqlite3.connect(gateway.data_dir / "mammogate.sqlite")) as database:
        return database.execute(question).fetchall()


def wait_until(gateway: Gateway, true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, gateway.log[-4000:]
        time.sleep(0.3)


def back(gateway: Gateway) -> int:
    return int(rows(gateway, "SELECT count(*) FROM synthetic_study WHERE back_at IS NOT NULL")[0][0])


def figure(gateway: Gateway, token: str, name: str) -> float:
    with gateway.client(token) as client:
        lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).partition(" ")[2])


def test_it_comes_back_past_killed_processes_and_nobody_but_the_operator_sees_it(tmp_path: Path) -> None:
    settings = {
        "MAMMOGATE_SYNTHETIC__EVERY_MINUTES": "0.1",
        "MAMMOGATE_SYNTHETIC__WITHIN_MINUTES": "4",
        "MAMMOGATE_DICOM__ALLOWED_PEERS": json.dumps([{"ae_title": "XRAY1", "addresses": ["127.0.0.0/8"]}]),
    }
    patient = small_study(tmp_path / "patient")
    with (
        running_storescp(tmp_path / "pacs") as pacs,
        running_gateway(
            tmp_path / "gateway",
            destinations=[
                destination(
                    "pacs", "dicom", host="127.0.0.1", port=pacs.port, ae_title=pacs.ae_title, forward_images=True
                )
            ],
            settings=settings,
            echo_options=("--calling", "XRAY1"),
        ) as gateway,
    ):
        gateway.add_user("operator", "operator")
        operator = gateway.add_token("operator")
        wait_until(gateway, lambda: back(gateway) >= 1)
        for part in ("receive", "work"):
            gateway.part(part).kill()
        before = back(gateway)
        wait_until(gateway, lambda: back(gateway) > before)
        assert figure(gateway, operator, "mammogate_synthetic_late") == 0
        assert figure(gateway, operator, "mammogate_synthetic_seconds") > 0
        # A patient's study at the same time goes the way of all others, and is the only one that does.
        assert dcmsend(gateway.dicom_port, *patient.paths.values(), calling="XRAY1").returncode == 0
        uid = patient.exam.study_instance_uid
        reports = gateway.wait_for_reports(uid)["reports"]
        with gateway.client() as doctor:
            listed = doctor.get("/api/v1/studies").json()["items"]
            assert [study["study_instance_uid"] for study in listed] == [uid]
        assert len(pacs.files()) == 4 + len(reports)
        assert {row for row in rows(gateway, "SELECT DISTINCT study_instance_uid FROM feed_event")} == {(uid,)}
        assert {row for row in rows(gateway, "SELECT DISTINCT study_id FROM delivery")} == set(
            rows(gateway, f"SELECT id FROM study WHERE study_instance_uid = '{uid}'")
        )
        alarm_and_erasing(gateway, operator)


def alarm_and_erasing(gateway: Gateway, operator: str) -> None:
    """Nobody is as fast as this wants it."""
    gateway.stop()
    gateway.settings |= {
        "MAMMOGATE_SYNTHETIC__WITHIN_MINUTES": "0.001",
        "MAMMOGATE_SYNTHETIC__KEEP_HOURS": "0.0005",
    }
    gateway.start()
    wait_until(gateway, lambda: figure(gateway, operator, "mammogate_synthetic_late") == 1)
    (told,) = [
        one["detail"]
        for one in httpx.get(f"{gateway.url}/readyz", trust_env=False).json()["dependencies"]
        if one["name"] == "synthetic study"
    ]
    assert told.startswith("LATE: ")
    doctor = json.loads(gateway.command("doctor", "--json").stdout)
    (finding,) = [one for one in doctor if one["name"] == "synthetic study"]
    assert finding["state"] == "warning"
    wait_until(gateway, lambda: bool(rows(gateway, "SELECT 1 FROM synthetic_study WHERE erased_at IS NOT NULL")))
    erased = {
        row[0] for row in rows(gateway, "SELECT study_instance_uid FROM synthetic_study WHERE erased_at NOT NULL")
    }
    assert not erased & {row[0] for row in rows(gateway, "SELECT study_instance_uid FROM study")}
    assert not erased & {path.name for path in (gateway.data_dir / "reports").iterdir()}

"""What docker-compose.yml puts together, without an engine: the same commands, settings and files, in real programs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.deploy.composed import OURS, services
from tests.docs.papers import ROOT
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.postgresql import running_postgresql
from tests.peers.programs import environment, stop
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(400)]
DEPLOY = ROOT / "deploy"
SHIPPED = json.loads((DEPLOY / "orthanc" / "orthanc.json").read_text("utf-8"))
SETTINGS = tomllib.loads((DEPLOY / "mammogate.toml").read_text("utf-8"))


@contextmanager
def running_parts(gateway: Gateway) -> Iterator[None]:
    """Start each of the gateway's services by its command, as containers would be."""
    with ExitStack() as stack:
        for name in OURS:
            command = [sys.executable, "-m", "gateway", *services()[name]["command"]]
            stack.callback(stop, subprocess.Popen(command, env=environment(gateway.settings)), 40)
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{gateway.url}/readyz", timeout=5, trust_env=False).is_success and healthy(gateway):
                    break
            except httpx.TransportError:
                pass  # not listening yet
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield


def healthy(gateway: Gateway) -> bool:
    """Run the health checks of the gateway's services."""
    here = {
        "127.0.0.1:11112": f"{LOOPBACK}:{gateway.dicom_port}",
        "http://api:8080": gateway.url,
        "http://127.0.0.1:8080": gateway.url,
    }
    for name in OURS:
        _, *words = services()[name]["healthcheck"]["test"]
        for shipped, there in here.items():
            words = [word.replace(shipped, there) for word in words]
        program = [sys.executable, "-m", "gateway"] if words[0] == "mammogate" else [sys.executable]
        done = subprocess.run(
            [*program, *words[1:]], env=environment(gateway.settings), capture_output=True, check=False
        )
        if done.returncode != 0:
            return False
    return True


@contextmanager
def password_database(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL that asks for a password, which stands in a file only; return the URL."""
    with running_postgresql(folder / "postgresql") as server:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("ALTER USER postgres PASSWORD 'a secret'")
        access = folder / "postgresql" / "cluster" / "pg_hba.conf"
        access.write_text(access.read_text().replace("trust", "scram-sha-256"))
        server.stop()
        server.start()
        passfile = folder / "pgpass"
        passfile.write_text(f"{LOOPBACK}:{server.port}:postgres:postgres:a secret\n")
        passfile.chmod(0o400)
        yield f"{server.url}?passfile={passfile}"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[Gateway, Orthanc]]:
    gateway_port = free_port()
    title, _, _ = SHIPPED["DicomModalities"]["mammogate"]
    here = {
        "LuaScripts": [str(DEPLOY / "orthanc" / "to-mammogate.lua")],
        "DicomModalities": {"mammogate": [title, LOOPBACK, gateway_port]},
        "OverwriteInstances": SHIPPED["OverwriteInstances"],
    }
    peers = [{**peer, "addresses": ["127.0.0.1/32"]} for peer in SETTINGS["dicom"]["allowed_peers"]]
    with (
        password_database(tmp_path) as url,
        running_orthanc(tmp_path / "orthanc", ae_title=SHIPPED["DicomAet"], extra=here) as orthanc,
        running_gateway(
            tmp_path / "gateway",
            destinations=[{**SETTINGS["destinations"][0], "host": LOOPBACK, "port": orthanc.dicom_port}],
            settings={
                "MAMMOGATE_NODE": SETTINGS["node"],
                "MAMMOGATE_DATABASE_URL": url,
                "MAMMOGATE_DICOM__ALLOWED_PEERS": json.dumps(peers),
                "MAMMOGATE_DICOM__AE_TITLE": SETTINGS["dicom"]["ae_title"],
            },
            dicom_port=gateway_port,
            start=False,
        ) as gateway,
        running_parts(gateway),
    ):
        yield gateway, orthanc


def test_a_study_that_is_stored_in_orthanc_comes_back_as_reports(
    stack: tuple[Gateway, Orthanc], tmp_path: Path
) -> None:
    gateway, orthanc = stack
    study = small_study(tmp_path / "study")
    orthanc.upload(*study.paths.values())
    found = gateway.wait_for_reports(study.exam.study_instance_uid)
    time.sleep(3)  # a report that was pushed back to the gateway would have come by now
    reports = {report["sop_instance_uid"] for report in found["reports"]}
    assert orthanc.sop_instance_uids() == reports | set(study.sop_instance_uids.values())
    again = gateway.study(study.exam.study_instance_uid)
    assert again is not None
    assert (again["generation"], len(again["views"])) == (1, 4)
    backup = gateway.command("backup", tmp_path / "backup.tar")
    assert backup.returncode == 0, backup.stderr  # pg_dump finds the password too

"""Between gateway and engine: an expired certificate, a slow and a lossy line. A study waits, and is read once."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.peers.bad_line import BadLine, bad_line
from tests.peers.certificates import Authority, Identity
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.inference_server import MODEL, running_inference_server
from tests.peers.ports import free_port
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class World:
    """A gateway that reads on a server at the end of a line, over TLS; no server runs yet."""

    gateway: Gateway
    line: BadLine
    port: int
    valid: Identity
    expired: Identity

    def send(self, folder: Path) -> str:
        study = small_study(folder)
        assert dcmsend(self.gateway.dicom_port, *study.paths.values()).returncode == 0
        return study.exam.study_instance_uid

    def refusals(self) -> list[str]:
        """Why studies have waited so far."""
        return [line for line in self.gateway.log.splitlines() if "study.waits_for_engine" in line]

    def wait_for_refusals(self, more: int, since: int) -> list[str]:
        deadline = time.monotonic() + 180
        while len(found := self.refusals()[since:]) < more:
            assert time.monotonic() < deadline, self.gateway.log[-4000:]
            time.sleep(0.2)
        return found

    def is_read_once(self, uid: str) -> dict[str, Any]:
        """Wait for the reports; each view was read there, in one generation, and nothing has failed for good."""
        found = self.gateway.wait_for_reports(uid, seconds=400)
        assert len(found["views"]) == 4
        assert {view["failure"] for view in found["views"]} == {None}
        with closing(sqlite3.connect(self.gateway.data_dir / "mammogate.sqlite")) as database:
            (dead,) = database.execute("SELECT count(*) FROM dead_letter").fetchone()
            engines = database.execute(
                "SELECT engine, count(*) FROM reading WHERE study_id = "
                "(SELECT id FROM study WHERE study_instance_uid = ?) GROUP BY 1",
                [uid],
            ).fetchall()
        assert (dead, engines) == (0, [("remote", 4)])
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, port = tmp_path_factory.mktemp("world"), free_port()
    authority = Authority(folder, "hospital")
    settings = {
        "MAMMOGATE_INFERENCE__ENGINE": "remote",
        "MAMMOGATE_INFERENCE__TLS__CA": str(authority.certificate),
        "MAMMOGATE_INFERENCE__DEADLINE_SECONDS": "20",
        "MAMMOGATE_INFERENCE__FIRST_RETRY_SECONDS": "0.3",
        "MAMMOGATE_INFERENCE__LONGEST_RETRY_SECONDS": "0.6",
    }
    with bad_line(port) as line:
        settings["MAMMOGATE_INFERENCE__URL"] = f"grpcs://127.0.0.1:{line.port}/{MODEL}"
        with running_gateway(folder / "gateway", settings=settings, start=False) as gateway:
            gateway.start(seconds=300)
            expired = authority.issue("expired", begins=timedelta(days=-9), ends=timedelta(days=-1))
            yield World(gateway, line, port, authority.issue("valid"), expired)


def test_with_an_expired_certificate_nothing_is_sent_and_the_study_is_read_after_its_renewal(
    world: World, tmp_path: Path
) -> None:
    before = len(world.refusals())
    with running_inference_server(port=world.port, identity=world.expired) as server:
        uid = world.send(tmp_path)
        assert all("certificate" in line for line in world.wait_for_refusals(2, since=before))
        assert server.requests == []
    with running_inference_server(port=world.port, identity=world.valid):
        world.is_read_once(uid)
    _tell("expired certificate", len(world.refusals()) - before)


@pytest.mark.long
def test_over_a_slow_line_a_study_takes_longer_and_over_one_too_slow_it_waits(world: World, tmp_path: Path) -> None:
    before = len(world.refusals())
    with running_inference_server(port=world.port, identity=world.valid):
        world.line.cut()
        world.line.delay = 5.0
        try:
            uid = world.send(tmp_path)
            assert any("in time" in line for line in world.wait_for_refusals(1, since=before))
        finally:
            world.line.delay = 0.03
        world.is_read_once(uid)
        world.line.delay = 0.0
    _tell("slow line", len(world.refusals()) - before)


@pytest.mark.long
def test_over_a_line_that_is_cut_and_falls_silent_again_and_again_a_study_is_read_once(
    world: World, tmp_path: Path
) -> None:
    before, broken = len(world.refusals()), world.line.broken
    with running_inference_server(port=world.port, identity=world.valid):
        world.line.loses[:] = [4_000, 60_000, 90_000, -30_000, 20_000, 150_000, 8_000, 120_000, -1, 50_000]
        world.line.cut()
        world.is_read_once(world.send(tmp_path))
    assert world.line.broken - broken >= 5
    _tell(f"lossy line, broken {world.line.broken - broken} times", len(world.refusals()) - before)


def _tell(what: str, waits: int) -> None:
    """Shown by `pytest -s`: the figures of docs/operations.md."""
    sys.stdout.write(f"\n{what}: the study waited {waits} times and was read once, 0 lost\n")

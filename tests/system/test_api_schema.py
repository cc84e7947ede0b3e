"""Whatever the description of the HTTP interface allows, and much that it does not: the real API process never fails.

Schemathesis asks a real API process over a database with studies, findings and failures in it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.gateway import Gateway, running_gateway
from tests.peers.programs import environment
from tests.system.board_world import FINDING_IMAGE, FOUND, add_person, add_push_key, add_work, start_patiently

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]
DESCRIPTION = "/api/v1/openapi.json"
# A stream of events has no end, and Schemathesis waits for one: tests/reporting/feed/test_events.py asks it instead.
ENDLESS = "/api/v1/events"
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance"
# With these the answers are those of something that is there; without, mostly 404.
KNOWN = {"path.study_uid": FOUND, "path.sop_instance_uid": FINDING_IMAGE}
NAMES = ("of studies that are there", "of anything")
# Not ready is 503 where no worker runs, by intent; logging out, here or on a device, may end the run's own session.
DEVICE = "/api/v1/auth/devices/{device_id}"
LEFT_OUT = (ENDLESS, "/readyz", "/api/v1/auth/logout", DEVICE)


@dataclass
class Api:
    gateway: Gateway
    folder: Path

    def ask(
        self, *options: str, known: bool = False, without: Sequence[str] = LEFT_OUT
    ) -> subprocess.CompletedProcess[str]:
        """Run Schemathesis as an admin who may do everything, and has just logged in."""
        folder = self.folder / ("known" if known else "free")
        folder.mkdir(exist_ok=True)
        values = "".join(f'"{name}" = "{value}"\n' for name, value in KNOWN.items()) if known else ""
        (folder / "schemathesis.toml").write_text(f"[parameters]\n{values}")
        left_out = [word for path in without for word in ("--exclude-path", path)]
        return subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{self.gateway.url}{DESCRIPTION}"),
                *("-H", f"Cookie:mammogate={add_person(self.gateway, 'admin')}", "--checks", CHECKS, *left_out),
                *("--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"),
                *("--request-timeout", "60", *options),
            ],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    settings = {"MAMMOGATE_SITE__ACCEPTS_RESEARCH_USE": "true", "MAMMOGATE_PUSH__CONTACT": "mailto:it@hospital.example"}
    with running_gateway(folder / "gateway", settings=settings, start=False) as gateway:
        add_work(gateway)
        add_push_key(gateway)
        start_patiently(gateway, only="api")
        yield Api(gateway, folder)


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.long)], ids=NAMES)
def test_no_request_makes_the_api_fail(api: Api, known: bool) -> None:
    """A short run with a fixed seed: the edges of each parameter, and a few examples more."""
    run = api.ask("--phases", "examples,coverage,fuzzing", "-n", "3", "--seed", "1", "--no-shrink", known=known)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Tested: " in run.stdout
    assert "internal_error" not in run.stdout


def test_ending_the_login_of_any_device_does_not_make_the_api_fail(api: Api) -> None:
    """By itself: the device may be the one that asks."""
    run = api.ask("--phases", "examples,coverage,fuzzing", "-n", "20", "--include-path", DEVICE, without=())
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]


@pytest.mark.long
@pytest.mark.parametrize("known", [True, False], ids=NAMES)
def test_hundreds_of_requests_to_each_path_make_none_fail(api: Api, known: bool) -> None:
    run = api.ask("--phases", "examples,coverage,fuzzing", "-n", "200", known=known)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]

"""Whatever the description of the HTTP interface allows, and much that it does not: the real API process never fails.

Schemathesis asks a real API process over a database with studies, findings and failures in it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
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
# Not ready is 503 where no worker runs, by intent; logging out would end the run's own session.
LEFT_OUT = (ENDLESS, "/readyz", "/api/v1/auth/logout")


@dataclass
class Api:
    gateway: Gateway
    session_id: str
    folder: Path

    def ask(self, *options: str, known: bool = False) -> subprocess.CompletedProcess[str]:
        """Run Schemathesis as an admin who may do everything."""
        folder = self.folder / ("known" if known else "free")
        folder.mkdir(exist_ok=True)
        values = "".join(f'"{name}" = "{value}"\n' for name, value in KNOWN.items()) if known else ""
        (folder / "schemathesis.toml").write_text(f"[parameters]\n{values}")
        left_out = [word for path in LEFT_OUT for word in ("--exclude-path", path)]
        return subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{self.gateway.url}{DESCRIPTION}"),
                *("-H", f"Cookie:mammogate={self.session_id}", "--checks", CHECKS, *left_out),
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
        session_id = add_person(gateway, "admin")
        add_push_key(gateway)
        start_patiently(gateway, only="api")
        yield Api(gateway, session_id, folder)


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.long)], ids=NAMES)
def test_no_request_makes_the_api_fail(api: Api, known: bool) -> None:
    """A short run with a fixed seed: the edges of each parameter, and a few examples more."""
    run = api.ask("--phases", "examples,coverage,fuzzing", "-n", "3", "--seed", "1", "--no-shrink", known=known)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Tested: " in run.stdout
    assert "internal_error" not in run.stdout


@pytest.mark.long
@pytest.mark.parametrize("known", [True, False], ids=NAMES)
def test_hundreds_of_requests_to_each_path_make_none_fail(api: Api, known: bool) -> None:
    run = api.ask("--phases", "examples,coverage,fuzzing", "-n", "200", known=known)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]

"""A clinical note goes to no inference engine and no destination, while doctors read it in the feed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.bad_line import bad_line
from tests.peers.gateway import running_gateway
from tests.peers.health_centre import HealthCentre
from tests.peers.identifiers import found
from tests.peers.inference_server import MODEL, running_inference_server
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
NOTE = {"age": 61, "reason": "ZWIEBELKNOTEN rechts seit Juni", "history": "ROSENMUTTER mit 48 erkrankt"}
SAID = ["ZWIEBELKNOTEN", "ROSENMUTTER"]


def test_nothing_of_the_note_goes_to_the_inference_engine_or_into_a_report(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", views=(("L", "CC"),))
    content = study.paths["L", "CC"].read_bytes()
    with running_inference_server() as server, bad_line(server.port) as line:
        settings = {
            "MAMMOGATE_INFERENCE__ENGINE": "remote",
            "MAMMOGATE_INFERENCE__URL": f"grpc://127.0.0.1:{line.port}/{MODEL}",
            "MAMMOGATE_STUDY__QUIET_SECONDS": "1",
        }
        with running_gateway(tmp_path / "gateway", settings=settings) as gateway, gateway.client() as client:
            centre = HealthCentre(client)
            centre.send({"image.dcm": content}, NOTE)
            uid = study.exam.study_instance_uid
            reported = gateway.wait_for(uid, lambda one: one["status"] == "reported", 120)
            (note,) = client.get(f"/api/v1/studies/{uid}/notes").json()["items"]
            reports = [gateway.report_file(reported, report).read_bytes() for report in reported["reports"]]
            log = gateway.log.encode()
        carried = [*map(bytes, line.carried), *(request.SerializeToString() for request in server.requests)]
    assert {key: note[key] for key in NOTE} == NOTE
    assert reported["views"][0]["failure"] is None
    assert server.requests
    assert reports
    assert found(SAID, [*carried, *reports, log]) == set()
    # The search is not blind.
    assert {one for one, _ in found(SAID, [str(NOTE).encode()])} == set(SAID)

"""The remote engine as the settings name it, and what doctor says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.inference_settings import InferenceSettings
from config.loading import SettingsError
from config.settings import Settings
from gateway.cli.doctor import examine
from gateway.processes import remote_engine
from gateway.processes.remote_engine import remote_server, server_at
from gateway.processes.stopping import StartRefused
from inference.remote.server import RemoteServer
from tests.peers.inference_server import MODEL, running_inference_server
from tests.peers.ports import free_port


def test_every_setting_reaches_the_server() -> None:
    section = InferenceSettings.model_validate(
        {
            "engine": "remote",
            "url": "grpcs://gpu.hospital:8001/mammogate",
            "deadline_seconds": 7,
            "first_retry_seconds": 3,
            "longest_retry_seconds": 40,
            "token_file": "token",
            "tls": {"ca": "ca.pem", "certificate": "own.pem", "key": "own.key"},
        }
    )
    files = Path("ca.pem"), Path("own.pem"), Path("own.key"), Path("token")
    assert remote_server(section) == RemoteServer("gpu.hospital:8001", "mammogate", True, *files, 7, 3, 40)
    assert remote_server(section.model_copy(update={"engine": "embedded"})) is None


def test_without_its_client_the_gateway_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_engine, "find_spec", lambda _name: None)
    with pytest.raises(StartRefused, match=r"pip install mammogate\[remote\]"):
        server_at(InferenceSettings(), "grpc://gpu:8001/mammogate")


def test_a_url_that_does_not_fit_the_settings_is_refused() -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        server_at(InferenceSettings(token_file=Path("token")), "grpc://gpu:8001/mammogate")


def test_doctor_says_whether_the_remote_engine_has_our_model(tmp_path: Path) -> None:
    def found(port: int) -> tuple[str, str]:
        url = f"grpc://127.0.0.1:{port}/{MODEL}"
        inference = InferenceSettings(engine="remote", url=url, deadline_seconds=2)
        settings = Settings(data_dir=tmp_path / "data", reserve_mib=0, inference=inference)
        (line,) = [finding for finding in examine(settings) if finding.name == "remote engine"]
        return line.state, line.detail

    with running_inference_server() as server:
        state, detail = found(server.port)
        assert (state, "serves mammogate in version" in detail) == ("ok", True)
        server.fault = "has not loaded the model"
        state, detail = found(server.port)
        assert (state, "does not serve" in detail) == ("failed", True)
    state, detail = found(free_port())
    assert (state, "can't be reached" in detail) == ("failed", True)

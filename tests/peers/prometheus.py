"""A real Prometheus on loopback with the rules and the dashboard of `deploy/prometheus/`, which asks a real gateway."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment, program, stop

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
EVERY = "1s"


@dataclass(frozen=True)
class Series:
    """One line of a panel: what it is called there, and its points (seconds since 1970, value)."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Prometheus:
    port: int

    def get(self, path: str, **parameters: Any) -> Any:
        """What the HTTP API says; `path` stands after /api/v1/."""
        url = f"http://{LOOPBACK}:{self.port}/api/v1/{path}"
        answer = httpx.get(url, params=parameters, timeout=30, trust_env=False)
        told = answer.json()
        assert told["status"] == "success", told
        return told["data"]

    def rules(self) -> dict[str, dict[str, Any]]:
        """Every alert by its name, with state, health and the error of its last evaluation."""
        return {rule["name"]: rule for group in self.get("rules")["groups"] for rule in group["rules"]}

    def scrapes(self) -> list[dict[str, Any]]:
        return list(self.get("targets", state="active")["activeTargets"])

    def panel(self, panel: dict[str, Any], start: float, end: float, step: float) -> list[Series]:
        """What a panel of the dashboard shows between two times."""
        found = []
        for target in panel["targets"]:
            for series in self.get("query_range", query=target["expr"], start=start, end=end, step=step)["result"]:
                name = target["legendFormat"]
                for label, value in series["metric"].items():
                    name = name.replace(f"{{{{{label}}}}}", value)
                found.append(Series(name, [(float(at), float(value)) for at, value in series["values"]]))
        return found


def dashboard() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "dashboard.json").read_text("utf-8")))


@contextmanager
def running_prometheus(folder: Path, gateway: Gateway, token: str) -> Iterator[Prometheus]:
    """Run it with the files of `deploy/prometheus/`; only places and intervals are others. `token`: an operator's."""
    folder.mkdir(parents=True)
    (folder / "token").write_text(token)
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    settings["global"] = dict.fromkeys(settings["global"], EVERY)
    settings["rule_files"] = [str(FOLDER / Path(file).name) for file in settings["rule_files"]]
    (scraped,) = settings["scrape_configs"]
    scraped["static_configs"] = [{"targets": [f"{LOOPBACK}:{gateway.http_port}"]}]
    scraped["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
    try:
        _wait_until_ready(process, port, folder / "prometheus.log")
        yield Prometheus(port)
    finally:
        stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://{LOOPBACK}:{port}/-/ready", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError(f"Prometheus was not ready in {seconds:.0f} s:\n{log.read_text(errors='replace')[-3000:]}")

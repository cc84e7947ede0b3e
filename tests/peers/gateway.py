"""A real gateway on loopback: `mammogate serve` in processes of its own, for as long as a test needs it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment, stop

PASSWORD = "correct horse battery"


@dataclass
class Gateway:
    """Handle of a running (or stopped) gateway; the same folder keeps its state over `stop` and `start`."""

    data_dir: Path
    dicom_port: int
    http_port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""
    echo_options: tuple[str, ...] = ()
    """What `mammogate echo` needs to get an answer from this gateway, where it is not open to anybody."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def log(self) -> str:
        return (self.data_dir.parent / "gateway.log").read_text(errors="replace")

    def command(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `mammogate ARGUMENTS` with this gateway's settings."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *map(str, arguments)],
            env=environment(self.settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, seconds: float = 90.0, *, wait: bool = True, only: str | None = None) -> None:
        """Start it, or one part of it, and wait until every part is ready."""
        command = [sys.executable, "-m", "gateway", "serve", *(["--only", only] if only else [])]
        with (self.data_dir.parent / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment(self.settings), stdout=log, stderr=log)
        if wait:
            self.wait_until_ready(seconds)

    def wait_until_ready(self, seconds: float = 90.0) -> None:
        """Wait until the feed says ready and the DICOM port takes connections."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).is_success and self._listens():
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.1)
        pytest.fail(f"the gateway was not ready within {seconds:.0f} s; its log:\n{self.log[-4000:]}", pytrace=False)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, seconds=40)
            self.process = None

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it: receive, work, api, and the child that reads."""
        if self.process is None or self.process.poll() is not None:
            return []
        try:
            supervisor = psutil.Process(self.process.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def part(self, name: str) -> psutil.Process:
        """The process that runs `receive`, `work` or `api`."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):  # a zombie too: it died, and nobody has asked for it yet
                if ["--only", name] == process.cmdline()[3:5]:
                    return process
        pytest.fail(f"the gateway has no process {name}", pytrace=False)

    def add_user(self, name: str, role: str) -> None:
        """Add a user with `PASSWORD`."""
        done = self.command("user", "add", name, "--role", role, "--password-stdin", stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr

    def add_token(self, user: str, *options: str) -> str:
        done = self.command("token", "add", "--user", user, "--json", *options)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["token"])

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of the feed; by default as a doctor."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def study(self, study_uid: str) -> dict[str, Any] | None:
        """The study as the feed has it, None while there is none."""
        with self.client() as client:
            answer = client.get(f"/api/v1/studies/{study_uid}")
        return dict(answer.json()) if answer.is_success else None

    def wait_for(
        self, study_uid: str, so_that: Callable[[dict[str, Any]], bool], seconds: float = 120.0
    ) -> dict[str, Any]:
        """Wait until the study fulfils the condition, and return it."""
        deadline = time.monotonic() + seconds
        last: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            try:
                last = self.study(study_uid)
            except httpx.TransportError:
                last = None
            if last is not None and so_that(last):
                return last
            time.sleep(0.3)
        shown = json.dumps(last, indent=1)[:3000]
        pytest.fail(f"the study did not get there in {seconds:.0f} s: {shown}\n{self.log[-4000:]}", pytrace=False)

    def wait_for_reports(self, study_uid: str, generation: int = 1, seconds: float = 120.0) -> dict[str, Any]:
        """Wait until the generation is reported and every delivery is done."""
        return self.wait_for(study_uid, lambda study: _is_delivered(study, generation), seconds)

    def report_file(self, study: Mapping[str, Any], report: Mapping[str, Any]) -> Path:
        """Where the report lies in the data folder."""
        folder = self.data_dir / "reports" / study["study_instance_uid"] / str(report["generation"])
        return folder / f"{report['sop_instance_uid']}.dcm"

    def _listens(self) -> bool:
        return self.command("echo", f"{LOOPBACK}:{self.dicom_port}", *self.echo_options).returncode == 0


def _is_delivered(study: Mapping[str, Any], generation: int) -> bool:
    if study["status"] != "reported" or study["generation"] != generation:
        return False
    return all(delivery["status"] == "delivered" for report in study["reports"] for delivery in report["deliveries"])


def destination(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """One entry of the setting DESTINATIONS."""
    return {"name": name, "kind": kind, **more}


@contextmanager
def running_gateway(
    folder: Path,
    *,
    destinations: Sequence[Mapping[str, Any]] = (),
    sources: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, str] | None = None,
    dicom_port: int | None = None,
    echo_options: Sequence[str] = (),
    start: bool = True,
) -> Iterator[Gateway]:
    """Run a gateway with its state below `folder`; a doctor and her token exist."""
    data_dir = folder / "data"
    data_dir.mkdir(parents=True, exist_ok=True)
    (folder / "empty.toml").write_text("")
    dicom_port, http_port = dicom_port or free_port(), free_port()
    gateway = Gateway(
        data_dir,
        dicom_port,
        http_port,
        {
            "MAMMOGATE_CONFIG": str(folder / "empty.toml"),
            "MAMMOGATE_DATA_DIR": str(data_dir),
            "MAMMOGATE_DICOM__PORT": str(dicom_port),
            "MAMMOGATE_HTTP__PORT": str(http_port),
            "MAMMOGATE_HTTP__SECURE_COOKIES": "false",
            "MAMMOGATE_STUDY__SETTLE_SECONDS": "0.5",
            "MAMMOGATE_STUDY__QUIET_SECONDS": "6",
            "MAMMOGATE_DELIVERY__FIRST_RETRY_SECONDS": "0.5",
            "MAMMOGATE_DELIVERY__LONGEST_RETRY_SECONDS": "2",
            "MAMMOGATE_DESTINATIONS": json.dumps(list(destinations)),
            "MAMMOGATE_SOURCES": json.dumps(list(sources)),
            **(settings or {}),
        },
        echo_options=tuple(echo_options),
    )
    gateway.add_user("doctor", "doctor")
    gateway.token = gateway.add_token("doctor", "--upload")
    try:
        if start:
            gateway.start()
        yield gateway
    finally:
        gateway.stop()

"""A real Orthanc on loopback with a generated configuration, for as long as a test needs it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment, program, stop

# Debian's package orthanc-dicomweb; STOW-RS, WADO-RS and QIDO-RS below /dicom-web.
DICOM_WEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Modality:
    """A DICOM node that Orthanc knows by name, so that it may push images to it."""

    name: str
    ae_title: str
    port: int
    host: str = LOOPBACK


@dataclass
class Orthanc:
    """Handle of a running (or stopped) Orthanc; the same folder keeps its storage over `stop` and `start`."""

    folder: Path
    http_port: int
    dicom_port: int
    ae_title: str = "ORTHANC"
    configuration: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def dicom_web_url(self) -> str:
        """Where STOW-RS requests go, if started with the plugin."""
        return f"{self.url}/dicom-web"

    def start(self, seconds: float = 30.0) -> None:
        """Start and wait until it answers; its log is `orthanc.log` in the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "orthanc.json"
        settings.write_text(json.dumps(self.configuration, indent=2))
        log = (self.folder / "orthanc.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [program("Orthanc"), str(settings)], stdout=log, stderr=log, env=environment(), cwd=self.folder
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}/system", timeout=2, trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return  # any answer will do: with users configured it is 401
        self.stop()
        log_end = (self.folder / "orthanc.log").read_text(errors="replace")[-2000:]
        pytest.fail(f"Orthanc did not start within {seconds:.0f} s; the end of its log:\n{log_end}", pytrace=False)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)
            self.process = None

    def kill(self) -> None:
        """End it at once, as a power cut would; a polite stop takes it three seconds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> httpx.Client:
        """A client for Orthanc's REST API; close it or use it in a `with`."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def upload(self, *paths: Path) -> list[str]:
        """Store files over REST; return Orthanc's own identifiers of the instances."""
        with self.client() as client:
            return [
                str(client.post("/instances", content=p.read_bytes()).raise_for_status().json()["ID"]) for p in paths
            ]

    def sop_instance_uids(self) -> set[str]:
        """The SOP Instance UIDs of everything that is stored."""
        with self.client() as client:
            found = client.get("/instances", params={"expand": ""}).raise_for_status().json()
        return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in found}

    def file(self, sop_instance_uid: str) -> bytes:
        """The stored DICOM file of one instance."""
        with self.client() as client:
            ids = client.post("/tools/lookup", content=sop_instance_uid).raise_for_status().json()
            return client.get(f"/instances/{ids[0]['ID']}/file").raise_for_status().content

    def push(self, modality: str, instance_ids: Sequence[str]) -> httpx.Response:
        """Have Orthanc send instances by C-STORE to a modality of its configuration; return its answer."""
        with self.client() as client:
            body = {"Resources": list(instance_ids), "Synchronous": True}
            return client.post(f"/modalities/{modality}/store", json=body, timeout=120)


def _configuration(
    folder: Path,
    http_port: int,
    dicom_port: int,
    ae_title: str,
    modalities: Sequence[Modality],
    users: Mapping[str, str] | None,
    plugins: Sequence[str],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "Name": "mammogate test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http_port,
        "HttpBindAddresses": [LOOPBACK],  # unknown to older versions: RemoteAccessAllowed guards those
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": users is not None,
        "RegisteredUsers": dict(users or {}),
        "DicomPort": dicom_port,
        "DicomAet": ae_title,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowEcho": True,
        "DicomModalities": {m.name: [m.ae_title, m.host, m.port] for m in modalities},
        "Plugins": list(plugins),
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "OverwriteInstances": False,
        "SaveJobs": False,
        "StableAge": 2,
        **extra,
    }


@contextmanager
def running_orthanc(
    folder: Path,
    *,
    modalities: Sequence[Modality] = (),
    dicom_web: bool = False,
    users: Mapping[str, str] | None = None,
    ae_title: str = "ORTHANC",
    http_port: int | None = None,
    dicom_port: int | None = None,
    start: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> Iterator[Orthanc]:
    """Start Orthanc with its storage below `folder` and stop it at the end.

    `modalities`: where `push` can send. `users`: {name: password}; none = no login. `extra`: any key of Orthanc's
    configuration. `start=False`: the caller calls `start()` when the test wants it up.
    """
    http_port, dicom_port = http_port or free_port(), dicom_port or free_port()
    if dicom_web and not Path(DICOM_WEB_PLUGIN).exists():
        pytest.fail("Orthanc's DICOMweb plugin is missing; `make test` installs what the tests need.", pytrace=False)
    plugins = [DICOM_WEB_PLUGIN] if dicom_web else []
    configuration = _configuration(folder, http_port, dicom_port, ae_title, modalities, users, plugins, extra or {})
    server = Orthanc(folder, http_port, dicom_port, ae_title, configuration)
    try:
        if start:
            server.start()
        yield server
    finally:
        server.kill()  # its storage is of no more use

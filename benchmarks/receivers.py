"""The receivers that are compared, each a process of its own on loopback: its settings, how it starts and stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.failure import BenchmarkFailed
from benchmarks.process_tree import cpu_seconds
from benchmarks.raw_sender import Address
from tests.peers.ports import LOOPBACK, free_port, wait_until_listening

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# DCMTK, and Orthanc which is built on it, otherwise wait about 40 ms an image for delayed acknowledgements.
FAST_SOCKETS = {"TCP_NODELAY": "1"}
DCMTK_LARGEST_PDU = 131_072


@dataclass
class Receiver:
    """A running receiver. What it stores lies below `stores`, and goes when it is cleared."""

    title: str
    address: Address
    command: Sequence[str]
    environment: Mapping[str, str]
    stores: tuple[Path, ...]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        if self.process is None:
            raise BenchmarkFailed(f"{self.title} is not running")
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if wait_until_listening(self.address.port, seconds=0.5):
                return
        self.stop()
        raise BenchmarkFailed(f"{self.title} did not start; the end of its log:\n{self.log_end()}")

    def stop(self) -> None:
        """End it: politely, then for good."""
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until it does nothing any more, so that work it put off doesn't fall into another's time."""
        deadline = time.monotonic() + seconds
        before, used = 0.0, cpu_seconds(self.pid)
        while used - before > 0.01 and time.monotonic() < deadline:
            time.sleep(0.2)
            before, used = used, cpu_seconds(self.pid)

    def files(self) -> list[Path]:
        """What lies in its store, folders left out."""
        return [path for store in self.stores for path in store.rglob("*") if path.is_file()]

    def check_stored(self, images: int, size: int) -> None:
        """Make sure that what was acknowledged is there.

        Args:
            images: how many files at least.
            size: how many bytes at least.

        """
        sizes = [path.stat().st_size for path in self.files()]
        if len(sizes) < images or sum(sizes) < size:
            raise BenchmarkFailed(
                f"{self.title} acknowledged {images} images of {size} bytes "
                f"and keeps {len(sizes)} files of {sum(sizes)}"
            )

    def clear(self) -> None:
        """Delete the files that it stored, and have nothing of them left to write when the next one is measured."""
        for path in self.files():
            path.unlink()
        os.sync()

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


@dataclass(frozen=True)
class ReceiverKind:
    """One column of the comparison."""

    key: str
    title: str
    durability: str
    """What it has done when it answers 0x0000."""
    make: Callable[[Path], Receiver]
    version: Callable[[], str]


def program(name: str) -> str:
    """The path of a program of the system."""
    # pynetdicom installs programs with DCMTK's names beside our Python: those are none of the peers.
    ours = str(Path(sys.executable).parent)
    elsewhere = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part != ours]
    # Debian keeps servers in sbin, which an ordinary user's PATH often lacks.
    path = shutil.which(name, path=os.pathsep.join([*elsewhere, "/usr/sbin", "/usr/local/sbin"]))
    if path is None:
        raise BenchmarkFailed(f"The program {name} is not installed; `make system-packages` installs it.")
    return path


def _environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAMMOGATE_")}
    return {**inherited, **FAST_SOCKETS, **(settings or {})}


def _mammogate(folder: Path) -> Receiver:
    port, data, settings_file = free_port(), folder / "data", folder / "empty.toml"
    settings_file.write_text("")
    settings = {
        "MAMMOGATE_CONFIG": str(settings_file),
        "MAMMOGATE_DATA_DIR": str(data),
        "MAMMOGATE_DICOM__PORT": str(port),
        "MAMMOGATE_RESERVE_MIB": "1",  # a well filled disk is no reason to refuse images that are deleted at once
    }
    command = [sys.executable, "-m", "gateway", "serve", "--only", "receive"]
    address = Address(LOOPBACK, port, "MAMMOGATE")
    stores = (data / "instances", data / "quarantine")
    return Receiver("mammogate", address, command, _environment(settings), stores, folder / "log")


def _orthanc(folder: Path) -> Receiver:
    port, storage = free_port(), folder / "storage"
    configuration = {
        "StorageDirectory": str(storage),
        "IndexDirectory": str(folder / "index"),
        "SyncStorageArea": True,
        "HttpServerEnabled": False,
        "DicomPort": port,
        "DicomAet": "ORTHANC",
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": False,
        "SaveJobs": False,
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration, indent=2))
    command = [program("Orthanc"), str(file)]
    return Receiver("Orthanc", Address(LOOPBACK, port, "ORTHANC"), command, _environment(), (storage,), folder / "log")


def _storescp(folder: Path, options: Sequence[str] = ()) -> Receiver:
    port, received = free_port(), folder / "received"
    received.mkdir()
    # +B writes the data set as it comes, --fork serves several associations at once, +xa takes every transfer syntax.
    command = [program("storescp"), "--fork", "+B", "+xa", "-od", str(received), *options, str(port)]
    address = Address(LOOPBACK, port, "STORESCP")
    return Receiver("storescp", address, command, _environment(), (received,), folder / "log")


def _first_line(command: Sequence[str]) -> str:
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (shown.stdout or shown.stderr).strip().splitlines()
    return lines[0].strip("$ ") if lines else "unknown"


def _orthanc_version() -> str:
    # It says its own path before the number.
    return f"Orthanc {_first_line([program('Orthanc'), '--version']).rpartition(' ')[2]}"


def _own_version() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git the developer uses
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"mammogate, commit {described.stdout.strip() or 'unknown'}"


def _dcmtk_version() -> str:
    name, *version = _first_line([program("storescp"), "--version"]).removeprefix("dcmtk: ").split()
    return f"DCMTK {name} {' '.join(version)}"


_STORESCP_SYNCS = "nothing is synced: an image may be in the page cache only"

OURS = ReceiverKind(
    "ours",
    "mammogate",
    "rename, fsync of the file, fsync of the folder, commit of the database row and its job (SQLite)",
    _mammogate,
    _own_version,
)
ORTHANC = ReceiverKind(
    "orthanc",
    "Orthanc, sync",
    "one fdatasync of the file (`SyncStorageArea` true); neither the folder nor the index's transaction is synced",
    _orthanc,
    _orthanc_version,
)
DCMTK_16K = ReceiverKind("dcmtk16", "DCMTK, PDU 16K", _STORESCP_SYNCS, _storescp, _dcmtk_version)
DCMTK_128K = ReceiverKind(
    "dcmtk128",
    "DCMTK, PDU 128K",
    _STORESCP_SYNCS,
    lambda folder: _storescp(folder, ["-pdu", str(DCMTK_LARGEST_PDU)]),
    _dcmtk_version,
)
PEERS = (ORTHANC, DCMTK_16K, DCMTK_128K)
EVERYBODY = (OURS, *PEERS)


@contextmanager
def running(kinds: Sequence[ReceiverKind], folder: Path) -> Iterator[dict[str, Receiver]]:
    """Start receivers with empty stores below `folder`, stop them at the end and delete all of it."""
    receivers: dict[str, Receiver] = {}
    with ExitStack() as stack:
        for kind in kinds:
            place = folder / kind.key
            place.mkdir(parents=True)
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            receiver = kind.make(place)
            receiver.start()
            stack.callback(receiver.stop)
            receivers[kind.key] = receiver
        yield receivers

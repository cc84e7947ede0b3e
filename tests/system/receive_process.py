"""`mammogate serve --only receive` in a process of its own: what it keeps, and what it uses."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from pydicom.filewriter import dcmwrite
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from sqlalchemy import create_engine, text

from tests.dicom_node.raw_peer import RawPeer, pdv, store_command
from tests.peers.ports import free_port, wait_until_listening
from tests.peers.programs import environment, stop
from tests.peers.synthetic import mammogram

MEGABYTE = 1 << 20
MG = str(DigitalMammographyXRayImageStorageForPresentation)
COMMAND, LAST = 1, 2
SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700


@dataclass(frozen=True)
class Use:
    """What a process holds at a moment; `resident` in bytes, `descriptors` without those of SQLite's files.

    The pool of connections keeps some of those, and never more than it may.
    """

    resident: int
    threads: int
    descriptors: int
    held: tuple[str, ...] = ()
    """What the descriptors are, for the message of a test that finds one too many."""

    def no_more_than(self, other: Use) -> bool:
        """Whether nothing was left over since `other`; fewer are no fault, a thread may just have been ending then."""
        return self.threads <= other.threads and self.descriptors <= other.descriptors


@dataclass
class ReceiveProcess:
    """Handle of a running receiver; the same folder keeps its state over `stop` and `start`."""

    folder: Path
    database_url: str
    command: Sequence[str] = ("-m", "gateway", "serve", "--only", "receive")
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "receive.log").read_text(errors="replace")

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.folder / "empty.toml").write_text("")
        settings = {
            "MAMMOGATE_CONFIG": str(self.folder / "empty.toml"),
            "MAMMOGATE_DATA_DIR": str(self.data_dir),
            "MAMMOGATE_DATABASE_URL": self.database_url,
            "MAMMOGATE_DICOM__PORT": str(self.port),
            "MAMMOGATE_RESERVE_MIB": "0",
            **self.settings,
        }
        with (self.folder / "receive.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], env=environment(settings), stdout=log, stderr=log
            )
        if not wait_until_listening(self.port, 60):
            pytest.fail(self.log[-3000:], pytrace=False)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)
            self.process = None

    @property
    def use(self) -> Use:
        assert self.process is not None
        process = psutil.Process(self.process.pid)
        held = tuple(sorted(filter(_counts, self._descriptors())))
        return Use(process.memory_info().rss, process.num_threads(), len(held), held)

    def _descriptors(self) -> Iterator[str]:
        assert self.process is not None
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                yield str(link.readlink())

    def settled(self, like: Use, seconds: float = 60) -> Use:
        """What it uses once it has no more threads and descriptors than then; or what it still uses after the time.

        The very measurement that was looked at: by the next one a lasting thread may be at work for a moment. The time
        is long because a machine with other work may still be accepting what waits in the backlog; a leak never ends.
        """
        seen = self.use

        def is_settled() -> bool:
            nonlocal seen
            seen = self.use
            return seen.no_more_than(like)

        self.wait_until(is_settled, seconds)
        return seen

    def warm_up(self) -> Use:
        """Receive something, so that all code is loaded and each lasting thread runs; return what it uses then."""
        before = self._quiet()
        with explicit_peer(self.port) as peer:
            uid = generate_uid()
            assert send_object(peer, uid, small_object(uid, generate_uid())) == SUCCESS
            peer.release()
        self.wait_for_log("association_ended")
        with_writer = Use(before.resident, before.threads + 1, before.descriptors)
        return self.settled(with_writer)

    def _quiet(self, seconds: float = 1) -> Use:
        """The least that it uses for a while: the connection that asked whether it listens may still be closing."""
        seen = [self.use]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.02)
            seen.append(self.use)
        return min(seen, key=lambda use: (use.threads, use.descriptors))

    def forget_peak(self) -> int:
        """Have `peak` count from now on; return what is resident now, in bytes."""
        assert self.process is not None
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.use.resident

    @property
    def peak(self) -> int:
        """The most that was resident, in bytes."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def logged(self, event: str) -> list[str]:
        return [line for line in self.log.splitlines() if f"event={event} " in line or line.endswith(f"event={event}")]

    def wait_until(self, so_that: Callable[[], bool], seconds: float = 10) -> bool:
        deadline = time.monotonic() + seconds
        while not so_that():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def wait_for_log(self, event: str, count: int = 1, seconds: float = 10) -> list[str]:
        """The log's lines of an event, once there are so many."""
        self.wait_until(lambda: len(self.logged(event)) >= count, seconds)
        assert len(self.logged(event)) >= count, self.log[-3000:]
        return self.logged(event)

    def instances(self) -> dict[str, Path]:
        """The file of each instance that has a row."""
        engine = create_engine(self.database_url)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT sop_instance_uid, path FROM instance")).all()
        engine.dispose()
        assert len({row[0] for row in rows}) == len(rows)
        return {row[0]: self.data_dir / row[1] for row in rows}

    def files(self) -> set[Path]:
        """Every file of an object, acknowledged or not."""
        folders = (self.data_dir / "incoming", self.data_dir / "instances", self.data_dir / "quarantine")
        return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def _counts(opened: str) -> bool:
    return "mammogate.sqlite" not in opened


@contextmanager
def running_receiver(folder: Path, database_url: str | None = None, **more: object) -> Iterator[ReceiveProcess]:
    """Run a receiver over `folder`; on SQLite in the data folder unless a database is named."""
    url = database_url or f"sqlite:///{folder / 'data' / 'mammogate.sqlite'}"
    receiver = ReceiveProcess(folder, url, **more)  # type: ignore[arg-type]  # the fields of the handle, by name
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def small_object(sop_instance_uid: str, study_uid: str) -> bytes:
    """The data set of a mammogram of four pixels, in Explicit VR Little Endian as it goes over the wire."""
    image = mammogram(rows=2, columns=2, tags={"SOPInstanceUID": sop_instance_uid, "StudyInstanceUID": study_uid})
    whole = BytesIO()
    dcmwrite(whole, image, enforce_file_format=True)
    meta_length = int.from_bytes(whole.getvalue()[140:144], "little")
    return whole.getvalue()[144 + meta_length :]


def explicit_peer(port: int) -> RawPeer:
    """A sender of mammograms in Explicit VR Little Endian, with its association established."""
    return RawPeer(port, transfer_syntax_uid=ExplicitVRLittleEndian)


def send_object(peer: RawPeer, sop_instance_uid: str, data_set: bytes) -> int:
    """Send one object whole, and return the status of its answer."""
    peer.send(pdv(1, COMMAND | LAST, store_command(MG, sop_instance_uid)), pdv(1, LAST, data_set))
    return peer.status()

"""A COMMIT that PostgreSQL carries out after its line has broken: whoever asked can't know, and the file must stay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.settings import Settings, StudySettings
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.models import Duplicate, Instance
from gateway.parts import Parts, open_parts
from tests.peers.ports import LOOPBACK
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import mammogram, write

pytestmark = pytest.mark.system


@dataclass
class SlowToCommit:
    """A line to the database that breaks at a COMMIT once it is `armed`, and hands that on when it is `released`."""

    to_port: int
    armed: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def carry(self, listening: socket.socket) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = listening.accept()
                server = socket.create_connection((LOOPBACK, self.to_port))
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while piece := client.recv(16384):
                if self.armed.is_set() and b"COMMIT" in piece:
                    self.armed.clear()
                    client.shutdown(socket.SHUT_RDWR)
                    assert self.released.wait(60)
                    server.sendall(piece)
                    self.done.set()
                    server.recv(16384)
                    return
                server.sendall(piece)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(16384):
                client.sendall(piece)


@contextmanager
def slow_to_commit(to_port: int) -> Iterator[tuple[SlowToCommit, int]]:
    line = SlowToCommit(to_port)
    with socket.create_server((LOOPBACK, 0)) as listening:
        threading.Thread(target=line.carry, args=(listening,), daemon=True).start()
        yield line, listening.getsockname()[1]
        line.released.set()


def counted(parts: Parts, table: type[Instance] | type[Duplicate]) -> int:
    with parts.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_object_whose_commit_is_carried_out_after_its_refusal_has_its_file(tmp_path: Path, origin: Origin) -> None:
    study = StudySettings(settle_seconds=10, quiet_seconds=120)
    with running_postgresql(tmp_path / "postgresql") as server, slow_to_commit(server.port) as (line, port):
        url = server.url.replace(f":{server.port}/", f":{port}/")
        parts = open_parts(Settings(data_dir=tmp_path / "data", database_url=url, reserve_mib=0, study=study))
        intake = parts.intake("receive@test")
        path = write(mammogram(rows=16, columns=16), intake.new_file())
        content = path.read_bytes()
        line.armed.set()
        assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.OUT_OF_RESOURCES
        assert counted(parts, Instance) == 0, "the server knows nothing of the COMMIT yet"
        line.released.set()
        assert line.done.wait(60)
        deadline = time.monotonic() + 60
        while not counted(parts, Instance) and time.monotonic() < deadline:
            time.sleep(0.05)
        with parts.database.read() as session:
            row = session.scalars(select(Instance)).one()
        assert (parts.folders.root / row.path).read_bytes() == content
        # Its sender has been told to send it again.
        again = intake.new_file()
        again.write_bytes(content)
        assert intake.accept(again, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
        assert (counted(parts, Instance), counted(parts, Duplicate)) == (1, 1)
        intake.close()
        parts.database.engine.dispose()

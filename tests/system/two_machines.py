"""Two whole process trees as if on two machines: names and ports of their own, one PostgreSQL, one data folder."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Engine, create_engine, text

from tests.dicom_node.raw_peer import RawPeer, pdv, store_command
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import WrittenStudy

MG = "1.2.840.10008.5.1.4.1.1.1.2"
COMMAND, LAST = 1, 2
_FRAGMENT = 100_000


@dataclass(frozen=True)
class World:
    """`machines` by node name; `pacs` gets the reports, and both machines are told to follow it."""

    machines: Mapping[str, Gateway]
    pacs: Orthanc
    engine: Engine

    def ask(self, question: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(question), values))

    def running(self, node: str) -> set[str]:
        """The jobs that a machine's worker is at."""
        asked = "SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = :name"
        return {row[0] for row in self.ask(asked, name=f"work@{node}")}

    def is_reading(self, node: str) -> bool:
        """Whether its worker is at the images of a study: the step before them has its checkpoint."""
        asked = (
            "SELECT 1 FROM dbos.workflow_status JOIN dbos.operation_outputs USING (workflow_uuid) "
            "WHERE status = 'PENDING' AND executor_id = :name AND function_name = 'process.begin'"
        )
        return bool(self.ask(asked, name=f"work@{node}"))

    def wait(self, what: str, so_that: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not so_that():
            if time.monotonic() > deadline:
                logs = "\n".join(machine.log[-3000:] for machine in self.machines.values())
                pytest.fail(f"not within {seconds:.0f} s: {what}\n{logs}", pytrace=False)
            time.sleep(0.25)


@contextmanager
def two_machines(folder: Path, *, of_the_second: Mapping[str, str]) -> Iterator[World]:
    """Run machines `one`, which follows the source, and `two`, which has these settings besides."""
    with (
        running_postgresql(folder / "postgresql") as server,
        running_orthanc(folder / "pacs") as pacs,
    ):
        common = {
            "MAMMOGATE_DATABASE_URL": server.url,
            "MAMMOGATE_DATA_DIR": str(folder / "shared"),
            "MAMMOGATE_STUDY__QUIET_SECONDS": "600",  # nothing may need it
            "MAMMOGATE_SOURCES": json.dumps([{"name": "pacs", "url": pacs.url, "interval_seconds": 1}]),
        }
        reports = [destination("pacs", "dicom", host="127.0.0.1", port=pacs.dicom_port, ae_title=pacs.ae_title)]

        def machine(name: str, **more: str) -> Any:
            own = {**common, "MAMMOGATE_NODE": name, **more}
            return running_gateway(folder / name, destinations=reports, settings=own, start=False)

        with machine("one") as one, machine("two", **of_the_second) as two:
            world = World({"one": one, "two": two}, pacs, create_engine(server.url))
            one.start(wait=False)
            world.wait("it follows the source", lambda: world.ask("SELECT 1 FROM source_position") != [], 90)
            two.start(wait=False)
            for each in (one, two):
                each.wait_until_ready()
            yield world
            world.engine.dispose()


def signal_tree(processes: list[psutil.Process], number: int) -> None:
    """Signal the supervisor and everything below it, as the loss or freeze of a machine reaches all of them at once."""
    for process in processes:
        os.kill(process.pid, number)


def lose(machine: Gateway) -> None:
    """SIGKILL all of it."""
    signal_tree(machine.processes(), signal.SIGKILL)
    assert machine.process is not None
    machine.process.wait()


def send_and_stay(port: int, study: WrittenStudy, views: Iterable[tuple[str, str]]) -> RawPeer:
    """Send these views, hear that each image is safe, and keep the association open."""
    peer = RawPeer(port, transfer_syntax_uid=ExplicitVRLittleEndian)
    for view in views:
        begin(peer, study.paths[view], study.sop_instance_uids[view])
        assert peer.status() == 0
    return peer


def begin(peer: RawPeer, path: Path, sop_instance_uid: str, share: float = 1.0) -> None:
    """Send an object, or so much of it as leaves the receiver waiting in the middle."""
    whole = path.read_bytes()
    data = whole[144 + int.from_bytes(whole[140:144], "little") :]
    peer.send(pdv(1, COMMAND | LAST, store_command(MG, sop_instance_uid)))
    end = int(len(data) * share)
    for start in range(0, end, _FRAGMENT):
        piece = data[start : min(end, start + _FRAGMENT)]
        peer.send(pdv(1, LAST if start + len(piece) == len(data) else 0, piece))

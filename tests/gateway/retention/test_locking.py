"""An image that arrives at the very moment when the images of its study are deleted, over PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

from config.settings import Settings
from dicom_node.intake import Origin
from gateway.folders import move_durably
from gateway.intake.header import read_header
from gateway.intake.recording import Arrival, ArrivalRecorder
from gateway.parts import open_parts
from gateway.reading.child import Child
from gateway.retention import deleting
from tests.gateway.retention.rows import Settled, rows_of
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import Exam, mammogram, write

pytestmark = pytest.mark.system
EARLIER, LATER = "1.2.1", "1.2.2"
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory, child: Child) -> Iterator[Settled]:
    folder = tmp_path_factory.mktemp("locking")
    with running_postgresql(folder / "postgresql") as server:
        parts = open_parts(Settings(data_dir=folder / "data", database_url=server.url, reserve_mib=0))
        yield Settled(parts, child)
        parts.database.engine.dispose()


def arrive(settled: Settled, connection: Connection, uid: str, exam: Exam, laterality: str) -> None:
    """Write the rows of an arrival as the receiver does, without ending its transaction."""
    folders = settled.parts.folders
    image = mammogram(laterality, exam=exam, rows=64, columns=48, tags={"SOPInstanceUID": uid})
    incoming, stored = write(image, folders.new_incoming()), folders.new_instance()
    header, size = read_header(incoming), incoming.stat().st_size
    move_durably(incoming, stored)
    recorder = ArrivalRecorder(settled.parts.jobs, receiver="receive@test", quiet_seconds=120, forward_to=())
    origin = Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
    recorder.record(connection, Arrival(folders.relative(stored), size, header, origin))


def wait_until_somebody_waits(settled: Settled, working: threading.Thread) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and working.is_alive():
        with settled.parts.database.engine.connect() as connection:
            if connection.scalar(_WAITING):
                return
        time.sleep(0.05)
    pytest.fail("nobody waited for the lock", pytrace=False)


@pytest.mark.parametrize(
    ("uid", "laterality"), [(LATER, "R"), (EARLIER, "L")], ids=["another view", "the same image again"]
)
def test_an_arrival_that_is_not_committed_yet_is_waited_for_and_keeps_the_images(
    anywhere: Settled, uid: str, laterality: str
) -> None:
    earlier = f"{EARLIER}.{laterality == 'L':d}"
    exam = anywhere.add(earlier)
    arriving = earlier if uid == EARLIER else uid
    working = threading.Thread(target=anywhere.round)
    with anywhere.parts.database.engine.begin() as connection:
        arrive(anywhere, connection, arriving, exam, laterality)
        working.start()
        wait_until_somebody_waits(anywhere, working)
        assert anywhere.file(earlier).exists()
    working.join(timeout=30)
    assert anywhere.deleted([earlier]) == set()


def test_an_arrival_that_comes_while_an_image_is_being_deleted_waits_and_finds_it_deleted(
    anywhere: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = f"{EARLIER}.9"
    exam = anywhere.add(uid)
    arrived = threading.Event()

    def receive() -> None:
        with anywhere.parts.database.engine.begin() as connection:
            arrive(anywhere, connection, f"{LATER}.9", exam, "R")
        arrived.set()

    receiving = threading.Thread(target=receive)
    audit = deleting._audit

    def in_the_transaction(*arguments: object) -> object:
        receiving.start()
        wait_until_somebody_waits(anywhere, receiving)
        assert not arrived.is_set()
        return audit(*arguments)  # type: ignore[arg-type] # whatever it is given

    monkeypatch.setattr(deleting, "_audit", in_the_transaction)
    anywhere.round()
    receiving.join(timeout=30)
    assert arrived.is_set()
    assert anywhere.deleted([uid]) == {uid}
    with anywhere.parts.database.read() as session:
        study, _ = rows_of(session, uid)
        assert study.gathering == 2, "the later view opens a generation, which is reported with the header that is left"

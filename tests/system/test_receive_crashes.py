"""Acknowledged = recovered: the receiver dies at every point between the first byte and the answer, and at random."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from sqlalchemy import create_engine, text

from tests.peers.postgresql import running_postgresql
from tests.system.crashing_receiver import POINTS
from tests.system.receive_process import SUCCESS, ReceiveProcess, explicit_peer, send_object, small_object

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


class Receiver(ReceiveProcess):
    """A receiver over one data folder and database, started anew after each death."""

    def start(self, point: str = "", call: int = 0) -> None:
        self.command = ("-m", "tests.system.crashing_receiver", point, str(call))
        super().start()

    def die(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def jobs(self) -> int:
        """How many studies have a gather job."""
        engine = create_engine(self.database_url)
        schema = "dbos." if self.database_url.startswith("postgresql") else ""
        with engine.connect() as connection:
            count = connection.execute(
                text(f"SELECT count(*) FROM {schema}workflow_status WHERE workflow_uuid LIKE 'gather:%'")  # noqa: S608 (the schema is ours)
            ).scalar_one()
        engine.dispose()
        return int(count)


def send(port: int, objects: dict[str, bytes], acknowledged: set[str]) -> None:
    """Send what is not acknowledged yet on one association; a receiver that dies ends it."""
    try:
        with explicit_peer(port) as peer:
            for uid, data in objects.items():
                if uid in acknowledged:
                    continue
                if send_object(peer, uid, data) != SUCCESS:
                    return
                acknowledged.add(uid)
            peer.release()
    except (OSError, AssertionError):
        pass  # the receiver is dead, or not there yet


DATABASES = ("sqlite", "postgresql")
# The ordinary run has each kind of death with one of the databases, and the default with the exact ones.
SQLITE_FIRST = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
POSTGRESQL_FIRST = ["postgresql", pytest.param("sqlite", marks=pytest.mark.long)]


@pytest.fixture
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    if request.param == "sqlite":
        made = Receiver(tmp_path, f"sqlite:///{tmp_path / 'data' / 'mammogate.sqlite'}")
        yield made
    else:
        with running_postgresql(tmp_path / "postgresql") as server:
            made = Receiver(tmp_path, server.url)
            yield made
            if made.process is not None:
                made.die()
    if made.process is not None:
        made.die()


def check(receiver: Receiver, sent: dict[str, bytes], acknowledged: set[str], studies: set[str]) -> None:
    """Everything acknowledged has one row, a file with the bytes that were sent, and its study a job."""
    recorded = receiver.instances()
    assert acknowledged <= recorded.keys(), f"{len(acknowledged - recorded.keys())} acknowledged instances are lost"
    for uid in acknowledged:
        assert recorded[uid].read_bytes().endswith(sent[uid])
        assert dcmread(recorded[uid]).SOPInstanceUID == uid
    assert receiver.jobs() >= len(studies)


@pytest.mark.parametrize("receiver", SQLITE_FIRST, indirect=True)
def test_whatever_was_acknowledged_survives_a_death_at_every_point(receiver: Receiver) -> None:
    sent: dict[str, bytes] = {}
    acknowledged: set[str] = set()
    studies: set[str] = set()
    for point in POINTS:
        study = generate_uid()
        studies.add(study)
        objects = {uid: small_object(uid, study) for uid in (generate_uid() for _ in range(4))}
        sent |= objects
        # Each object is written in three calls (head, rest, nothing left), so that the third falls into the second.
        receiver.start(point, 3)
        send(receiver.port, objects, acknowledged)
        assert receiver.process is not None
        receiver.process.wait(timeout=30)
        assert receiver.process.returncode == -9, f"it did not die where {point}"
        assert not objects.keys() <= acknowledged or point == "the answer is sent"
        receiver.start()
        check(receiver, sent, acknowledged, set())
        send(receiver.port, objects, acknowledged)
        receiver.die()
    assert acknowledged == sent.keys()
    check(receiver, sent, acknowledged, studies)


def die_at_random(receiver: Receiver, *, kills: int, wanted: int, seed: int) -> None:
    """Four modalities send while the receiver is killed; they send again what was not acknowledged."""
    dice = random.Random(seed)
    studies = [generate_uid() for _ in range(4)]
    batches = [
        {uid: small_object(uid, study) for uid in (generate_uid() for _ in range(wanted // 4))} for study in studies
    ]
    answered: list[set[str]] = [set() for _ in batches]
    done = threading.Event()

    def modality(objects: dict[str, bytes], acknowledged: set[str]) -> None:
        while not done.is_set() and not objects.keys() <= acknowledged:
            send(receiver.port, objects, acknowledged)
            time.sleep(0.05)

    receiver.start()
    threads = [threading.Thread(target=modality, args=pair) for pair in zip(batches, answered, strict=True)]
    for thread in threads:
        thread.start()
    killed = 0
    while killed < kills and any(thread.is_alive() for thread in threads):
        time.sleep(dice.uniform(0.05, 0.6))
        receiver.die()
        killed += 1
        receiver.start()
    for thread in threads:
        thread.join(timeout=300)
    done.set()
    acknowledged = set().union(*answered)
    sent = {uid: data for batch in batches for uid, data in batch.items()}
    assert killed == kills, f"all was sent after {killed} kills: send more"
    assert acknowledged == sent.keys()
    check(receiver, sent, acknowledged, set(studies))
    sys.stdout.write(f"\n{killed} kills, {len(acknowledged)} acknowledged, 0 lost\n")


@pytest.mark.parametrize("receiver", POSTGRESQL_FIRST, indirect=True)
def test_random_deaths_lose_nothing_that_was_acknowledged(receiver: Receiver) -> None:
    die_at_random(receiver, kills=4, wanted=1200, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("receiver", DATABASES, indirect=True)
def test_many_random_deaths_lose_nothing_that_was_acknowledged(receiver: Receiver) -> None:
    die_at_random(receiver, kills=25, wanted=8000, seed=2)


@pytest.mark.long  # the ordinary run restarts the database under a whole gateway: test_postgresql.py
def test_a_database_that_stops_twice_under_fire_loses_nothing(tmp_path: Path) -> None:
    with running_postgresql(tmp_path / "postgresql") as server:
        receiver = Receiver(tmp_path, server.url)
        receiver.start()
        study = generate_uid()
        objects = {uid: small_object(uid, study) for uid in (generate_uid() for _ in range(800))}
        acknowledged: set[str] = set()

        def modality() -> None:
            while not objects.keys() <= acknowledged:
                send(receiver.port, objects, acknowledged)
                time.sleep(0.1)

        thread = threading.Thread(target=modality, daemon=True)
        thread.start()
        for _ in range(2):
            time.sleep(1.0)
            server.stop("immediate")
            time.sleep(0.5)
            server.start()
        thread.join(timeout=200)
        assert acknowledged == objects.keys()
        check(receiver, objects, acknowledged, {study})
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT count(*) FROM instance").fetchone()
        assert row == (800,)
        receiver.die()

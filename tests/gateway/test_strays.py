"""Files without a row: removed when nobody can be about to give them one, whatever the clock says."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from sqlalchemy import select

from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.models import Instance
from gateway.parts import Parts
from gateway.strays import StraySweep
from tests.peers.synthetic import mammogram, write


def received(parts: Parts) -> Path:
    """A file whose bytes are there, and that waits to be accepted."""
    return write(mammogram(rows=16, columns=16), parts.folders.new_incoming())


def accept(parts: Parts, path: Path, origin: Origin) -> Path:
    intake = parts.intake("api@test")
    assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    intake.close()
    with parts.database.read() as session:
        return parts.folders.root / session.scalars(select(Instance.path)).one()


def test_files_that_stay_without_a_row_are_removed_and_no_others(parts: Parts, origin: Origin) -> None:
    kept = accept(parts, received(parts), origin)
    strays = [parts.folders.new_instance(), parts.folders.new_incoming()]
    for stray in strays:
        stray.write_bytes(b"never acknowledged")
    sweep = StraySweep(parts.database, parts.folders)
    sweep.note()
    assert sweep.remove() == 2
    assert kept.exists()
    assert not any(stray.exists() for stray in strays)


def test_what_is_being_received_is_safe_from_a_clock_that_jumps_forward(parts: Parts, origin: Origin) -> None:
    """An upload to the feed goes on while the receiver starts again; by the clock its bytes came two hours ago."""
    growing, whole, late = received(parts), received(parts), parts.folders.new_incoming()
    for path in (growing, whole):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    sweep = StraySweep(parts.database, parts.folders)
    sweep.note()
    with growing.open("ab") as file:
        file.write(b"more")
    kept = accept(parts, whole, origin)
    late.write_bytes(b"began after the first look")
    assert sweep.remove() == 0
    assert all(path.exists() for path in (growing, kept, late))


def test_the_second_look_comes_after_the_time_and_not_at_all_when_the_receiver_stops(parts: Parts) -> None:
    stray = parts.folders.new_incoming()
    stray.write_bytes(b"never acknowledged")
    stop = threading.Event()
    stop.set()
    StraySweep(parts.database, parts.folders).run(stop, after_seconds=60)
    assert stray.exists()
    StraySweep(parts.database, parts.folders).run(threading.Event(), after_seconds=0.01)
    assert not stray.exists()

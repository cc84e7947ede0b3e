"""SQLite on a folder that can't be written for a while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from config.settings import Settings
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.models import Study
from gateway.parts import Parts, open_parts
from tests.peers.synthetic import mammogram, write
from tests.system.read_only_disk import ReadOnlyDisk, read_only_disk

# Has the file open, as the other processes of a gateway have: the write-ahead log is there as long as somebody has it.
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM study").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_open(file: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        yield
        holder.communicate()


@pytest.fixture
def once_read_only(tmp_path: Path) -> Iterator[Parts]:
    """Parts whose connections were opened for reading while the folder was read-only; now it can be written again."""
    folder = tmp_path / "data"
    with read_only_disk(folder) as disk:
        parts = open_parts(Settings(data_dir=folder, reserve_mib=0))
        with held_open(folder / "mammogate.sqlite"):
            open_for_reading(parts, disk)
            disk.make_writable()
            yield parts
            parts.database.engine.dispose()


def open_for_reading(parts: Parts, disk: ReadOnlyDisk) -> None:
    parts.database.engine.dispose()
    disk.make_read_only()
    with parts.database.read() as one, parts.database.read() as other:
        for session in (one, other):
            assert session.scalars(select(Study)).all() == []


def test_connections_that_were_opened_read_only_are_given_up_at_the_first_write(once_read_only: Parts) -> None:
    """SQLite opens for reading what it may not write, says nothing, and then refuses each write on that connection."""
    with pytest.raises(OperationalError), once_read_only.database.write() as session:
        session.add(Study(study_instance_uid="1.2.3"))
    for uid in ("1.2.5", "1.2.6", "1.2.7"):
        with once_read_only.database.write() as session:
            session.add(Study(study_instance_uid=uid))


def test_an_image_is_taken_at_once_when_the_folder_can_be_written_again(once_read_only: Parts, origin: Origin) -> None:
    intake = once_read_only.intake("receive@test")
    path = write(mammogram(rows=8, columns=8), intake.new_file())
    assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    intake.close()

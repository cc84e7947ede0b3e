"""Migrations, events and slots."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

import gateway.database.account_models  # noqa: F401 - registers its tables
from gateway.database.columns import Base
from gateway.database.engine import create_database_engine
from gateway.database.migrate import DatabaseNewer, alembic_config, installation_id, newest_revision, open_database
from gateway.database.models import FeedEvent
from gateway.parts import Parts
from gateway.slots import Slot, SlotName, SlotTaken, without_lock_file
from gateway.workflow.events import append


def test_the_migrations_make_exactly_the_tables_of_the_models(parts: Parts) -> None:
    ours = set(Base.metadata.tables)
    with parts.database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _parents: kind != "table" or name in ours, "compare_type": False},
        )
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_of_an_earlier_version_is_brought_forward_with_what_is_in_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    config = alembic_config()
    with create_database_engine(url).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        assert "commitment" not in inspect(connection).get_table_names()
        connection.execute(text("INSERT INTO counter (name, value) VALUES ('kept', 7)"))
        connection.commit()
    with open_database(url).read() as session:
        assert session.scalar(text("SELECT value FROM counter WHERE name = 'kept'")) == 7
        assert session.scalar(text("SELECT count(*) FROM commitment")) == 0


def test_the_newest_migration_by_its_file_is_alembics_head() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [newest_revision()]


def test_an_installation_keeps_its_id(parts: Parts) -> None:
    url = parts.settings.resolved_database_url
    assert installation_id(open_database(url)) == installation_id(parts.database)


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(installation_id(open_database(url)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_event_numbers_have_no_gaps_whoever_writes_them(parts: Parts) -> None:
    def write_some() -> None:
        for _ in range(10):
            with parts.database.write() as session:
                append(session, "delivery", "1.2.3", {})

    threads = [threading.Thread(target=write_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with parts.database.read() as session:
        assert list(session.scalars(select(FeedEvent.number).order_by(FeedEvent.number))) == list(range(1, 41))


def test_an_event_that_is_rolled_back_leaves_no_gap(parts: Parts) -> None:
    with parts.database.write() as session:
        append(session, "delivery", "1.2.3", {})
        session.rollback()
    with parts.database.write() as session:
        append(session, "delivery", "1.2.3", {})
    with parts.database.read() as session:
        assert list(session.scalars(select(FeedEvent.number))) == [1]


def test_a_slot_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    name = SlotName("work", 1, "gate1")
    with Slot(tmp_path, name, shared=True) as slot:
        assert slot.name == "work@gate1"
        with pytest.raises(SlotTaken, match="give each machine a NODE of its own"):
            Slot(tmp_path, name, shared=True)
    Slot(tmp_path, name, shared=True).release()


def test_each_machine_and_each_receiver_has_a_slot_of_its_own_where_the_folder_is_shared(tmp_path: Path) -> None:
    names = [SlotName("receive", 1, "gate1"), SlotName("receive", 2, "gate1"), SlotName("receive", 1, "gate2")]
    slots = [Slot(tmp_path, name, shared=True) for name in names]
    assert [slot.name for slot in slots] == ["receive@gate1", "receive-2@gate1", "receive@gate2"]
    for slot in slots:
        slot.release()
    assert without_lock_file(tmp_path, ["receive@gate1", "work@gate3"]) == ["work@gate3"]


def test_over_sqlite_a_folder_belongs_to_one_machine(tmp_path: Path) -> None:
    with (
        Slot(tmp_path, SlotName("work", 1, "gate1"), shared=False),
        pytest.raises(SlotTaken, match="need PostgreSQL"),
    ):
        Slot(tmp_path, SlotName("work", 1, "gate2"), shared=False)


def test_a_database_that_a_later_version_migrated_is_left_alone(parts: Parts) -> None:
    with parts.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer, match="9999: upgrade this machine too"):
        open_database(parts.settings.resolved_database_url)

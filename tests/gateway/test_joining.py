"""Machines over one real PostgreSQL: who may join, who sees whom, and what a machine that stands still holds up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, text

from config.settings import Settings
from gateway.database.engine import create_database_engine
from gateway.database.migrate import installation_id, open_database
from gateway.database.models import Heartbeat
from gateway.database.sole import ADOPTING, is_sole, may_be_idle
from gateway.heartbeat import alive
from gateway.parts import Parts, open_parts
from gateway.processes.joining import joined
from gateway.processes.stopping import StartRefused
from tests.peers.postgresql import PostgreSql, running_postgresql

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    with running_postgresql(tmp_path_factory.mktemp("joining") / "postgresql") as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


def machine(server: PostgreSql, folder: Path, node: str) -> Parts:
    return open_parts(Settings(data_dir=folder, database_url=server.url, node=node))


def test_machines_may_open_a_new_database_at_once(server: PostgreSql) -> None:
    with create_engine(server.url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE fresh"))
    url = server.url.removesuffix("/postgres") + "/fresh"
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: installation_id(open_database(url)), range(3)))
    assert len(set(found)) == 1


def test_machines_with_names_of_their_own_join_and_see_each_other(server: PostgreSql, shared: Path) -> None:
    one, two = (machine(server, shared, node) for node in ("one", "two"))
    with joined(one, "receive"), joined(one, "receive", 2), joined(two, "receive"):
        with two.database.read() as session:
            assert {"receive@one", "receive-2@one", "receive@two"} <= alive(session)
        with pytest.raises(StartRefused, match="give each machine a NODE of its own"), joined(two, "receive"):
            pass


def test_a_machine_with_another_data_folder_is_refused(server: PostgreSql, shared: Path, tmp_path: Path) -> None:
    one = machine(server, shared, "one")
    elsewhere = machine(server, tmp_path / "elsewhere", "two")
    with (
        joined(one, "work"),
        pytest.raises(StartRefused, match="mount one folder on all machines"),
        joined(elsewhere, "work"),
    ):
        pass


def test_a_machine_of_the_same_name_with_another_data_folder_is_refused(
    server: PostgreSql, shared: Path, tmp_path: Path
) -> None:
    one = machine(server, shared, "one")
    copied = machine(server, tmp_path / "elsewhere", "one")
    with one.database.write() as session:
        session.execute(delete(Heartbeat))  # what earlier tests left
    with (
        joined(one, "work"),
        pytest.raises(StartRefused, match="work@one works over the same database"),
        joined(copied, "work"),
    ):
        pass


def test_one_process_adopts_at_a_time(server: PostgreSql, shared: Path) -> None:
    parts = machine(server, shared, "one")
    with parts.database.read() as mine, parts.database.read() as other:
        assert is_sole(mine, ADOPTING)
        assert not is_sole(other, ADOPTING)
        mine.rollback()
        assert is_sole(other, ADOPTING)


def test_the_server_ends_transactions_that_stand_still_and_options_of_the_url_go_over_ours(server: PostgreSql) -> None:
    shown = text("SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('search_path')")
    with create_database_engine(server.url).connect() as connection:
        assert connection.execute(shown).one()[0] == "30s"
    theirs = f"{server.url}?options=-c%20idle_in_transaction_session_timeout%3D7s%20-c%20search_path%3Dpublic"
    with create_database_engine(theirs).connect() as connection:
        assert connection.execute(shown).one() == ("7s", "public")


def test_a_lock_outlasts_the_wait_it_was_allowed(server: PostgreSql, shared: Path) -> None:
    parts = machine(server, shared, "one")
    with parts.database.read() as session:
        assert is_sole(session, ADOPTING)
        before = session.scalar(text("SHOW idle_in_transaction_session_timeout"))
        may_be_idle(session, 600)
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10min"
    with parts.database.read() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == before != "10min"

"""Group commit: who is answered, with what, and in how many transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from gateway.database.engine import Database, create_database_engine
from gateway.intake.group_commit import CommitInDoubt, GroupCommit, WriterStopped
from tests.peers.postgresql import PostgreSql, running_postgresql

ROWS = Table("row", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))


class Names:
    """Records a name as a row; `hold` keeps the writer inside its first transaction until it is set."""

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.hold.set()
        self.inside = threading.Event()
        self.before: Callable[[Connection, str], None] = lambda _connection, _item: None

    def order(self, item: str) -> str:
        return item

    def record(self, connection: Connection, item: str) -> int:
        self.inside.set()
        self.hold.wait()
        self.before(connection, item)
        if item == "defect":
            raise ValueError(item)
        return connection.execute(insert(ROWS).returning(ROWS.c.id), {"name": item}).scalar_one()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield from _with_rows(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    else:
        server: PostgreSql = request.getfixturevalue("postgresql")
        yield from _with_rows(server.url)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    with running_postgresql(tmp_path_factory.mktemp("group") / "postgresql") as server:
        yield server


def _with_rows(url: str) -> Iterator[Engine]:
    engine = create_database_engine(url)
    ROWS.metadata.drop_all(engine)
    ROWS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def writer(engine: Engine, names: Names) -> Iterator[GroupCommit[str, int]]:
    writer: GroupCommit[str, int] = GroupCommit(engine, names, name="writer")
    yield writer
    names.hold.set()
    writer.stop()


class Together:
    """Hands items over so that all but the first queue up behind it, as one batch."""

    def __init__(self, writer: GroupCommit[str, int], names: Names) -> None:
        self._writer = writer
        self._names = names

    def give(
        self,
        items: list[str],
        meanwhile: Callable[[], None] = lambda: None,
        doing: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> dict[str, int | Exception]:
        self._names.hold.clear()
        self._names.inside.clear()
        answers: dict[str, int | Exception] = {}

        def hand_over(item: str) -> None:
            try:
                answers[item] = self._writer.commit(item, meanwhile=doing.get(item))
            except Exception as error:  # noqa: BLE001 - the answer under test
                answers[item] = error

        with ThreadPoolExecutor(len(items) + 1) as pool:
            pool.submit(hand_over, "first")
            assert self._names.inside.wait(30)
            for item in items:
                pool.submit(hand_over, item)
            while self._writer.waiting < len(items):
                threading.Event().wait(0.001)
            meanwhile()
            self._names.hold.set()
        return answers


@pytest.fixture
def together(writer: GroupCommit[str, int], names: Names) -> Together:
    return Together(writer, names)


def held(engine: Engine) -> set[str]:
    with Database(engine).read() as session:  # doesn't wait for a transaction that is open
        return set(session.scalars(select(ROWS.c.name)))


def test_what_queues_up_behind_a_commit_is_committed_together(
    engine: Engine, writer: GroupCommit[str, int], together: Together
) -> None:
    commits: list[None] = []
    event.listen(engine, "commit", lambda _connection: commits.append(None))
    items = [f"item {number:02}" for number in range(40)]
    answers = together.give(items)
    assert len(commits) == 2
    assert set(answers) == {"first", *items} == held(engine)
    with engine.connect() as connection:
        rows = {name: key for key, name in connection.execute(select(ROWS.c.id, ROWS.c.name))}
    assert answers == rows  # everybody got the result of his own item


def test_one_caller_after_the_other_has_a_transaction_each(engine: Engine, writer: GroupCommit[str, int]) -> None:
    for number in range(3):
        writer.commit(f"item {number}")
        assert f"item {number}" in held(engine)


def test_items_that_fail_fail_alone(engine: Engine, names: Names, together: Together) -> None:
    def make_trouble(connection: Connection, item: str) -> None:
        if item == "twin":
            connection.execute(insert(ROWS), {"name": "first"})

    names.before = make_trouble
    good = {f"item {number:02}" for number in range(10)} | {"zero"}
    answers = together.give([*good, "defect", "twin"])
    assert isinstance(answers["defect"], ValueError)
    assert isinstance(answers["twin"], IntegrityError)
    assert {name for name, answer in answers.items() if isinstance(answer, int)} == held(engine) == {"first", *good}


def test_a_row_that_somebody_else_made_meanwhile_is_tried_again(engine: Engine, names: Names) -> None:
    class Patient(Names):
        def record(self, connection: Connection, item: str) -> int:
            found = connection.scalar(select(ROWS.c.id).where(ROWS.c.name == item))
            if found is not None:
                return found
            tries.append(item)
            if len(tries) == 1:
                raise IntegrityError("INSERT", {}, Exception("somebody was first"))
            return super().record(connection, item)

    tries: list[str] = []
    writer: GroupCommit[str, int] = GroupCommit(engine, Patient(), name="writer")
    assert writer.commit("item") > 0
    assert len(tries) == 2
    writer.stop()


def test_a_deadlock_is_tried_again(engine: Engine, names: Names, writer: GroupCommit[str, int]) -> None:
    class Deadlock(Exception):
        sqlstate = "40P01"

    tries: list[str] = []

    def deadlock_once(_connection: Connection, item: str) -> None:
        tries.append(item)
        if len(tries) == 1:
            raise OperationalError("UPDATE", {}, Deadlock())

    names.before = deadlock_once
    assert writer.commit("item") > 0
    assert tries == ["item", "item"]


def test_rows_are_committed_after_what_the_caller_does_meanwhile(
    engine: Engine, names: Names, writer: GroupCommit[str, int]
) -> None:
    def prepare() -> None:
        assert names.inside.wait(30)  # it is not waited for before the rows are written
        threading.Event().wait(0.05)
        seen.append(held(engine))

    seen: list[set[str]] = []
    assert writer.commit("item", meanwhile=prepare) > 0
    assert seen == [set()]
    assert held(engine) == {"item"}


def test_what_fails_meanwhile_keeps_its_own_rows_out_and_nobody_elses(
    engine: Engine, names: Names, writer: GroupCommit[str, int], together: Together
) -> None:
    def fail() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        writer.commit("alone", meanwhile=fail)
    assert held(engine) == set()
    answers = together.give(["one", "two", "bad"], doing={"bad": fail, "two": lambda: None})
    assert isinstance(answers["bad"], OSError)
    assert held(engine) == {"first", "one", "two"}


def test_a_database_that_is_away_answers_everybody_and_is_found_again(
    engine: Engine, together: Together, writer: GroupCommit[str, int]
) -> None:
    def lost(_connection: Connection) -> None:
        raise OperationalError("BEGIN", {}, Exception("nobody listens"))

    items = [f"item {number}" for number in range(8)]
    answers = together.give(items, meanwhile=lambda: event.listen(engine, "begin", lost))
    event.remove(engine, "begin", lost)
    assert [name for name, answer in answers.items() if isinstance(answer, int)] == ["first"]
    assert all(isinstance(answers[name], SQLAlchemyError) for name in items)
    assert writer.commit("item 0") > 0
    assert held(engine) == {"first", "item 0"}


@pytest.mark.system
def test_a_server_that_is_stopped_answers_everybody_and_is_found_again(postgresql: PostgreSql) -> None:
    made = _with_rows(postgresql.url)
    engine = next(made)
    names = Names()
    writer: GroupCommit[str, int] = GroupCommit(engine, names, name="writer")
    items = [f"item {number}" for number in range(8)]
    answers = Together(writer, names).give(items, meanwhile=lambda: postgresql.stop("immediate"))
    assert set(answers) == {"first", *items}
    assert all(isinstance(answer, SQLAlchemyError) for answer in answers.values())
    postgresql.start()
    assert writer.commit("item 0") > 0
    assert held(engine) == {"item 0"}
    writer.stop()
    made.close()


def test_a_commit_that_fails_is_not_tried_again_since_it_may_have_been_done(
    engine: Engine, names: Names, writer: GroupCommit[str, int], together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[str] = []
    names.before = lambda _connection, item: recorded.append(item)

    def refuse(_connection: object) -> None:
        raise engine.dialect.loaded_dbapi.OperationalError("the connection broke")

    answers = together.give(["one", "two"], meanwhile=lambda: monkeypatch.setattr(engine.dialect, "do_commit", refuse))
    monkeypatch.undo()
    assert all(isinstance(answer, CommitInDoubt) for answer in answers.values())
    assert sorted(recorded) == ["first", "one", "two"]
    assert held(engine) == set()
    assert writer.commit("three") > 0


def test_stopping_answers_all_that_was_taken_and_nothing_that_comes_later(
    engine: Engine, writer: GroupCommit[str, int], together: Together
) -> None:
    stopping = threading.Thread(target=writer.stop)
    items = [f"item {number}" for number in range(20)]
    answers = together.give(items, meanwhile=stopping.start)
    stopping.join(30)
    assert not stopping.is_alive()
    assert {name for name, answer in answers.items() if isinstance(answer, int)} == held(engine) == {"first", *items}
    with pytest.raises(WriterStopped):
        writer.commit("late")


def test_a_writer_that_was_never_used_stops_too(writer: GroupCommit[str, int]) -> None:
    writer.stop()
    with pytest.raises(WriterStopped):
        writer.commit("late")

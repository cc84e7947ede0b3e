"""Group commit: one thread makes what many callers hand over durable, in as few transactions as they let it.

What it needs of whoever records: `record` does all of its work on the connection that it is given, so that a rollback
undoes it, and may run again for the same item; `order` sorts the items of a transaction, so that two writers over one
database lock rows in the same order. What it needs of the database: a transaction that failed before its COMMIT has
left nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

Item = TypeVar("Item")
Result = TypeVar("Result")
_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)

# How often an item is tried by itself when what stopped it may be gone the next time.
_TRIES = 3
# PostgreSQL: serialization_failure and deadlock_detected. Both have undone the whole transaction, even at COMMIT.
_ROLLED_BACK = frozenset({"40001", "40P01"})


class Recorder(Protocol[_Item, _Result]):
    """Writes the rows of one item."""

    def record(self, connection: Connection, item: _Item) -> _Result:
        """Write the item's rows in the connection's transaction; neither commit nor roll back."""

    def order(self, item: _Item) -> str:
        """Return what the items of one transaction are sorted by."""


class WriterStopped(Exception):
    """The writer has been stopped and takes nothing more."""


class CommitInDoubt(Exception):
    """The COMMIT itself failed: nobody can tell whether it was, or still will be, carried out."""


class GroupCommit(Generic[Item, Result]):
    """The writer thread, started by the first item. It never waits for company: it takes what has queued up meanwhile.

    Every item that `commit` has taken gets an answer: its own result once the transaction that holds it is committed,
    or the error that kept it out. One item that fails doesn't take the others of its transaction along.
    """

    def __init__(self, engine: Engine, recorder: Recorder[Item, Result], *, name: str) -> None:
        self._engine = engine
        self._recorder = recorder
        self._name = name
        self._queue: SimpleQueue[_Waiting[Item, Result] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many items the writer has not taken up yet; approximate while callers come."""
        return self._queue.qsize()

    def commit(self, item: Item, *, meanwhile: Callable[[], None] | None = None) -> Result:
        """Return what `record` made of the item, once that is committed; blocks until then.

        `meanwhile` is called in the caller's thread while the writer records the item. The transaction is committed
        after it has returned, so that what it does is done before the rows are there; if it raises, they never are.
        It holds up everybody else, so it has to be short.

        Raises:
            SQLAlchemyError: the database refused it, or is away.
            CommitInDoubt: its COMMIT failed, with all that was in the transaction.
            WriterStopped: `stop` was called before.
            Exception: whatever else `record` raised for this item, or `meanwhile`.

        """
        waiting: _Waiting[Item, Result] = _Waiting(item, held=meanwhile is not None)
        with self._gate:
            if self._stopped:
                raise WriterStopped
            if self._thread is None:
                # A daemon, since an intake that nobody stopped must not keep the process. Who waits hears nothing then,
                # and so takes nothing for durable.
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._queue.put(waiting)
        if meanwhile is not None:
            try:
                meanwhile()
            except BaseException as error:  # noqa: BLE001 - the writer waits for this, and hands it back as the answer
                waiting.let_go(error)
            else:
                waiting.let_go()
        return waiting.answer()

    def stop(self) -> None:
        """Take nothing more, answer all that was taken, and end the thread; doing it again changes nothing."""
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._queue.put(None)
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            taken = [self._queue.get()]
            while not self._queue.empty():  # nobody else takes from it
                taken.append(self._queue.get())
            last = taken[-1] is None  # nothing is put after it
            batch = [waiting for waiting in taken if waiting is not None]
            try:
                batch.sort(key=lambda waiting: self._recorder.order(waiting.item))
                self._commit(batch)
            except BaseException as error:  # noqa: BLE001 - everybody who waits is told; the thread must outlive it
                for waiting in batch:
                    waiting.fail(error)

    def _commit(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        """Answer every one of the batch, or raise what would happen to the rest of them too."""
        if len(batch) > 1:
            try:
                self._in_one_transaction(batch)
            except _Undone:
                pass  # finding out now which one it is costs less than a savepoint for each of them every time
            else:
                return
        for waiting in batch:
            self._commit_alone(waiting)

    def _commit_alone(self, waiting: _Waiting[Item, Result]) -> None:
        for tries_left in reversed(range(_TRIES)):
            try:
                self._in_one_transaction([waiting])
            except _Undone as undone:
                if not tries_left or not _may_pass(undone.cause):
                    waiting.fail(undone.cause)
                    return
            else:
                return

    def _in_one_transaction(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        """Commit the batch and answer it.

        Raises:
            _Undone: an item failed; all is as before, nobody is answered, and another try may do better.
            CommitInDoubt: trying again might write twice what is there already.
            Exception: the database can't be reached: trying each by itself would take as many timeouts.

        """
        # Closing a connection rolls back what it did not commit.
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                results = [self._recorder.record(connection, waiting.item) for waiting in batch]
                for waiting in batch:
                    waiting.until_let_go()
            except Exception as error:
                raise _Undone(error) from error
            try:
                transaction.commit()
            except Exception as error:
                # The pool takes a transaction that failed to commit for ended. With SQLite it may still hold the lock.
                connection.invalidate()
                if isinstance(error, DBAPIError) and _sql_state(error) in _ROLLED_BACK:
                    raise _Undone(error) from error
                raise CommitInDoubt from error
        for waiting, result in zip(batch, results, strict=True):
            waiting.succeed(result)


class _Undone(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class _Waiting(Generic[Item, Result]):
    """An item and its caller, who is held up by a lock until the answer is there."""

    __slots__ = ("_answered", "_error", "_held", "_objection", "_result", "item")

    def __init__(self, item: Item, *, held: bool) -> None:
        self.item = item
        self._objection: BaseException | None = None
        self._held = threading.Lock()
        if held:
            self._held.acquire()
        self._result: tuple[Result] | None = None
        self._error: BaseException | None = None
        self._answered = threading.Lock()
        self._answered.acquire()

    def let_go(self, objection: BaseException | None = None) -> None:
        """Let the writer commit the item, or tell it what speaks against that."""
        self._objection = objection
        self._held.release()

    def until_let_go(self) -> None:
        """Wait for the item's caller; raise the objection."""
        with self._held:
            if self._objection is not None:
                raise self._objection

    def succeed(self, result: Result) -> None:
        self._result = (result,)
        self._answered.release()

    def fail(self, error: BaseException) -> None:
        """Answer with the error, unless it has been answered."""
        if self._result is None and self._error is None:
            self._error = error
            self._answered.release()

    def answer(self) -> Result:
        with self._answered:
            if self._result is not None:
                return self._result[0]
        assert self._error is not None  # noqa: S101 - the lock is released by an answer only
        raise self._error


def _may_pass(error: Exception) -> bool:
    """Say whether the same item may succeed the next time."""
    # Another receiver made the study's or the instance's first row meanwhile: now it is there to be found.
    if isinstance(error, IntegrityError):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _sql_state(error) in _ROLLED_BACK)


def _sql_state(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None

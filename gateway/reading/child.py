"""A child process for each slot, replaced when it dies or takes too long."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

import structlog

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)
_LOOK_AT_PARENT_SECONDS = 0.5
_TRIES = 3


class ChildCrashed(Exception):
    """The child process died while it worked on this (a segmentation fault, or out of memory)."""


class ChildTooSlow(Exception):
    """The child process took longer than it may and was ended."""


def _begin(parent: int) -> None:
    # Not prctl here: its signal comes when the THREAD that started the child ends, and any thread may have.
    threading.Thread(target=_watch, args=(parent,), name="watch-parent", daemon=True).start()
    # The parent alone decides when to stop; a Ctrl-C in the terminal reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_AT_PARENT_SECONDS)
    os._exit(1)


class Child:
    """One child process that runs one call at a time; `run` may be called from many threads, which then queue."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._turn = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run a module-level function in the child and return its result, or raise what it raised.

        Raises:
            ChildCrashed: the process died.
            ChildTooSlow: it did not answer in time and was ended.

        """
        with self._turn:
            try:
                pool = self._started()
                pending: Future[R] = pool.submit(function, *arguments, **named)
                return pending.result(timeout=self._timeout)
            except BrokenProcessPool:
                self._drop()
                raise ChildCrashed("the process that reads images died while it worked on this") from None
            except WaitedTooLong:
                self._drop()
                raise ChildTooSlow(f"the process that reads images took over {self._timeout:g} s on this") from None

    def run_patiently(self, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run like `run`, but once and twice more when the process is lost: it may have been killed from outside.

        Raises:
            ChildCrashed: the process died three times on this.
            ChildTooSlow: it was ended three times on this.

        """
        for _ in range(_TRIES - 1):
            try:
                return self.run(function, *arguments, **named)
            except (ChildCrashed, ChildTooSlow) as error:
                log.warning("child.lost", task=function.__name__, reason=str(error))
        return self.run(function, *arguments, **named)

    def close(self) -> None:
        """End the child; a later call starts a new one."""
        with self._turn:
            self._drop()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawn: a fork of a process with threads (the workflow engine's) can deadlock
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
        return self._pool

    def _drop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)

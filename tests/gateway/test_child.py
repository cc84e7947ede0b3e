"""The child process: what it survives, and what it reports."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.reading.child import Child, ChildCrashed, ChildTooSlow


def segfault() -> None:
    ctypes.string_at(0)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child(timeout_seconds=30)
    yield made
    made.close()


def test_a_result_comes_back_from_another_process(child: Child) -> None:
    assert child.run(os.getpid) != os.getpid()


def test_an_error_comes_back_as_itself(child: Child) -> None:
    with pytest.raises(ZeroDivisionError):
        child.run(divmod, 1, 0)


def test_a_segmentation_fault_fails_one_call_and_the_next_works(child: Child) -> None:
    with pytest.raises(ChildCrashed):
        child.run(segfault)
    assert child.run(abs, -1) == 1


def test_a_child_that_hangs_is_ended(child: Child) -> None:
    impatient = Child(timeout_seconds=2)
    process = impatient.run(os.getpid)
    with pytest.raises(ChildTooSlow):
        impatient.run(time.sleep, 60)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and os.path.exists(f"/proc/{process}"):  # noqa: PTH110 - /proc is no path of ours
        time.sleep(0.05)
    assert impatient.run(abs, -2) == 2
    impatient.close()


def test_a_child_outlives_the_thread_that_started_it(child: Child) -> None:
    started: list[int] = []
    thread = threading.Thread(target=lambda: started.append(child.run(os.getpid)))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert child.run(os.getpid) == started[0]


def test_a_child_that_is_killed_from_outside_is_asked_again(child: Child) -> None:
    os.kill(child.run(os.getpid), signal.SIGKILL)
    assert child.run_patiently(abs, -3) == 3


def test_what_kills_every_child_is_given_up(child: Child) -> None:
    with pytest.raises(ChildCrashed):
        child.run_patiently(segfault)

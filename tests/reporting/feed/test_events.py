"""Live events over a real socket: nothing is missed, nothing hangs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from reporting.feed.access import Role
from reporting.feed.events import EventWatch
from reporting.feed.server import FeedServer
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import World

FAST = FeedSettings(event_poll=timedelta(milliseconds=20), heartbeat=timedelta(milliseconds=200), secure_cookies=False)


class Running:
    """The feed in uvicorn on a port of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = FeedServer(uvicorn.Config(world.app, port=0, log_level="warning", lifespan="off"), world.app)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()

    @contextmanager
    def listening(
        self, headers: dict[str, str] | None = None, query: str = "", role: Role = "doctor"
    ) -> Iterator[Iterator[dict[str, Any]]]:
        token = self.world.token(role)
        with (
            httpx.Client(base_url=self.url, timeout=5) as client,
            client.stream(
                "GET", f"/api/v1/events{query}", headers={"Authorization": f"Bearer {token}", **(headers or {})}
            ) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            yield _blocks(answer.iter_lines())


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _blocks(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    block: dict[str, Any] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            block[name or "comment"] = value.strip()
        else:
            yield block
            block = {}


def take(blocks: Iterator[dict[str, Any]], count: int) -> list[int]:
    """The next `count` events' numbers; heartbeats and the greeting are skipped."""
    taken = []
    while len(taken) < count:
        block = next(blocks)
        if "data" in block and "event" not in block:
            assert json.loads(block["data"])["id"] == int(block["id"])
            taken.append(int(block["id"]))
    return taken


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(World(tmp_path, FAST))
    yield running
    running.stop()


def test_an_event_says_which_study_has_changed(running: Running) -> None:
    with running.listening() as blocks:
        assert next(blocks) == {"comment": "listening", "id": "0"}
        running.world.studies.happen("1.2.3")
        block = next(blocks)
    assert block["id"] == "1"
    assert json.loads(block["data"]) == {
        "id": 1,
        "kind": "study",
        "study_instance_uid": "1.2.3",
        "at": "2026-11-23T08:00:00+00:00",
        "data": {"status": "reported"},
    }


def test_a_client_that_is_interrupted_again_and_again_misses_nothing(running: Running) -> None:
    stop = threading.Event()

    def keep_happening() -> None:
        while not stop.is_set():
            for _ in range(7):
                running.world.studies.happen()
            time.sleep(0.003)

    writer = threading.Thread(target=keep_happening)
    writer.start()
    try:
        heard: list[int] = []
        for count in (1, 3, 250, 2, 1, 40):
            last = str(heard[-1] if heard else 0)
            with running.listening({"Last-Event-ID": last}) as blocks:
                heard += take(blocks, count)
    finally:
        stop.set()
        writer.join()
    assert heard == list(range(1, 298))


def test_a_client_can_resume_at_another_process(running: Running, tmp_path: Path) -> None:
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other_world = World(other_folder, FAST)
    # Two processes meet in the store: the same events, nothing else in common.
    other_world.studies.events = running.world.studies.events
    other = Running(other_world)
    try:
        for _ in range(5):
            running.world.studies.happen()
        with running.listening(query="?last_event_id=0") as blocks:
            heard = take(blocks, 3)
        running.world.studies.happen()
        with other.listening({"Last-Event-ID": "3"}) as blocks:
            heard += take(blocks, 3)
    finally:
        other.stop()
    assert heard == [1, 2, 3, 4, 5, 6]


def test_the_header_of_a_reconnecting_browser_goes_before_the_query_it_started_with(running: Running) -> None:
    for _ in range(4):
        running.world.studies.happen()
    with running.listening({"Last-Event-ID": "3"}, "?last_event_id=1") as blocks:
        assert take(blocks, 1) == [4]


def test_a_client_that_heard_nothing_yet_can_resume_all_the_same(running: Running) -> None:
    running.world.studies.happen()
    with running.listening() as blocks:
        greeting = next(blocks)
    running.world.studies.happen()
    with running.listening({"Last-Event-ID": greeting["id"]}) as blocks:
        assert take(blocks, 1) == [2]


def test_a_client_whose_place_is_gone_is_told_to_read_the_list_anew(running: Running) -> None:
    running.world.studies.happen()
    with running.listening({"Last-Event-ID": "99"}) as blocks:
        assert next(blocks) == {"event": "reset", "data": "{}", "id": "1"}
        running.world.studies.happen()
        assert take(blocks, 1) == [2]


def test_a_quiet_stream_has_a_heartbeat(running: Running) -> None:
    with running.listening() as blocks:
        next(blocks)
        assert [next(blocks) for _ in range(2)] == [{"comment": "heartbeat"}] * 2


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "9" * 20, "²"])
def test_a_wrong_event_id_is_refused(running: Running, text: str) -> None:
    answer = running.world.logged_in("doctor").get(f"/api/v1/events?last_event_id={text}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_event_id")


def test_the_server_stops_while_clients_listen(running: Running) -> None:
    with running.listening() as blocks:
        next(blocks)
        started = time.monotonic()
        running.stop()
        assert time.monotonic() - started < 5
        assert not [block for block in blocks if "data" in block]  # ends as a whole answer, not as a broken one


def test_a_stream_ends_when_its_session_does(running: Running) -> None:
    world = running.world
    doctor = world.logged_in("doctor")
    cookie = f"mammogate={doctor.cookies['mammogate']}"
    with (
        httpx.Client(base_url=running.url, timeout=5) as client,
        client.stream("GET", "/api/v1/events", headers={"Cookie": cookie}) as answer,
    ):
        assert answer.status_code == 200
        world.clock.advance(minutes=31)
        assert "listening" in "".join(answer.iter_lines())  # comes to its end


def test_a_browser_that_reconnects_by_itself_does_not_keep_its_session_alive(running: Running) -> None:
    cookie = f"mammogate={running.world.logged_in('doctor').cookies['mammogate']}"
    answers = []
    for _ in range(4):
        running.world.clock.advance(minutes=10)
        with (
            httpx.Client(base_url=running.url, trust_env=False) as client,
            client.stream("GET", "/api/v1/events", headers={"Cookie": cookie}) as answer,
        ):
            answers.append(answer.status_code)
    assert answers == [200, 200, 401, 401]


def test_who_has_gone_is_noticed_and_the_store_is_asked_once_for_all_who_listen(running: Running) -> None:
    watch = running.world.app.state.watch
    with running.listening() as first, running.listening() as second, running.listening() as third:
        for blocks in (first, second, third):
            next(blocks)
        before = running.world.studies.spans_asked
        time.sleep(0.5)
        asked = running.world.studies.spans_asked - before
        assert watch.listeners == 3
    assert asked <= 0.5 / 0.02 + 5
    wait_for(lambda: watch.listeners == 0)


def test_a_store_that_goes_away_ends_the_stream_and_the_client_resumes(running: Running) -> None:
    studies = running.world.studies
    studies.happen()
    with running.listening({"Last-Event-ID": "0"}) as blocks:
        heard = take(blocks, 1)
        studies.away = True
        assert not [block for block in blocks if "data" in block]
    studies.happen()
    studies.away = False
    with running.listening({"Last-Event-ID": str(heard[-1])}) as blocks:
        assert take(blocks, 1) == [2]


def test_too_many_listeners_are_sent_away(tmp_path: Path) -> None:
    running = Running(World(tmp_path, FeedSettings(event_poll=timedelta(milliseconds=20), max_event_streams=1)))
    try:
        with running.listening() as blocks:
            next(blocks)
            answer = running.world.logged_in("doctor").get("/api/v1/events")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    finally:
        running.stop()


def test_one_user_takes_only_their_own_places(tmp_path: Path) -> None:
    settings = FeedSettings(event_poll=timedelta(milliseconds=20), max_event_streams_each=2, secure_cookies=False)
    running = Running(World(tmp_path, settings))
    try:
        with running.listening() as one:
            next(one)
            with running.listening() as two:
                next(two)
                answer = running.world.logged_in("doctor").get("/api/v1/events")
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "too_many_listeners")
                with running.listening(role="radiologist") as another:
                    assert next(another)["comment"] == "listening"
            running.world.studies.happen()
            assert next(one)["id"] == "1"
            wait_for(lambda: running.world.app.state.watch.listeners == 1)
            with running.listening() as again:
                assert next(again)["comment"] == "listening"
    finally:
        running.stop()


def test_a_client_that_has_gone_before_the_first_block_gives_its_place_back(tmp_path: Path) -> None:
    world = World(tmp_path, FeedSettings(event_poll=timedelta(milliseconds=20)))
    watch: EventWatch = world.app.state.watch
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/events",
        "raw_path": b"/api/v1/events",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {world.token('doctor')}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
        "http_version": "1.1",
    }
    listeners: list[int] = []

    async def receive() -> dict[str, Any]:
        listeners.append(watch.listeners)
        whole = {"type": "http.request", "body": b"", "more_body": False}
        return whole if len(listeners) == 1 else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(60)  # nothing goes out any more

    asyncio.run(world.app(scope, receive, send))
    assert listeners == [0, 1]  # it had a place when the client was found gone
    assert watch.listeners == 0

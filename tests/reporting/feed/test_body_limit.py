"""Nobody fills the gateway's memory with one request, and what is streamed is left alone."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter, Request

from reporting.feed.body_limit import LARGEST_BODY
from tests.reporting.feed.world import World

PIECE = bytes(2**16)


class Endless:
    """A body that goes on far beyond what may come, and counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        for _ in range(16 * LARGEST_BODY // len(PIECE)):
            self.taken += len(PIECE)
            yield PIECE


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/passkey/login"])
def test_a_body_without_end_is_not_read_to_its_end_by_a_stranger(world: World, path: str) -> None:
    body = Endless()
    answer = world.stranger().post(path, content=body.pieces(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert body.taken <= LARGEST_BODY + 2 * len(PIECE)


def test_of_whom_the_gate_sends_away_nothing_is_read(world: World) -> None:
    body = Endless()
    assert world.stranger().post("/api/v1/operations/retry", content=body.pieces()).status_code == 401
    assert body.taken <= 2 * len(PIECE)


def test_a_body_that_is_announced_as_too_large_is_refused_before_any_of_it_is_read(world: World) -> None:
    body = Endless()
    headers = {"Content-Type": "application/json", "Content-Length": str(16 * LARGEST_BODY)}
    answer = world.stranger().post("/api/v1/auth/login", content=body.pieces(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"], body.taken) == (413, "body_too_large", 0)


@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_body_still_arrives_whole(world: World, more: int) -> None:
    router = APIRouter()

    @router.post("/api/v1/count")
    async def count(request: Request) -> str:
        return hashlib.sha256(await request.body()).hexdigest()

    world.app.include_router(router)
    body = random.Random(0).randbytes(LARGEST_BODY + more)
    answer = world.with_token("doctor").post("/api/v1/count", content=body)
    if more:
        assert answer.status_code == 413
    else:
        assert (answer.status_code, answer.json()) == (200, hashlib.sha256(body).hexdigest())


def test_images_are_not_taken_into_the_memory_first(world: World) -> None:
    body = Endless()
    doctor = world.token("admin")
    headers = {"Authorization": f"Bearer {doctor}"}
    answer = world.stranger().post("/dicom-web/studies", content=body.pieces(), headers=headers)
    # This route looks at no body; a limit would have read it, and refused.
    assert (answer.status_code, body.taken <= 2 * len(PIECE)) == (200, True)

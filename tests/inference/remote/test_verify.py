"""`mammogate model verify`: whether a server computes what the shipped model computes."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from inference.cells import Logits, Picture
from inference.remote.verify import golden_pictures
from tests.peers.inference_server import MODEL, running_inference_server
from tests.peers.ports import free_port


def verify(url: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["model", "verify", url])
    return ran.exit_code, f"{ran.output} {ran.exception}"


def test_a_server_is_verified_and_one_that_computes_something_else_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_inference_server() as server:
        url = f"grpc://{server.address}/{MODEL}"
        code, said = verify(url)
        assert (code, "largest difference" in said) == (0, True), said
        ours = server._graph.cells

        def off(pictures: list[Picture]) -> list[Logits]:
            return [logits + np.float32(0.002) for logits in ours(pictures)]

        monkeypatch.setattr(server._graph, "cells", off)
        code, said = verify(url)
        assert code != 0
        assert "above 0.001" in said


def test_a_server_that_is_not_there_and_a_url_that_is_none_are_sentences() -> None:
    code, said = verify(f"grpc://127.0.0.1:{free_port()}/{MODEL}")
    assert code != 0
    assert "can't be reached" in said
    code, said = verify("http://127.0.0.1:8000/mammogate")
    assert code != 0
    assert "write grpc://HOST:PORT/MODEL" in said


def test_the_made_pictures_are_the_same_at_every_call_and_can_be_swept() -> None:
    for first, second in zip(golden_pictures(), golden_pictures(), strict=True):
        assert np.array_equal(first, second)
        assert first.dtype == np.float32
        assert 0.0 <= first.min() < first.max() <= 1.0
        assert (first.shape[1] % 32, first.shape[2] % 32) == (0, 0)

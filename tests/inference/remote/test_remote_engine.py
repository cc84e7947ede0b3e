"""The remote engine over real sockets: the same reading as the embedded one, and what becomes of a server's faults."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from inference.card import read_model_info
from inference.engine import ViewReading
from inference.remote.breaker import Limits
from inference.remote.client import RemoteCells
from inference.remote.engine import RemoteEngine
from inference.remote.failures import (
    RemoteAnswerWrong,
    RemoteAway,
    RemoteLoginUnusable,
    RemoteNotReady,
    RemoteRefuses,
    RemoteResting,
    RemoteTooSlow,
    RemoteUnusable,
)
from inference.remote.server import RemoteServer
from inference.remote.version import served_version
from inference.sweep import SweepModel
from tests.peers.bad_line import bad_line
from tests.peers.certificates import Authority
from tests.peers.inference_server import MODEL, Fault, InferenceServer, running_inference_server
from tests.peers.ports import free_port
from tests.preprocessing.lesion_boxes import real_mammograms

PICTURES = [np.random.default_rng(seed).random((1, 96, 64 + 32 * seed), dtype=np.float32) for seed in (0, 1)]
VERSION = served_version(read_model_info().version)
PATIENT = Limits(failures=100)
SOON = (0.05, 0.05, 0.05)


@pytest.fixture(scope="module")
def _shared() -> Iterator[InferenceServer]:
    with running_inference_server() as server:
        yield server


@pytest.fixture
def server(_shared: InferenceServer) -> Iterator[InferenceServer]:
    _shared.fault = None
    _shared.requests.clear()
    _shared.metadata.clear()
    _shared.failed = 0
    _shared.together = None
    yield _shared
    _shared.fault = None


def cells_of(server: RemoteServer, limits: Limits = PATIENT) -> RemoteCells:
    return RemoteCells(server, VERSION, limits, SOON)


def named(server: InferenceServer, deadline: float = 10.0) -> RemoteServer:
    return RemoteServer(server.address, MODEL, deadline_seconds=deadline)


@dataclass(frozen=True)
class WholeImage:
    """A real mammogram read by the remote engine, and what the server was sent for it."""

    reading: ViewReading
    requests: Sequence[Any]
    metadata: Sequence[dict[str, Any]]


@pytest.fixture(scope="module")
def whole_image() -> WholeImage:
    with running_inference_server() as server:
        engine = RemoteEngine(named(server))
        assert engine.name == "remote"
        reading = engine.read(real_mammograms()["1-280.dcm"])
        return WholeImage(reading, server.requests, server.metadata)


def test_a_mammogram_is_read_as_by_the_embedded_engine(whole_image: WholeImage, real_reading: ViewReading) -> None:
    read = whole_image.reading
    assert np.abs(read.heat_map - real_reading.heat_map).max() < 1e-3
    assert read.result.label == real_reading.result.label
    assert len(read.result.findings) == len(real_reading.result.findings)


def test_all_pictures_are_on_their_way_at_once(server: InferenceServer) -> None:
    server.together = threading.Barrier(2, timeout=5)  # each answer waits until both questions are there
    assert len(cells_of(named(server)).cells(PICTURES)) == 2


def test_nothing_leaves_but_the_tensor_a_random_id_and_the_name_of_the_model(whole_image: WholeImage) -> None:
    assert len({request.id for request in whole_image.requests}) == 2
    for request, metadata in zip(whole_image.requests, whole_image.metadata, strict=True):
        assert UUID(request.id).version == 4
        tensor = service_pb2.ModelInferRequest.InferInputTensor(
            name="image", datatype="UINT16", shape=request.inputs[0].shape
        )
        output = service_pb2.ModelInferRequest.InferRequestedOutputTensor(name="logits")
        assert request == service_pb2.ModelInferRequest(
            model_name=MODEL,
            model_version=VERSION,
            id=request.id,
            inputs=[tensor],
            outputs=[output],
            raw_input_contents=[request.raw_input_contents[0]],
        )
        assert len(request.raw_input_contents[0]) == 2 * np.prod(request.inputs[0].shape)
        assert set(metadata) == {"user-agent"}


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("hangs", RemoteTooSlow),
        ("is unavailable", RemoteAway),
        ("does not take the token", RemoteRefuses),
        ("has not loaded the model", RemoteNotReady),
        ("answers as another version", RemoteAnswerWrong),
        ("answers another shape", RemoteAnswerWrong),
        ("answers another type", RemoteAnswerWrong),
        ("answers cut short", RemoteAnswerWrong),
        ("answers with NaN", RemoteAnswerWrong),
        ("answers another request", RemoteAnswerWrong),
        ("fails inside", RemoteRefuses),
    ],
)
def test_each_fault_is_told_apart_and_over_when_the_server_is_well_again(
    server: InferenceServer, fault: Fault, cause: type[RemoteUnusable]
) -> None:
    cells = cells_of(named(server, deadline=0.6 if fault == "hangs" else 10.0))
    server.fault = fault
    started = time.monotonic()
    with pytest.raises(cause) as failure:
        cells.cells(PICTURES)
    assert time.monotonic() - started < 5
    assert type(pickle.loads(pickle.dumps(failure.value))) is cause  # noqa: S301 - it comes out of a child process so
    server.fault = None
    server.release()
    again = RemoteCells(named(server), VERSION).cells(PICTURES) if fault == "hangs" else cells.cells(PICTURES)
    for logits, picture in zip(again, PICTURES, strict=True):
        assert np.abs(logits - SweepModel(threads=1).cells(picture)).max() < 1e-3


def test_only_being_unavailable_is_tried_again(server: InferenceServer) -> None:
    cells = cells_of(named(server))
    cells.cells(PICTURES)
    server.requests.clear()
    server.fault = "is unavailable once"
    assert len(cells.cells(PICTURES)) == 2
    assert len(server.requests) == 3
    server.requests.clear()
    server.fault = "fails inside"
    with pytest.raises(RemoteRefuses):
        cells.cells(PICTURES)
    assert len(server.requests) == 2


def test_a_server_that_fails_three_times_in_a_row_is_left_alone_for_a_while(server: InferenceServer) -> None:
    cells = cells_of(named(server), Limits(failures=3, rest=0.5))
    server.fault = "fails inside"
    for _ in range(3):
        with pytest.raises(RemoteRefuses):
            cells.cells(PICTURES)
    asked = server.failed
    server.fault = None
    with pytest.raises(RemoteResting, match="INTERNAL"):
        cells.cells(PICTURES)
    assert server.failed == asked
    time.sleep(0.6)
    assert len(cells.cells(PICTURES)) == 2


def test_nobody_there_is_said_within_the_deadline_and_found_when_it_comes() -> None:
    port = free_port()
    cells = cells_of(RemoteServer(f"127.0.0.1:{port}", MODEL, deadline_seconds=2))
    with pytest.raises(RemoteAway, match="see that it runs"):
        cells.cells(PICTURES)
    with running_inference_server(port=port):
        assert len(cells.cells(PICTURES)) == 2


def test_over_a_slow_line_it_takes_its_time_and_over_a_broken_one_it_is_sent_again(server: InferenceServer) -> None:
    with bad_line(server.port, delay=0.02) as line:
        cells = cells_of(RemoteServer(f"127.0.0.1:{line.port}", MODEL, deadline_seconds=10))
        assert len(cells.cells(PICTURES)) == 2
    with bad_line(server.port, breaks_after=15_000) as line:
        cells = cells_of(RemoteServer(f"127.0.0.1:{line.port}", MODEL, deadline_seconds=10))
        assert len(cells.cells(PICTURES)) == 2
        assert line.broken == 1
    with bad_line(server.port, delay=0.5) as line:
        cells = cells_of(RemoteServer(f"127.0.0.1:{line.port}", MODEL, deadline_seconds=0.7))
        with pytest.raises(RemoteTooSlow):
            cells.cells(PICTURES)


def test_over_tls_both_sides_show_certificates_and_the_token_goes_along(tmp_path: Path) -> None:
    authority, token = Authority(tmp_path, "hospital"), tmp_path / "token"
    own, ours = authority.issue("engine"), authority.issue("gateway")
    token.write_text("one\n")
    with running_inference_server(identity=own, client_ca=authority.certificate) as server:
        remote = replace(named(server), tls=True, ca=authority.certificate, token_file=token)
        with pytest.raises(RemoteAway):
            cells_of(remote).cells(PICTURES)
        cells = cells_of(replace(remote, certificate=ours.certificate, key=ours.key))
        cells.cells(PICTURES)
        assert {metadata["authorization"] for metadata in server.metadata} == {"Bearer one"}
        token.write_text("two\n")
        cells.cells(PICTURES)
        assert server.metadata[-1]["authorization"] == "Bearer two"
        token.write_text("\n")
        with pytest.raises(RemoteLoginUnusable, match="no bearer token"):
            cells.cells(PICTURES)


def test_a_certificate_that_has_expired_or_is_somebody_elses_is_not_talked_to(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "hospital"), Authority(tmp_path, "other")
    expired = authority.issue("expired", begins=timedelta(days=-9), ends=timedelta(days=-1))
    for identity in (expired, other.issue("stranger"), authority.issue("elsewhere", names="DNS:elsewhere")):
        with running_inference_server(identity=identity) as server:
            remote = replace(named(server, deadline=2), tls=True, ca=authority.certificate)
            with pytest.raises(RemoteAway):
                cells_of(remote).cells(PICTURES)
            assert server.requests == []


def test_a_file_that_is_not_there_is_named(server: InferenceServer, tmp_path: Path) -> None:
    remote = replace(named(server), tls=True, ca=tmp_path / "none.pem")
    with pytest.raises(RemoteLoginUnusable, match=r"none\.pem can't be read"):
        cells_of(remote).cells(PICTURES)


def test_the_served_version_is_a_whole_number_and_another_for_every_version_of_the_card() -> None:
    versions = [served_version(version) for version in ("0.1.0", "0.1.1", "1.0.0", "0.1.0-interim", "")]
    assert all(version.isdecimal() and 0 < int(version) < 2**63 for version in versions)
    assert len(set(versions)) == 5

"""Whatever names or dates a patient is in no byte that goes to a remote engine, or comes back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from inference.card import read_model_info
from inference.remote import client
from inference.remote.client import RemoteCells
from inference.remote.engine import RemoteEngine
from inference.remote.server import RemoteServer
from inference.remote.version import served_version
from inference.remote.wire import as_sent
from tests.peers.bad_line import BadLine, bad_line
from tests.peers.identifiers import found, identified_study, identifiers
from tests.peers.inference_server import MODEL, InferenceServer, running_inference_server

HER = "ZWIEBELMAIER"


@dataclass
class Wire:
    """A server, and a line to it on which every byte is kept."""

    server: InferenceServer
    line: BadLine

    @property
    def remote(self) -> RemoteServer:
        return RemoteServer(f"127.0.0.1:{self.line.port}", MODEL)

    def carried(self) -> Sequence[bytes]:
        """What went over the line in both directions, and the messages put together again from HTTP/2's frames."""
        return [*map(bytes, self.line.carried), *(request.SerializeToString() for request in self.server.requests)]


@pytest.fixture
def wire() -> Any:
    with running_inference_server() as server, bad_line(server.port) as line:
        yield Wire(server, line)


def test_no_identifier_of_a_study_that_is_read_goes_over_the_wire(wire: Wire, tmp_path: Path) -> None:
    study = identified_study(tmp_path)
    wanted = identifiers(study.paths.values())
    assert {HER, "19431127", "ACC55120934", "7391846250", "SN-4482-9931", *study.sop_instance_uids.values()} <= wanted
    assert len(wanted) > 30
    engine = RemoteEngine(wire.remote)
    for path in study.paths.values():
        assert engine.read(path).result.failure is None
    carried = wire.carried()
    assert len(wire.server.requests) == 2 * len(study.paths)
    assert sum(map(len, wire.line.carried)) > sum(
        len(request.raw_input_contents[0]) for request in wire.server.requests
    )
    assert found(wanted, carried) == set()
    # The search is not blind to this study: in its own file everything is found.
    path = study.paths["L", "CC"]
    assert {one for one, _ in found(wanted, [path.read_bytes()])} == identifiers([path])


def planted(text: bytes) -> Any:
    """As `as_sent`, with a text among the pixels."""

    def sent(picture: Any) -> Any:
        tensor = as_sent(picture)
        tensor.reshape(-1).view(np.uint8)[1001 : 1001 + len(text)] = np.frombuffer(text, np.uint8)
        return tensor

    return sent


@pytest.mark.parametrize(
    ("place", "form"),
    [
        *((place, form) for place in ("token", "request id", "pixels") for form in ("plain", "hex", "base64")),
        ("pixels", "UTF-16"),  # neither gRPC's metadata nor a protobuf string holds any
    ],
)
def test_the_search_finds_an_identifier_that_was_planted(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, form: str
) -> None:
    text = {
        "plain": b"a" + HER.title().encode(),
        "UTF-16": HER.encode("utf-16-le"),
        "hex": HER.encode().hex().upper().encode(),
        "base64": base64.b64encode(b'{"name": "' + HER.encode() + b'"}'),
    }[form]
    remote = wire.remote
    if place == "token":
        (tmp_path / "token").write_bytes(text)
        remote = RemoteServer(remote.address, MODEL, token_file=tmp_path / "token")
    elif place == "request id":
        monkeypatch.setattr(client, "uuid4", lambda: text.decode())
    else:
        monkeypatch.setattr(client, "as_sent", planted(text))
    cells = RemoteCells(remote, served_version(read_model_info().version))
    cells.cells([np.zeros((1, 96, 64), dtype=np.float32)])
    assert found([HER], wire.carried()) == {(HER, form)}


@pytest.mark.parametrize("before", [b"", b"1", b"12", b"123"])
@pytest.mark.parametrize("name", [HER, "19431127", "ACC55120934"])
def test_base64_is_found_wherever_in_a_text_the_identifier_stands(before: bytes, name: str) -> None:
    for after in (b"", b"x", b"xy"):
        assert found([name], [base64.b64encode(before + name.encode() + after)]) == {(name, "base64")}
        wide = base64.b64encode(before + name.encode("utf-16-be") + after)
        assert found([name], [wide]) == {(name, "base64")}


def test_what_is_searched_for_is_what_the_files_hold(tmp_path: Path) -> None:
    path = identified_study(tmp_path).paths["R", "MLO"]
    wanted = identifiers([path])
    dataset = dcmread(path, stop_before_pixels=True)
    for keyword in ("FrameOfReferenceUID", "DeviceUID", "InstitutionName", "AcquisitionDateTime", "SeriesInstanceUID"):
        assert str(dataset[keyword].value) in wanted, keyword
    assert str(dataset.SOPClassUID) not in wanted

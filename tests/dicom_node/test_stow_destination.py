"""Delivering by STOW-RS: to Orthanc's plugin, to our own router, and to servers that refuse."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless

from dicom_node.destination import Delivered, Failed, HttpDestinationSettings, NotTried, Outcome, Refused
from dicom_node.stow_destination import StowDestination
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.peers.orthanc import running_orthanc
from tests.peers.ports import free_port
from tests.peers.synthetic import ct_slice, mammogram, write


def destination(url: str, log: Any, **settings: Any) -> StowDestination:
    return StowDestination(HttpDestinationSettings("vna", url, **settings), log)


def file(folder: Path, ds: Dataset | None = None, **image: Any) -> tuple[Path, str]:
    ds = ds or mammogram(rows=16, columns=16, **image)
    return write(ds, folder / f"{ds.SOPInstanceUID}.dcm"), str(ds.SOPInstanceUID)


Reply = Callable[[str], tuple[int, Any]]


@contextmanager
def scripted_server(reply: Reply) -> Iterator[str]:
    """A server whose answer to an upload is a function of the body, as text."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("latin-1")
            status, answer = reply(body)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.system
def test_orthancs_plugin_stores_objects_and_repetitions(tmp_path: Path, log: Any) -> None:
    (one, uid_one), (two, uid_two) = file(tmp_path), file(tmp_path, transfer_syntax=JPEG2000Lossless)
    with running_orthanc(tmp_path / "orthanc", dicom_web=True) as server:
        vna = destination(server.dicom_web_url, log)
        for _ in range(2):
            assert vna.deliver([one, two]) == {one: Delivered(), two: Delivered()}
        assert server.file(uid_one) == one.read_bytes()
        assert server.sop_instance_uids() == {uid_one, uid_two}
        assert vna.health().ok


@pytest.mark.system
def test_orthancs_plugin_behind_a_login(tmp_path: Path, log: Any) -> None:
    path, _ = file(tmp_path)
    with running_orthanc(tmp_path / "orthanc", dicom_web=True, users={"gate": "secret"}) as server:
        wrong = destination(server.dicom_web_url, log, username="gate", password="wrong")
        outcome = wrong.deliver([path])[path]
        assert isinstance(outcome, Failed)
        assert "refuses the login" in outcome.reason
        assert not wrong.health().ok
        right = destination(server.dicom_web_url, log, username="gate", password="secret")
        assert right.deliver([path]) == {path: Delivered()}


def test_our_own_router_as_the_server(served: int, intake: DirectoryIntake, tmp_path: Path, log: Any) -> None:
    good, uid = file(tmp_path)
    tomography, _ = file(tmp_path, ct_slice())
    vna = destination(f"http://127.0.0.1:{served}/dicom-web", log)
    outcomes = vna.deliver([good, tomography])
    assert outcomes[good] == Delivered()
    refused = outcomes[tomography]
    assert isinstance(refused, Refused)
    assert "does not support this SOP class" in refused.reason
    assert intake.kept_uids() == {uid}
    assert vna.health().ok, "it offers no search, and is there all the same"


def failed_with(reason: int) -> dict[str, Any]:
    item = Dataset()
    item.FailureReason = reason
    answer = Dataset()
    answer.FailedSOPSequence = [item]
    json_answer: dict[str, Any] = answer.to_json_dict()
    return json_answer


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (409, failed_with(0xA700), Failed),
        (409, failed_with(0x0110), Failed),
        (409, failed_with(0xC000), Refused),
        (202, failed_with(0x0122), Refused),
        (200, failed_with(0xA900), Refused),
        (200, {}, Failed),
        (200, b"<html>", Failed),
        (200, [], Failed),
        (400, b"bad", Refused),
        (415, b"", Refused),
        (401, b"", Failed),
        (403, b"", Failed),
        (404, b"", Failed),
        (500, b"", Failed),
        (503, b"", Failed),
        (302, b"", Failed),
    ],
)
def test_the_answer_decides_the_outcome(
    tmp_path: Path, log: Any, status: int, answer: Any, kind: type[Outcome]
) -> None:
    path, _ = file(tmp_path)
    with scripted_server(lambda body: (status, answer)) as url:
        assert type(destination(url, log).deliver([path])[path]) is kind


def test_the_request_is_a_multipart_message_with_the_file_in_it(tmp_path: Path, log: Any) -> None:
    bodies: list[str] = []

    def reply(body: str) -> tuple[int, Any]:
        bodies.append(body)
        return 500, b""

    path, _ = file(tmp_path)
    with scripted_server(reply) as url:
        destination(url, log).deliver([path])
    boundary, rest = bodies[0].split("\r\n", 1)
    assert rest == f"Content-Type: application/dicom\r\n\r\n{path.read_bytes().decode('latin-1')}\r\n{boundary}--\r\n"


def test_nobody_listening_and_no_dicom_file(tmp_path: Path, log: Any) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not DICOM")
    path, _ = file(tmp_path)
    vna = destination(f"http://127.0.0.1:{free_port()}", log)
    outcomes = vna.deliver([text, path, path, file(tmp_path)[0]])
    assert [type(outcome) for outcome in outcomes.values()] == [Refused, Failed, NotTried]
    assert not vna.health().ok

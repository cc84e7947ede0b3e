"""Delivering to a real Orthanc over REST."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dicom_node.destination import Delivered, Failed, HttpDestinationSettings, NotTried, Refused
from dicom_node.orthanc_destination import OrthancDestination
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.ports import free_port
from tests.peers.synthetic import mammogram, write


def destination(url: str, log: Any, **settings: Any) -> OrthancDestination:
    return OrthancDestination(HttpDestinationSettings("pacs", url, **settings), log)


def file(folder: Path, **tags: Any) -> tuple[Path, str]:
    ds = mammogram(rows=16, columns=16, tags=tags)
    return write(ds, folder / f"{ds.SOPInstanceUID}.dcm"), str(ds.SOPInstanceUID)


@pytest.mark.system
def test_an_object_is_delivered_and_a_repetition_is_delivered_too(orthanc: Orthanc, tmp_path: Path, log: Any) -> None:
    path, uid = file(tmp_path)
    pacs = destination(orthanc.url, log)
    assert pacs.deliver([path]) == {path: Delivered()}
    again = pacs.deliver([path])[path]
    assert isinstance(again, Delivered)
    assert "already" in again.note
    assert orthanc.file(uid) == path.read_bytes()
    assert pacs.health().ok


@pytest.mark.system
def test_what_orthanc_cannot_read_is_refused_and_the_rest_delivered(orthanc: Orthanc, tmp_path: Path, log: Any) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not DICOM")
    broken, _ = file(tmp_path)
    broken.write_bytes(broken.read_bytes()[:380])
    good, uid = file(tmp_path)
    outcomes = destination(orthanc.url, log).deliver([text, broken, good])
    assert [type(outcome) for outcome in outcomes.values()] == [Refused, Refused, Delivered]
    assert orthanc.sop_instance_uids() == {uid}


@pytest.mark.system
def test_only_objects_of_ours_are_deleted(orthanc: Orthanc, tmp_path: Path, log: Any) -> None:
    (ours, our_uid), (theirs, their_uid) = file(tmp_path, Manufacturer="mammogate"), file(tmp_path)
    pacs = destination(orthanc.url, log)
    pacs.deliver([ours])
    pacs.deliver([theirs])
    orthanc_only_ours = pacs.delete(our_uid)
    assert orthanc_only_ours == Delivered()
    assert isinstance(pacs.delete(their_uid), Refused)
    assert isinstance(pacs.delete(our_uid), Delivered), "a second time it is simply not there"
    assert orthanc.sop_instance_uids() == {their_uid}


@pytest.mark.system
def test_a_refused_login_is_temporary_and_says_so(tmp_path: Path, log: Any) -> None:
    path, _ = file(tmp_path)
    with running_orthanc(tmp_path / "guarded", users={"gate": "secret"}) as server:
        wrong = destination(server.url, log, username="gate", password="wrong")
        outcome = wrong.deliver([path])[path]
        assert isinstance(outcome, Failed)
        assert "refuses the login" in outcome.reason
        assert not wrong.health().ok
        right = destination(server.url, log, username="gate", password="secret")
        assert right.deliver([path]) == {path: Delivered()}


def test_nobody_listening_fails_every_object_after_one_attempt(tmp_path: Path, log: Any) -> None:
    paths = [file(tmp_path)[0] for _ in range(3)]
    told: list[Path] = []
    pacs = destination(f"http://127.0.0.1:{free_port()}", log)
    outcomes = pacs.deliver(paths, lambda path, outcome: told.append(path))
    assert all(isinstance(o, Failed) and "does not answer" in o.reason for o in outcomes.values())
    assert [isinstance(o, NotTried) for o in outcomes.values()] == [False, True, True]
    assert told == paths
    assert isinstance(pacs.delete("1.2.3"), Failed)
    assert not pacs.health().ok


@contextmanager
def imitation(answers: dict[str, bytes]) -> Iterator[str]:
    """A server that answers 200 and what stands beside the end of the path; a portal's page where nothing does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = answers.get(f"{self.command} {self.path.rpartition('/')[2]}", b"<html>portal</html>")
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

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


FOUND = b'[{"ID": "a", "Type": "Instance"}]'
OURS = b'{"MainDicomTags": {"Manufacturer": "mammogate"}}'


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"POST lookup": b'{"a": 1}'},
        {"POST lookup": b'[{"ID": "a"}]'},
        {"POST lookup": b"7"},
        {"POST lookup": FOUND},
        {"POST lookup": FOUND, "GET series": b"{}"},
        {"POST lookup": FOUND, "GET series": b"[]"},
        {"POST lookup": FOUND, "GET series": b'{"MainDicomTags": []}'},
        {"POST lookup": FOUND, "GET series": OURS},
    ],
    ids=lambda answers: " then ".join([f"{what} {content.decode()}" for what, content in answers.items()] + ["a page"]),
)
def test_a_withdrawal_that_is_answered_by_somebody_else_than_orthanc_is_tried_again(
    log: Any, answers: dict[str, bytes]
) -> None:
    with imitation(answers) as url:
        outcome = destination(url, log).delete("1.2.3")
    assert isinstance(outcome, Failed)
    assert "not Orthanc's; check the URL" in outcome.reason


@pytest.mark.system
def test_a_withdrawal_at_a_wrong_url_is_not_taken_for_done(orthanc: Orthanc, log: Any) -> None:
    outcome = destination(f"{orthanc.url}/nothing", log).delete("1.2.3")
    assert isinstance(outcome, Failed)
    assert "check that the URL is the root" in outcome.reason


def test_an_answer_that_is_no_object_is_not_taken_for_an_orthanc_that_is_well(log: Any) -> None:
    with imitation({"GET system": b"[]"}) as url:
        assert not destination(url, log).health().ok

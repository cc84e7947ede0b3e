"""STOW-RS as a client sees it: good requests, bad ones, and nonsense."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient
from fastapi import FastAPI, HTTPException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, JPEG2000Lossless

from dicom_node.intake import Answer, Verdict
from dicom_node.multipart_related import MalformedMultipart, RelatedParser
from dicom_node.stow_router import build_stow_router
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.dicom_node.stow_application import application
from tests.peers.synthetic import ct_slice, mammogram, write

DICOM = b"Content-Type: application/dicom\r\n\r\n"
BOUNDARY = "b0undary"


def content_type(boundary: str = BOUNDARY) -> str:
    return f'multipart/related; type="application/dicom"; boundary={boundary}'


def message(*parts: bytes, header: bytes = DICOM, boundary: str = BOUNDARY) -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + header + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def dicom(folder: Path, ds: Dataset | None = None, **image: Any) -> tuple[bytes, str, str]:
    """Return a file's bytes, its SOP Instance UID and its study."""
    ds = ds or mammogram(rows=16, columns=16, **image)
    data = write(ds, folder / "file.dcm").read_bytes()
    return data, str(ds.SOPInstanceUID), str(ds.StudyInstanceUID)


class Client:
    """Talks to the application without a network."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def post(
        self, path: str = "/dicom-web/studies", body: Any = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(
                    path, content=body, headers={"Content-Type": content_type(), **(headers or {})}
                )

        return asyncio.run(ask())


@pytest.fixture
def client(intake: DirectoryIntake, log: Any) -> Client:
    return Client(application(intake, log))


def sequence(response: httpx.Response, keyword: str) -> list[Dataset]:
    return list(Dataset.from_json(response.json()).get(keyword) or [])


def failure_reasons(response: httpx.Response) -> list[int]:
    failed = sequence(response, "FailedSOPSequence") + sequence(response, "OtherFailuresSequence")
    return [int(item.FailureReason) for item in failed]


def error_code(response: httpx.Response) -> str:
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message"}
    return str(response.json()["error"]["code"])


def test_two_objects_are_stored_as_they_came(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    (one, uid_one, _), (two, uid_two, _) = dicom(tmp_path), dicom(tmp_path, transfer_syntax=JPEG2000Lossless)
    response = client.post(body=message(one, two))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/dicom+json"
    assert [item.ReferencedSOPInstanceUID for item in sequence(response, "ReferencedSOPSequence")] == [uid_one, uid_two]
    assert "00081198" not in response.json()
    assert intake.kept_file(uid_one).read_bytes() == one
    assert intake.kept_file(uid_two).read_bytes() == two
    (origin,) = intake.closed
    assert origin.channel == "stow"
    assert {origin.association_id for _, origin, _ in intake.accepted} == {origin.association_id}
    assert intake.leftovers() == []


def test_part_of_a_study_that_can_be_stored_is_202_and_says_which(
    client: Client, intake: DirectoryIntake, tmp_path: Path
) -> None:
    good, uid, _ = dicom(tmp_path)
    tomography, ct_uid, _ = dicom(tmp_path, ct_slice())
    response = client.post(body=message(good, tomography, b"not DICOM at all"))
    assert response.status_code == 202
    assert [item.ReferencedSOPInstanceUID for item in sequence(response, "ReferencedSOPSequence")] == [uid]
    (refused,) = sequence(response, "FailedSOPSequence")
    assert (refused.ReferencedSOPInstanceUID, refused.ReferencedSOPClassUID) == (ct_uid, CTImageStorage)
    assert refused.FailureReason == 0x0122
    assert [item.FailureReason for item in sequence(response, "OtherFailuresSequence")] == [0xC000]
    assert intake.kept_uids() == {uid}
    assert len(list(intake.quarantine.iterdir())) == 1


def test_nothing_that_can_be_stored_is_409(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    response = client.post(body=message(dicom(tmp_path, ct_slice())[0]))
    assert (response.status_code, failure_reasons(response)) == (409, [0x0122])
    assert intake.accepted == []
    assert intake.leftovers() == []


def test_a_full_disk_is_503_and_asks_to_come_again(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    intake.refuse_with = Answer(Verdict.OUT_OF_RESOURCES, "no space")
    response = client.post(body=message(dicom(tmp_path)[0]))
    assert (response.status_code, failure_reasons(response)) == (503, [0xA700])
    assert int(response.headers["retry-after"]) > 0


def test_a_file_that_cannot_be_written_is_503(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    intake.new_file = lambda: tmp_path / "no" / "folder"  # type: ignore[method-assign]  # that day
    assert client.post(body=message(dicom(tmp_path)[0])).status_code == 503


def test_an_intake_that_raises_is_503_and_leaves_nothing(
    client: Client, intake: DirectoryIntake, tmp_path: Path
) -> None:
    def explode(path: Path) -> None:
        raise RuntimeError("a fault of ours")

    intake.before_accept = explode
    assert client.post(body=message(dicom(tmp_path)[0])).status_code == 503
    assert intake.leftovers() == []
    assert len(intake.closed) == 1


def test_a_study_in_the_path_is_compared(client: Client, tmp_path: Path) -> None:
    data, _, study = dicom(tmp_path)
    assert client.post(f"/dicom-web/studies/{study}", message(data)).status_code == 200
    response = client.post("/dicom-web/studies/1.2.3", message(data))
    assert (response.status_code, failure_reasons(response)) == (409, [0xA901])
    assert error_code(client.post("/dicom-web/studies/hello", message(data))) == "invalid_study"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", "application/dicom+json"),
        ("application/dicom+json", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/dicom+xml, application/dicom+json;q=0.5", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/dicom+xml", None),
        ("text/html", None),
        ("application/dicom+json;q=0", None),
    ],
)
def test_the_accept_header_is_respected(client: Client, tmp_path: Path, accept: str, answered: str | None) -> None:
    response = client.post(body=message(dicom(tmp_path)[0]), headers={"Accept": accept})
    if answered is None:
        assert (response.status_code, error_code(response)) == (406, "not_acceptable")
    else:
        assert response.headers["content-type"] == answered


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("application/dicom", 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ("", 415),
        ('multipart/related; type="application/dicom"', 400),
        (f'multipart/related; type="application/dicom"; boundary={"x" * 71}', 400),
    ],
)
def test_other_content_types_are_refused(client: Client, tmp_path: Path, sent: str, status: int) -> None:
    response = client.post(body=message(dicom(tmp_path)[0]), headers={"Content-Type": sent})
    assert response.status_code == status
    assert error_code(response)


def test_types_and_boundaries_may_be_written_in_several_ways(client: Client, tmp_path: Path) -> None:
    data = dicom(tmp_path)[0]
    for sent in (
        f"multipart/related; type=application/dicom; boundary={BOUNDARY}",
        f'Multipart/Related; boundary="{BOUNDARY}"; type="Application/DICOM"',
        f"multipart/related; boundary={BOUNDARY}",
    ):
        assert client.post(body=message(data), headers={"Content-Type": sent}).status_code == 200
    for header in (b"content-type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\n", b"\r\n"):
        assert client.post(body=message(data, header=header)).status_code == 200
    jpeg = client.post(body=message(data, header=b"Content-Type: image/jpeg\r\n\r\n"))
    assert (jpeg.status_code, failure_reasons(jpeg)) == (409, [0xC000])


def test_malformed_messages_are_400_and_leave_no_file(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    data = dicom(tmp_path)[0]
    whole = message(data)
    bad = [
        b"",
        b"hello",
        whole[:-10],
        whole[: len(whole) // 2],
        whole.replace(b"Content-Type:", b"Content Type:"),
        b"--other\r\n" + whole,
        f"--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}\r\n".encode() + b"X: " + b"y" * 100_000,
    ]
    for body in bad:
        response = client.post(body=body)
        assert response.status_code == 400, body[:60]
        assert error_code(response) in {"malformed", "empty"}
        assert intake.leftovers() == []
    assert len(intake.closed) == len(bad)


def test_objects_complete_before_a_fault_are_kept_and_a_repetition_does_no_harm(
    client: Client, intake: DirectoryIntake, tmp_path: Path
) -> None:
    (one, uid_one, _), (two, uid_two, _) = dicom(tmp_path), dicom(tmp_path)
    broken = client.post(body=message(one, two)[:-100])
    assert broken.status_code == 400
    assert "1 complete objects" in broken.json()["error"]["message"]
    assert intake.kept_uids() == {uid_one}
    assert client.post(body=message(one, two)).status_code == 200
    assert intake.kept_uids() == {uid_one, uid_two}


def test_what_is_too_large_is_413(intake: DirectoryIntake, tmp_path: Path) -> None:
    data = dicom(tmp_path)[0]
    small = Client(application(intake, max_request_bytes=1000))
    announced = small.post(body=message(data))
    assert (announced.status_code, error_code(announced)) == (413, "too_large")

    async def unannounced() -> Any:
        yield message(data)

    assert small.post(body=unannounced()).status_code == 413
    few = Client(application(intake, max_parts=2))
    assert few.post(body=message(data, data, data)).status_code == 413
    assert intake.leftovers() == []


def test_only_those_who_may_upload_get_in_and_the_body_is_not_read(intake: DirectoryIntake, tmp_path: Path) -> None:
    def nobody() -> None:
        raise HTTPException(401, "who are you")

    app = FastAPI()
    app.include_router(build_stow_router(intake, nobody))
    assert Client(app).post(body=message(dicom(tmp_path)[0])).status_code == 401
    assert intake.accepted == []
    assert intake.closed == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_framing_is_answered_with_500(client: Client, intake: DirectoryIntake, data: st.DataObject) -> None:
    boundary = f"--{BOUNDARY}".encode()
    pieces = st.sampled_from(
        [
            boundary,
            boundary + b"--",
            b"\r\n",
            b"\r",
            b"\n",
            b"--",
            DICOM,
            b"Content-Type",
            b":",
            b" ",
            b"\0" * 128,
            b"DICM",
        ]
    )
    body = b"".join(data.draw(st.lists(st.one_of(pieces, st.binary(max_size=20)), max_size=25)))
    kind = data.draw(st.one_of(st.just(content_type()), st.text(st.characters(max_codepoint=126, min_codepoint=32))))
    response = client.post(body=body, headers={"Content-Type": kind})
    assert response.status_code in {200, 202, 400, 409, 415}
    assert intake.leftovers() == []


class Collected:
    def __init__(self, into: list[bytes]) -> None:
        self.data = b""
        self.into = into

    def write(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> None:
        self.into.append(self.data)

    def abandon(self) -> None:
        pass


@given(
    parts=st.lists(st.binary(max_size=300).map(lambda b: b.replace(BOUNDARY.encode(), b"")), max_size=4),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=60),
)
def test_parts_come_out_as_they_went_in_however_the_message_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    found: list[bytes] = []
    parser = RelatedParser(BOUNDARY.encode(), lambda headers: Collected(found))
    rest = message(*parts)
    while rest:
        size = cuts.pop(0) if cuts else len(rest)
        parser.feed(rest[:size])
        rest = rest[size:]
    parser.finish()
    assert found == parts


def test_a_parser_that_was_not_fed_to_the_end_says_so() -> None:
    with pytest.raises(MalformedMultipart, match="closing boundary"):
        RelatedParser(b"x", lambda headers: Collected([])).finish()


def test_a_client_that_hangs_up_leaves_no_file(served: int, intake: DirectoryIntake, tmp_path: Path) -> None:
    body = message(dicom(tmp_path)[0] + b"\0" * 3_000_000)
    with socket.create_connection(("127.0.0.1", served)) as sender:
        head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type()}\r\n"
        sender.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:2_500_000])
        deadline = time.monotonic() + 5
        while not intake.leftovers() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert intake.leftovers(), "the part should be on its way"
    deadline = time.monotonic() + 5
    while not intake.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert intake.leftovers() == []
    assert len(intake.closed) == 1


def test_the_usual_client_library_can_store(served: int, intake: DirectoryIntake, tmp_path: Path) -> None:
    ds = dcmread(write(mammogram(rows=64, columns=48), tmp_path / "f.dcm"))
    client = DICOMwebClient(f"http://127.0.0.1:{served}/dicom-web")
    answer = client.store_instances([ds])
    assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert intake.kept_uids() == {ds.SOPInstanceUID}

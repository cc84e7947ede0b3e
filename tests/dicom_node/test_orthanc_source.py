"""Following a real Orthanc's changes."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import (
    ComprehensiveSRStorage,
    JPEG2000Lossless,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from dicom_node.intake import Answer, Verdict
from dicom_node.orthanc_source import OrthancSource, OrthancSourceSettings, is_mammogram
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.ports import free_port
from tests.peers.synthetic import ct_slice, mammogram, write, write_study


class KeptPosition:
    """A position that outlives the source, as a database row does."""

    def __init__(self) -> None:
        self.value: int | None = None
        self.saved: list[int] = []

    def load(self) -> int | None:
        return self.value

    def save(self, position: int) -> None:
        self.value = position
        self.saved.append(position)


@pytest.fixture
def position() -> KeptPosition:
    return KeptPosition()


@pytest.fixture
def source(orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any) -> OrthancSource:
    return follow(orthanc, intake, position, log)


def follow(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, **settings: Any
) -> OrthancSource:
    return OrthancSource(OrthancSourceSettings("pacs", orthanc.url, **settings), intake, position, log)


def upload(orthanc: Orthanc, folder: Path, **tags: Any) -> str:
    ds = mammogram(rows=16, columns=16, tags=tags)
    orthanc.upload(write(ds, folder / f"{ds.SOPInstanceUID}.dcm"))
    return str(ds.SOPInstanceUID)


def poll_all(source: OrthancSource) -> int:
    taken = 0
    while True:
        outcome = source.poll_once()
        assert outcome.problem is None
        taken += outcome.taken
        if outcome.caught_up:
            return taken


@pytest.mark.system
def test_new_mammograms_are_taken_as_they_are_and_once(
    source: OrthancSource, orthanc: Orthanc, intake: DirectoryIntake, tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study", rows=64, columns=48, transfer_syntax=JPEG2000Lossless)
    orthanc.upload(*study.paths.values())
    assert poll_all(source) == 4
    assert poll_all(source) == 0
    for view, uid in study.sop_instance_uids.items():
        assert intake.kept_file(uid).read_bytes() == study.paths[view].read_bytes()
    announced, origin, _ = intake.accepted[0]
    assert announced.sop_class_uid == pydicom.dcmread(next(iter(study.paths.values()))).SOPClassUID
    assert (origin.channel, origin.peer_ae_title, origin.peer_address) == ("orthanc", "pacs", "127.0.0.1")
    assert [origin.association_id for origin in intake.closed] == [origin.association_id]
    assert intake.leftovers() == []


@pytest.mark.system
def test_only_mammograms_are_downloaded_and_never_what_we_wrote(
    source: OrthancSource, orthanc: Orthanc, intake: DirectoryIntake, tmp_path: Path
) -> None:
    orthanc.upload(write(ct_slice(), tmp_path / "ct.dcm"))
    upload(orthanc, tmp_path, SOPClassUID=UltrasoundImageStorage, Modality="US", SeriesInstanceUID="1.2.1")
    upload(orthanc, tmp_path, SOPClassUID=ComprehensiveSRStorage, Modality="SR", SeriesInstanceUID="1.2.2")
    upload(
        orthanc,
        tmp_path,
        SOPClassUID=SecondaryCaptureImageStorage,
        Modality="MG",
        Manufacturer="mammogate",
        SeriesInstanceUID="1.2.3",
    )
    reported = upload(orthanc, tmp_path, SeriesInstanceUID="1.2.4")
    intake.known.add(reported)
    film = upload(orthanc, tmp_path, SOPClassUID=SecondaryCaptureImageStorage, Modality="MG", SeriesInstanceUID="1.2.5")
    assert poll_all(source) == 1
    assert intake.kept_uids() == {film}


def test_an_image_of_the_mammography_classes_is_wanted_whatever_its_modality_says() -> None:
    mg = "1.2.840.10008.5.1.4.1.1.1.2"
    assert is_mammogram(mg, {})
    assert is_mammogram(mg, {"Modality": "OT"})
    assert not is_mammogram(mg, {"Modality": "MG", "Manufacturer": "MAMMOGATE "})
    assert not is_mammogram(ComprehensiveSRStorage, {"Modality": "MG"})


@pytest.mark.system
def test_the_position_is_kept_over_a_restart_of_the_gateway(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, tmp_path: Path
) -> None:
    upload(orthanc, tmp_path)
    assert poll_all(follow(orthanc, intake, position, log)) == 1
    intake.known.clear()  # only the position can tell now
    second = upload(orthanc, tmp_path)
    assert poll_all(follow(orthanc, intake, position, log)) == 1
    assert intake.accepted[-1][2].sop_instance_uid == second


@pytest.mark.system
def test_many_changes_come_in_batches_with_an_association_each(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, tmp_path: Path
) -> None:
    for _ in range(7):
        upload(orthanc, tmp_path)
    source = follow(orthanc, intake, position, log, changes_a_poll=5)
    first = source.poll_once()
    assert not first.caught_up
    assert first.taken + poll_all(source) == 7
    used = {origin.association_id for _, origin, _ in intake.accepted}
    assert {origin.association_id for origin in intake.closed} == used
    assert len(intake.closed) == len(used) > 1


@pytest.mark.system
def test_an_orthanc_that_goes_down_and_up_again_loses_nothing(
    source: OrthancSource, orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, tmp_path: Path
) -> None:
    first = upload(orthanc, tmp_path)
    assert poll_all(source) == 1
    before = position.value
    orthanc.stop()
    outcome = source.poll_once()
    assert outcome.problem is not None
    assert "does not answer" in outcome.problem
    assert position.value == before
    orthanc.start()
    second = upload(orthanc, tmp_path)
    assert poll_all(source) == 1
    assert intake.kept_uids() == {first, second}


@pytest.mark.system
def test_an_orthanc_that_was_emptied_is_noticed_and_read_from_the_start(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, captured: Any, tmp_path: Path
) -> None:
    position.value = 100_000
    uid = upload(orthanc, tmp_path)
    assert poll_all(follow(orthanc, intake, position, log)) == 1
    assert intake.kept_uids() == {uid}
    assert any(entry["event"] == "source_was_reset" for entry in captured.entries)
    assert position.saved[0] == 0


@pytest.mark.system
def test_a_full_disk_does_not_move_the_position(
    source: OrthancSource, orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, tmp_path: Path
) -> None:
    uid = upload(orthanc, tmp_path)
    intake.refuse_with = Answer(Verdict.OUT_OF_RESOURCES, "no space")
    outcome = source.poll_once()
    assert outcome.problem is not None
    assert "no space" in outcome.problem
    assert position.value is None
    intake.refuse_with = None
    assert poll_all(source) == 1
    assert intake.kept_uids() == {uid}
    assert intake.leftovers() == []


@pytest.mark.system
def test_an_instance_that_orthanc_cannot_hand_out_holds_the_others_up_only_for_a_while(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, tmp_path: Path
) -> None:
    broken = upload(orthanc, tmp_path)
    for file in (orthanc.folder / "storage").rglob("*"):
        if file.is_file() and len(file.name) == 36:  # Orthanc names attachments by UUID
            file.unlink()
    orthanc.kill()  # it has the file in a cache, too
    orthanc.start()
    good = upload(orthanc, tmp_path)
    source = follow(orthanc, intake, position, log, attempts_an_instance=3)
    outcomes = [source.poll_once() for _ in range(3)]
    assert [outcome.problem is None for outcome in outcomes] == [False, False, True]
    assert outcomes[-1].passed_over == 1
    poll_all(source)
    assert intake.kept_uids() == {good} != {broken}


@pytest.mark.system
def test_an_instance_deleted_before_it_was_fetched_is_no_problem(
    source: OrthancSource, orthanc: Orthanc, tmp_path: Path
) -> None:
    ds = mammogram(rows=16, columns=16)
    (orthanc_id,) = orthanc.upload(write(ds, tmp_path / "i.dcm"))
    with orthanc.client() as client:
        client.delete(f"/instances/{orthanc_id}").raise_for_status()
    assert poll_all(source) == 0


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path / "guarded", users={"gate": "secret"}, start=False) as server:
        server.configuration["AuthenticationEnabled"] = True
        yield server


def test_nobody_listening_is_a_problem_with_a_sentence(
    guarded: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any
) -> None:
    guarded.http_port = free_port()
    outcome = follow(guarded, intake, position, log).poll_once()
    assert outcome.problem is not None
    assert "check that it runs" in outcome.problem


def test_something_that_is_not_orthanc_is_a_problem_and_not_an_exception(
    intake: DirectoryIntake, position: KeptPosition, log: Any
) -> None:
    class Nonsense(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = OrthancSourceSettings("pacs", f"http://127.0.0.1:{server.server_address[1]}")
        outcome = OrthancSource(settings, intake, position, log).poll_once()
        server.shutdown()
    assert outcome.problem is not None
    assert position.saved == []


@pytest.mark.system
def test_run_follows_until_it_is_told_to_stop(
    orthanc: Orthanc, intake: DirectoryIntake, position: KeptPosition, log: Any, tmp_path: Path
) -> None:
    source = follow(orthanc, intake, position, log, interval_seconds=0.1)
    stop = threading.Event()
    thread = threading.Thread(target=source.run, args=(stop,))
    thread.start()
    try:
        uid = upload(orthanc, tmp_path)
        deadline = time.monotonic() + 10
        while intake.kept_uids() != {uid} and time.monotonic() < deadline:
            time.sleep(0.05)
        assert intake.kept_uids() == {uid}
    finally:
        stop.set()
        thread.join(timeout=5)
    assert not thread.is_alive()

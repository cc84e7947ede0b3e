"""Sending: to DCMTK, to Orthanc, and to peers that refuse, abort and hang."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom.events import Event

from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, NotTried, Outcome, Refused
from dicom_node.dicom_file import FileHeader, find_dicom_files
from dicom_node.storage_scu import DicomDestination, batches, offers_for, send_files
from dicom_node.verification import echo
from tests.dicom_node.scripted_scp import scripted_scp
from tests.peers import dcmtk
from tests.peers.large import write_large_tomosynthesis
from tests.peers.orthanc import Orthanc
from tests.peers.ports import free_port
from tests.peers.synthetic import mammogram, write, write_study

MG = DigitalMammographyXRayImageStorageForPresentation


def peer_at(port: int, ae_title: str = "SCRIPTED", **settings: Any) -> DicomDestinationSettings:
    return DicomDestinationSettings("pacs", "127.0.0.1", port, ae_title, **settings)


def image(folder: Path, syntax: str = ExplicitVRLittleEndian, sop_class: str = MG) -> Path:
    ds = mammogram(rows=32, columns=32, transfer_syntax=syntax, tags={"SOPClassUID": sop_class})
    return write(ds, folder / f"{ds.SOPInstanceUID}.dcm")


def report(folder: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """A thing without pixels."""
    ds = mammogram(rows=2, columns=2, tags={"SOPClassUID": ComprehensiveSRStorage, "Modality": "SR"})
    del ds.PixelData
    ds.file_meta.TransferSyntaxUID = syntax
    return write(ds, folder / f"{ds.SOPInstanceUID}.dcm")


def only(outcomes: dict[Path, Outcome]) -> Outcome:
    (outcome,) = outcomes.values()
    return outcome


def test_an_uncompressed_object_is_offered_little_endian_only() -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        header = FileHeader(ComprehensiveSRStorage, "1.2.3", syntax)
        assert {ts for _, ts in offers_for(header)} == {ExplicitVRLittleEndian, ImplicitVRLittleEndian}


def test_a_compressed_object_is_offered_as_it_is_first() -> None:
    offers = offers_for(FileHeader(MG, "1.2.3", JPEG2000Lossless))
    assert offers[0] == (MG, JPEG2000Lossless)
    assert {ts for _, ts in offers[1:]} == {ExplicitVRLittleEndian, ImplicitVRLittleEndian}


def test_no_association_needs_more_than_128_contexts() -> None:
    objects = [(Path(str(n)), FileHeader(f"1.2.{n % 70}", f"1.3.{n}", ExplicitVRLittleEndian)) for n in range(140)]
    found = list(batches(objects))
    assert [len(batch.offers) for batch in found] == [128, 128, 24]
    assert [path for batch in found for path, _ in batch.objects] == [path for path, _ in objects]


def test_many_objects_share_one_association(tmp_path: Path, log: Any) -> None:
    paths = [image(tmp_path), image(tmp_path, JPEG2000Lossless), report(tmp_path)] + [image(tmp_path) for _ in range(5)]
    told: list[Path] = []
    with scripted_scp(syntaxes=(ExplicitVRLittleEndian, JPEG2000Lossless)) as peer:
        outcomes = send_files(peer_at(peer.port), paths, log, lambda path, outcome: told.append(path))
    assert outcomes == dict.fromkeys(paths, Delivered())
    assert told == paths
    assert peer.associations == 1
    assert [syntax for _, syntax in peer.received][:2] == [ExplicitVRLittleEndian, JPEG2000Lossless]


def test_a_report_is_offered_neither_deflated_nor_big_endian(tmp_path: Path, log: Any) -> None:
    with scripted_scp() as peer:
        assert only(send_files(peer_at(peer.port), [report(tmp_path)], log)) == Delivered()
    offered = {syntax for _, syntaxes in peer.proposed[0] for syntax in syntaxes}
    assert offered == {ExplicitVRLittleEndian, ImplicitVRLittleEndian}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_report_is_re_encoded_for_a_peer_that_takes_only_implicit_vr(tmp_path: Path, log: Any, syntax: str) -> None:
    values: list[Dataset] = []

    def keep(event: Event, number: int) -> int:
        values.append(event.dataset)
        return 0

    path = report(tmp_path, syntax)
    with scripted_scp(keep, syntaxes=(ImplicitVRLittleEndian,)) as peer:
        assert only(send_files(peer_at(peer.port), [path], log)) == Delivered()
    assert peer.received[0][1] == ImplicitVRLittleEndian
    assert values[0].StudyInstanceUID == pydicom.dcmread(path).StudyInstanceUID


def test_a_compressed_image_for_a_peer_that_takes_only_uncompressed_ones_is_refused_plainly(
    tmp_path: Path, log: Any
) -> None:
    with scripted_scp() as peer:
        outcome = only(send_files(peer_at(peer.port), [image(tmp_path, JPEGLosslessSV1)], log))
    assert isinstance(outcome, Refused)
    assert "only uncompressed" in outcome.reason
    assert "JPEG Lossless" in outcome.reason
    assert peer.received == []


def test_a_class_that_the_peer_does_not_take_is_refused_and_the_rest_delivered(tmp_path: Path, log: Any) -> None:
    paths = [image(tmp_path), report(tmp_path)]
    with scripted_scp(classes=[MG]) as peer:
        first, second = send_files(peer_at(peer.port), paths, log).values()
    assert first == Delivered()
    assert isinstance(second, Refused)
    assert "Comprehensive SR" in second.reason


def test_a_peer_that_takes_nothing_of_it_refuses_every_object_with_a_sentence(tmp_path: Path, log: Any) -> None:
    paths = [image(tmp_path), image(tmp_path, sop_class=SecondaryCaptureImageStorage)]
    with scripted_scp(classes=[]) as peer:
        outcomes = send_files(peer_at(peer.port), paths, log)
    assert all(isinstance(o, Refused) and "does not take" in o.reason for o in outcomes.values())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0x0000, Delivered),
        (0xB000, Delivered),
        (0xB007, Delivered),
        (0x0111, Delivered),
        (0xA700, Failed),
        (0xA7FF, Failed),
        (0x0110, Failed),
        (0xA900, Refused),
        (0xC000, Refused),
        (0x0122, Refused),
        (0x0124, Refused),
        (0x1234, Failed),
    ],
    ids=lambda value: f"{value:#06x}" if isinstance(value, int) else value.__name__,
)
def test_a_status_decides_the_outcome(tmp_path: Path, log: Any, status: int, kind: type[Outcome]) -> None:
    def answer(event: Event, number: int) -> Dataset:
        response = Dataset()
        response.Status = status
        response.ErrorComment = "Patient DOE^JANE does not match"
        return response

    with scripted_scp(answer) as peer:
        outcome = only(send_files(peer_at(peer.port), [image(tmp_path)], log))
    assert isinstance(outcome, kind)
    if not isinstance(outcome, Delivered):
        assert f"0x{status:04X}" in outcome.reason
        assert "DOE" not in outcome.reason, "a peer's comment may quote a patient; this sentence goes to operators"


def test_an_object_that_makes_the_peer_abort_does_not_stop_the_others(tmp_path: Path, log: Any) -> None:
    def abort_second(event: Event, number: int) -> int:
        if number == 2:
            event.assoc.abort()
        return 0

    paths = [image(tmp_path) for _ in range(4)]
    with scripted_scp(abort_second) as peer:
        outcomes = list(send_files(peer_at(peer.port), paths, log).values())
        assert peer.associations == 2
    assert [type(outcome) for outcome in outcomes] == [Delivered, Failed, Delivered, Delivered]


def test_a_peer_that_always_aborts_is_left_alone_after_two_attempts(tmp_path: Path, log: Any) -> None:
    def abort(event: Event, number: int) -> int:
        event.assoc.abort()
        return 0

    paths = [image(tmp_path) for _ in range(5)]
    with scripted_scp(abort) as peer:
        outcomes = send_files(peer_at(peer.port), paths, log)
        assert peer.associations == 2
    assert [type(outcomes[path]) for path in paths] == [Failed, Failed, NotTried, NotTried, NotTried]


def test_a_peer_that_closes_the_association_after_each_object_gets_all_of_them(tmp_path: Path, log: Any) -> None:
    def close_after(event: Event, number: int) -> int:
        # Once the answer is out: the next request would be read by the same thread.
        threading.Timer(0.05, event.assoc.abort).start()
        return 0

    paths = [image(tmp_path) for _ in range(4)]
    with scripted_scp(close_after) as peer:
        outcomes = send_files(peer_at(peer.port), paths, log, lambda *_: time.sleep(0.2))
        assert peer.associations == 4
    assert outcomes == dict.fromkeys(paths, Delivered())


def test_what_waits_is_not_tried_when_the_peer_is_gone_after_an_object_broke_it(tmp_path: Path, log: Any) -> None:
    paths = [image(tmp_path) for _ in range(3)]

    def break_down(event: Event, number: int) -> int:
        event.assoc.ae.require_calling_aet = ["NOBODY"]
        event.assoc.abort()
        return 0

    with scripted_scp(break_down) as peer:
        outcomes = send_files(peer_at(peer.port), paths, log)
        assert peer.associations == 2
    assert [type(outcome) for outcome in outcomes.values()] == [Failed, NotTried, NotTried]


def test_a_peer_that_never_answers_an_object_is_a_temporary_failure(tmp_path: Path, log: Any) -> None:
    with scripted_scp(lambda event, number: peer.hanging.wait(10) and 0) as peer:
        started = time.monotonic()
        outcome = only(send_files(peer_at(peer.port, dimse_timeout=0.4), [image(tmp_path)], log))
        assert time.monotonic() - started < 5
    assert isinstance(outcome, Failed)
    assert "did not answer in time" in outcome.reason


def test_a_peer_that_stops_reading_is_a_temporary_failure(tmp_path: Path, log: Any) -> None:
    path = write_large_tomosynthesis(tmp_path / "dbt.dcm", 30)

    def stop_reading(event: Event, number: int) -> int:
        return 0

    with scripted_scp(stop_reading) as peer, socket.create_server(("127.0.0.1", 0)) as relay:
        # Passes the negotiation on, then neither reads nor closes.
        def pass_on() -> None:
            sender, _ = relay.accept()
            with sender, socket.create_connection(("127.0.0.1", peer.port)) as receiver:
                receiver.sendall(sender.recv(65536))
                sender.sendall(receiver.recv(65536))
                peer.hanging.wait(20)

        threading.Thread(target=pass_on, daemon=True).start()
        settings = peer_at(relay.getsockname()[1], dimse_timeout=1.0, network_timeout=1.0)
        started = time.monotonic()
        outcome = only(send_files(settings, [path], log))
        assert time.monotonic() - started < 8
        assert isinstance(outcome, Failed)


def test_nobody_listening_is_a_temporary_failure(tmp_path: Path, log: Any) -> None:
    outcome = only(send_files(peer_at(free_port()), [image(tmp_path)], log))
    assert isinstance(outcome, Failed)
    assert "Cannot connect to 127.0.0.1" in outcome.reason


def test_a_name_that_does_not_resolve_is_a_temporary_failure(tmp_path: Path, log: Any) -> None:
    settings = DicomDestinationSettings("pacs", "no-such-host.invalid", 104, "PACS")
    outcome = only(send_files(settings, [image(tmp_path)], log))
    assert isinstance(outcome, Failed)
    assert "no-such-host.invalid" in outcome.reason


def test_a_rejected_association_names_both_titles(tmp_path: Path, log: Any) -> None:
    with scripted_scp(reject_calling=True) as peer:
        outcome = only(send_files(peer_at(peer.port, calling_ae_title="GATE"), [image(tmp_path)], log))
    assert isinstance(outcome, Failed)
    assert "'SCRIPTED'" in outcome.reason
    assert "'GATE'" in outcome.reason
    assert "calling ae title not recogni" in outcome.reason


def test_a_peer_that_accepts_the_connection_and_says_nothing_is_told_apart(tmp_path: Path, log: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = peer_at(silent.getsockname()[1], acse_timeout=0.4)
        outcome = only(send_files(settings, [image(tmp_path)], log))
    assert isinstance(outcome, Failed)
    assert "did not answer the association request within 0.4 s" in outcome.reason


def test_what_is_no_dicom_file_is_refused_and_the_rest_sent(tmp_path: Path, log: Any) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not DICOM")
    good = image(tmp_path)
    with scripted_scp() as peer:
        outcomes = send_files(peer_at(peer.port), [text, tmp_path / "missing.dcm", good], log)
    assert outcomes[good] == Delivered()
    assert [type(outcome) for outcome in outcomes.values()] == [Refused, Refused, Delivered]


def test_folders_are_searched_for_dicom_files_and_named_files_are_always_tried(tmp_path: Path) -> None:
    study = write_study(tmp_path / "deep" / "study", rows=16, columns=16)
    (tmp_path / "deep" / "readme.txt").write_text("hello")
    (tmp_path / "deep" / "empty").write_bytes(b"")
    named = tmp_path / "named.txt"
    named.write_text("hello")
    assert list(find_dicom_files([tmp_path / "deep", named])) == [*sorted(study.paths.values()), named]


def test_sending_a_large_object_does_not_hold_it_in_memory(tmp_path: Path, log: Any) -> None:
    path = write_large_tomosynthesis(tmp_path / "dbt.dcm", 200)
    rss: list[int] = []
    with dcmtk.running_storescp(tmp_path / "scp") as scp:
        before = psutil.Process().memory_info().rss
        settings = peer_at(scp.port, scp.ae_title)
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                rss.append(psutil.Process().memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            assert only(send_files(settings, [path], log)) == Delivered()
        finally:
            done.set()
            watcher.join()
        (received,) = scp.files()
        assert received.stat().st_size > 200 << 20
    assert (max(rss) - before) >> 20 < 80


@pytest.mark.system
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless])
def test_dcmtk_receives_the_object_as_it_is(tmp_path: Path, log: Any, syntax: str) -> None:
    path = image(tmp_path, syntax)
    with dcmtk.running_storescp(tmp_path / "scp") as scp:
        assert only(send_files(peer_at(scp.port, scp.ae_title), [path], log)) == Delivered()
        received = pydicom.dcmread(scp.files()[0])
    assert received.file_meta.TransferSyntaxUID == syntax
    assert received.PixelData == pydicom.dcmread(path).PixelData


@pytest.mark.system
def test_orthanc_receives_images_and_reports_and_duplicates_are_delivered(
    orthanc: Orthanc, tmp_path: Path, log: Any
) -> None:
    paths = [image(tmp_path), image(tmp_path, JPEG2000Lossless), report(tmp_path)]
    destination = DicomDestination(peer_at(orthanc.dicom_port, orthanc.ae_title), log)
    for _ in range(2):
        assert destination.deliver(paths) == dict.fromkeys(paths, Delivered())
    assert orthanc.sop_instance_uids() == {path.stem for path in paths}
    assert destination.health().ok


@pytest.mark.system
def test_echo_measures_and_explains(orthanc: Orthanc) -> None:
    answer = echo(peer_at(orthanc.dicom_port, orthanc.ae_title))
    assert answer.ok
    assert 0 < answer.seconds < 5
    refused = echo(peer_at(free_port()))
    assert not refused.ok
    assert "firewall" in refused.detail


def test_echo_to_a_peer_without_verification_is_a_sentence() -> None:
    with scripted_scp(echo=False) as peer:
        answer = echo(peer_at(peer.port))
    assert not answer.ok
    assert "accepted none" in answer.detail

"""The Storage SCP against DCMTK and against peers made of bytes."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    MammographyCADSRStorage,
    generate_uid,
)

from dicom_node import transfer_syntaxes
from dicom_node.association_policy import AllowedPeer
from dicom_node.intake import Answer, Verdict
from dicom_node.listening import PortInUse
from dicom_node.storage_scp import ScpSettings, StorageScp
from tests.dicom_node.conftest import Receiver, StartReceiver
from tests.dicom_node.raw_peer import RawPeer, pdu, pdv, store_command
from tests.peers import dcmtk
from tests.peers.orthanc import Modality, running_orthanc
from tests.peers.synthetic import ct_slice, mammogram, write, write_study

MG = DigitalMammographyXRayImageStorageForPresentation
COMMAND, LAST = 1, 2


def data_set_of(sop_class_uid: str, sop_instance_uid: str, path: Path) -> bytes:
    """The bytes of a small implicit little endian data set, as they go over the wire."""
    tags = {"SOPClassUID": sop_class_uid, "SOPInstanceUID": sop_instance_uid}
    write(mammogram(rows=16, columns=16, transfer_syntax=ImplicitVRLittleEndian, tags=tags), path)
    with path.open("rb") as file:
        meta = pydicom.filereader.read_file_meta_info(path)
        file.seek(132 + 12 + meta.FileMetaInformationGroupLength)
        return file.read()


@pytest.mark.system
def test_an_echo_is_answered(receiver: Receiver) -> None:
    assert dcmtk.echoscu(receiver.port).returncode == 0
    receiver.wait_for_endings(1)
    assert receiver.events("echo_answered")


@pytest.mark.system
@pytest.mark.parametrize("syntax", transfer_syntaxes.FOR_IMAGES, ids=lambda uid: UID(uid).keyword)
def test_an_image_is_kept_as_it_was_sent_in_every_transfer_syntax(
    receiver: Receiver, tmp_path: Path, syntax: str
) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    sent = mammogram(transfer_syntax=syntax, rows=64, columns=48, bits=bits)
    path = write(sent, tmp_path / "sent.dcm")
    if syntax in dcmtk.STORESCU_OPTIONS:
        done = dcmtk.storescu(receiver.port, path, options=[*dcmtk.STORESCU_OPTIONS[syntax], "-R"])
        assert done.returncode == 0, done.stderr
    else:  # HTJ2K is younger than Debian's DCMTK
        with RawPeer(receiver.port, transfer_syntax_uid=syntax) as peer:
            meta = pydicom.filereader.read_file_meta_info(path)
            data = path.read_bytes()[132 + 12 + meta.FileMetaInformationGroupLength :]
            peer.send(pdv(1, COMMAND | LAST, store_command(MG, sent.SOPInstanceUID)), pdv(1, LAST, data))
            assert peer.status() == 0
            assert peer.release() == 6
    kept = pydicom.dcmread(receiver.intake.kept_file(sent.SOPInstanceUID))
    assert kept.file_meta.TransferSyntaxUID == syntax
    assert kept.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
    assert kept.PixelData == sent.PixelData
    receiver.wait_for_endings(1)
    assert receiver.intake.leftovers() == []


@pytest.mark.system
def test_dcmsend_delivers_a_study_on_one_association(receiver: Receiver, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    assert dcmtk.dcmsend(receiver.port, study.folder, calling="MODALITY").returncode == 0
    assert receiver.intake.kept_uids() == set(study.sop_instance_uids.values())
    receiver.wait_for_endings(1)
    (origin,) = {origin for _, origin, _ in receiver.intake.accepted}
    assert origin == receiver.intake.closed[0]
    assert (origin.channel, origin.peer_ae_title, origin.peer_address) == ("dicom", "MODALITY", "127.0.0.1")
    meta = pydicom.dcmread(next(receiver.intake.kept.iterdir())).file_meta
    assert meta.SourceApplicationEntityTitle == "MODALITY"


@pytest.mark.system
def test_orthanc_pushes_a_study_with_compressed_images_and_a_report(receiver: Receiver, tmp_path: Path) -> None:
    plain = write_study(tmp_path / "plain", rows=64, columns=48)
    compressed = write_study(tmp_path / "compressed", rows=64, columns=48, transfer_syntax=JPEG2000Lossless)
    sr = mammogram(rows=2, columns=2, tags={"SOPClassUID": MammographyCADSRStorage, "Modality": "SR"})
    del sr.PixelData
    paths = [*plain.paths.values(), *compressed.paths.values(), write(sr, tmp_path / "sr.dcm")]
    gateway = Modality("gateway", "MAMMOGATE", receiver.port)
    with running_orthanc(tmp_path / "orthanc", modalities=[gateway]) as orthanc:
        answer = orthanc.push("gateway", orthanc.upload(*paths))
        assert answer.json()["FailedInstancesCount"] == 0, answer.text
    assert receiver.intake.kept_uids() == {str(pydicom.dcmread(path).SOPInstanceUID) for path in paths}
    for path in compressed.paths.values():
        sent = pydicom.dcmread(path)
        kept = pydicom.dcmread(receiver.intake.kept_file(sent.SOPInstanceUID))
        assert kept.file_meta.TransferSyntaxUID == JPEG2000Lossless
        assert kept.PixelData == sent.PixelData


@pytest.mark.system
def test_a_ct_image_is_refused_at_negotiation(receiver: Receiver, tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "ct.dcm")
    sent = dcmtk.storescu(receiver.port, path, options=["-R"])
    assert sent.returncode != 0
    assert "No Acceptable Presentation Contexts" in sent.stderr + sent.stdout
    assert receiver.intake.accepted == []
    receiver.wait_for_endings(1)
    assert receiver.events("association_accepted")[0]["refused_contexts"] == [CTImageStorage]


@pytest.mark.system
def test_a_wrong_called_title_is_rejected_and_logged(receiver: Receiver) -> None:
    done = dcmtk.echoscu(receiver.port, called="SOMEBODY")
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stderr + done.stdout
    assert "'MAMMOGATE'" in receiver.events("association_rejected")[0]["reason"]
    receiver.wait_for_endings(0)


@pytest.mark.system
def test_a_peer_that_is_not_allowed_is_rejected_and_logged(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(
        allowed_peers=(AllowedPeer("GOOD", ("127.0.0.0/8",)), AllowedPeer("FAR", ("192.0.2.0/24",)))
    )
    assert dcmtk.echoscu(receiver.port, calling="GOOD").returncode == 0
    for calling, reason in (("STRANGER", "not among the allowed peers"), ("FAR", "not from 127.0.0.1")):
        done = dcmtk.echoscu(receiver.port, calling=calling)
        assert "Calling AE Title Not Recognized" in done.stderr + done.stdout
        assert reason in receiver.events("association_rejected")[-1]["reason"]
    receiver.wait_for_endings(1)


def test_a_command_and_its_data_set_may_share_a_pdu_and_come_in_any_fragments(
    receiver: Receiver, tmp_path: Path
) -> None:
    uid = generate_uid()
    data = data_set_of(MG, uid, tmp_path / "f")
    command = store_command(MG, uid)
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND, command[:11]))
        peer.send(pdv(1, COMMAND | LAST, command[11:]), pdv(1, 0, data[:7]), pdv(1, 0, b""), pdv(1, 0, data[7:501]))
        peer.send(pdv(1, LAST, data[501:]))
        assert peer.status() == 0
        assert peer.release() == 6
    assert receiver.intake.kept_uids() == {uid}
    assert receiver.intake.kept_file(uid).read_bytes().endswith(data)


def test_an_unreadable_header_is_c000_and_quarantined(receiver: Receiver) -> None:
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, LAST, b"\xff" * 500))
        assert peer.status() == 0xC000
    assert len(list(receiver.intake.quarantine.iterdir())) == 1


def test_another_instance_uid_than_announced_is_c000(receiver: Receiver, tmp_path: Path) -> None:
    data = data_set_of(MG, "1.2.3.4", tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3.5")), pdv(1, LAST, data))
        assert peer.status() == 0xC000


def test_another_class_than_announced_is_a900(receiver: Receiver, tmp_path: Path) -> None:
    data = data_set_of(CTImageStorage, "1.2.3.4", tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3.4")), pdv(1, LAST, data))
        assert peer.status() == 0xA900


def test_a_class_that_was_not_negotiated_is_0122_and_nothing_is_kept(receiver: Receiver, tmp_path: Path) -> None:
    data = data_set_of(CTImageStorage, "1.2.3.4", tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(CTImageStorage, "1.2.3.4")), pdv(1, LAST, data))
        assert peer.status() == 0x0122
    assert receiver.intake.accepted == []
    assert receiver.intake.leftovers() == []


def test_an_intake_without_space_is_a700_and_the_association_lives_on(receiver: Receiver, tmp_path: Path) -> None:
    uid = generate_uid()
    data = data_set_of(MG, uid, tmp_path / "f")
    receiver.intake.refuse_with = Answer(Verdict.OUT_OF_RESOURCES, "No space on the disk " + "x" * 80)
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data))
        kind, response = peer.receive()
        assert kind == 4
        assert b"No space on the disk " in response
        receiver.intake.refuse_with = None
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data))
        assert peer.status() == 0
    assert receiver.intake.leftovers() == []


def test_a_file_that_cannot_be_written_is_a700(receiver: Receiver, tmp_path: Path) -> None:
    receiver.intake.new_file = lambda: tmp_path / "no" / "such" / "folder"  # type: ignore[method-assign]  # that day
    data = data_set_of(MG, "1.2.3", tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, LAST, data))
        assert peer.status() == 0xA700
        assert peer.release() == 6
    assert receiver.events("object_not_written")


def test_an_intake_that_raises_is_a700_logged_and_leaves_nothing(receiver: Receiver, tmp_path: Path) -> None:
    def explode(path: Path) -> None:
        raise RuntimeError("a fault of ours")

    receiver.intake.before_accept = explode
    data = data_set_of(MG, "1.2.3", tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, LAST, data))
        assert peer.status() == 0xA700
    assert receiver.events("object_not_stored")
    assert receiver.intake.leftovers() == []


def test_a_request_without_a_data_set_is_c000_or_ends_the_association(receiver: Receiver) -> None:
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3", data_set=False)))
        assert peer.status() == 0xC000
    receiver.wait_for_endings(1)
    assert receiver.intake.accepted == []


@pytest.mark.parametrize("ending", ["abort", "close", "garbage", "reset"])
def test_an_association_that_breaks_inside_an_object_leaves_no_file(receiver: Receiver, ending: str) -> None:
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, 0, b"\0" * 9000))
        deadline = time.monotonic() + 5
        while not receiver.intake.leftovers() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert receiver.intake.leftovers(), "the object should be on its way"
        if ending == "abort":
            peer.abort()
        elif ending == "garbage":
            peer.socket.sendall(b"\xff" * 100)
        elif ending == "reset":
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    receiver.wait_for_endings(1)
    assert receiver.intake.leftovers() == []
    assert receiver.intake.accepted == []
    assert receiver.events("incomplete_object_discarded")


@pytest.mark.parametrize("within_pdu", [True, False], ids=["inside a PDU", "between PDUs"])
def test_a_peer_that_falls_silent_is_reaped(start_receiver: StartReceiver, within_pdu: bool) -> None:
    receiver = start_receiver(network_timeout=0.6)
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, 0, b"\0" * 9000))
        if within_pdu:
            peer.socket.sendall(pdu(4, b"\0" * 1000)[:500])
        receiver.wait_for_endings(1)
        assert receiver.intake.leftovers() == []
        assert receiver.scp.open_associations == 0


def test_a_connection_that_never_asks_is_closed_without_an_association(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(acse_timeout=0.4)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as probe:
        assert probe.recv(100) in (b"", b"\x07\0\0\0\0\4\0\0\2\0", b"\x07\0\0\0\0\4\0\0\0\0")
    receiver.wait_for_endings(0)


def test_probes_of_a_load_balancer_leave_no_threads(receiver: Receiver) -> None:
    before = threading.active_count()
    for _ in range(30):
        socket.create_connection(("127.0.0.1", receiver.port), timeout=5).close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_an_association_beyond_the_limit_is_rejected_for_now(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(max_associations=2)
    with RawPeer(receiver.port), RawPeer(receiver.port) as second:
        assert second.answer[0] == 2
        with RawPeer(receiver.port) as third:
            assert third.answer == (3, b"\0\2\3\2")
        second.release()
    receiver.wait_for_endings(2)
    assert "which is the limit" in receiver.events("association_rejected")[0]["reason"]


def test_twenty_associations_at_once_deliver_everything(receiver: Receiver, tmp_path: Path) -> None:
    uids = [[generate_uid() for _ in range(3)] for _ in range(20)]
    data = {uid: data_set_of(MG, uid, tmp_path / "f") for sender in uids for uid in sender}

    def send(own: list[str]) -> list[int]:
        statuses = []
        with RawPeer(receiver.port) as peer:
            for uid in own:
                peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data[uid]))
                statuses.append(peer.status())
            assert peer.release() == 6
        return statuses

    with ThreadPoolExecutor(20) as senders:
        assert list(senders.map(send, uids)) == [[0, 0, 0]] * 20
    assert receiver.intake.kept_uids() == set(data)
    receiver.wait_for_endings(20)


def test_stop_aborts_what_does_not_end_by_itself_and_frees_the_port(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(stop_seconds=0.3)
    port = receiver.port
    with RawPeer(port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, "1.2.3")), pdv(1, 0, b"\0" * 9000))
        receiver.scp.stop()
        assert peer.receive()[0] in (0, 7)
    receiver.wait_for_endings(1)
    assert receiver.intake.leftovers() == []
    assert start_receiver(port=port).port == port


def test_stop_does_not_wait_for_connections_that_never_asked(start_receiver: StartReceiver) -> None:
    threads = threading.active_count()
    receiver = start_receiver(stop_seconds=0.2)
    with socket.create_connection(("127.0.0.1", receiver.port)):
        time.sleep(0.1)
        started = time.monotonic()
        receiver.scp.stop()
        assert time.monotonic() - started < 3
    deadline = time.monotonic() + 3
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= threads


@pytest.mark.parametrize("uid", ["1.2.003.4", "1.2.840.abc", "1.2.3\0"])
def test_a_uid_that_breaks_the_rules_does_not_stop_storage(receiver: Receiver, tmp_path: Path, uid: str) -> None:
    data = data_set_of(MG, uid.rstrip("\0"), tmp_path / "f")
    with RawPeer(receiver.port) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(MG, uid)), pdv(1, LAST, data))
        assert peer.status() == 0
    assert receiver.intake.kept_uids() == {uid.rstrip("\0")}


def test_a_taken_port_is_an_exception_that_says_what_to_do(receiver: Receiver) -> None:
    second = StorageScp(ScpSettings(port=receiver.port), receiver.intake, receiver.scp._log)
    with pytest.raises(PortInUse, match=r"set dicom\.port to a free port"):
        second.start()


def test_the_cheap_way_of_accepting_does_not_mix_up_associations(receiver: Receiver) -> None:
    with (
        RawPeer(receiver.port, transfer_syntax_uid=ExplicitVRLittleEndian) as one,
        RawPeer(receiver.port, sop_class_uid=CTImageStorage) as other,
        RawPeer(receiver.port) as third,
    ):
        results = [peer.answer[1][68 + 4 + 21 + 4 + 2] for peer in (one, other, third)]
        assert results == [0, 3, 0]

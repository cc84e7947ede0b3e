"""The benchmark's sender against the gateway's own Storage SCP."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
import structlog
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from benchmarks import wire
from benchmarks.image_file import ImageFile, NotSendable
from benchmarks.load import IMAGES_A_STUDY, send
from benchmarks.raw_sender import Address, SendingAssociation, SendingFailed, fresh_uid
from dicom_node.intake import Answer, Verdict
from dicom_node.storage_scp import ScpSettings, StorageScp
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.peers.synthetic import mammogram, write

StartReceiver = Callable[..., Address]


@pytest.fixture
def intake(tmp_path: Path) -> DirectoryIntake:
    return DirectoryIntake(tmp_path / "intake")


@pytest.fixture
def start_receiver(intake: DirectoryIntake) -> Iterator[StartReceiver]:
    running: list[StorageScp] = []

    def start(max_pdu_bytes: int = 16_384) -> Address:
        scp = StorageScp(ScpSettings(port=0, max_pdu_bytes=max_pdu_bytes), intake, structlog.get_logger())
        scp.start()
        running.append(scp)
        return Address("127.0.0.1", scp.port, "MAMMOGATE")

    yield start
    for scp in running:
        scp.stop()


@pytest.fixture
def receiver(start_receiver: StartReceiver) -> Address:
    return start_receiver()


def image_in(folder: Path, transfer_syntax: str = ExplicitVRLittleEndian, **tags: str) -> tuple[ImageFile, Path]:
    path = folder / f"{len(list(folder.glob('*.dcm')))}.dcm"
    write(mammogram(rows=200, columns=160, transfer_syntax=transfer_syntax, tags=tags), path)
    return ImageFile.open(path), path


# 10007 is odd and cuts elements anywhere; the image is smaller than a PDU of 128 KiB.
@pytest.mark.parametrize("max_pdu_bytes", [4096, 10_007, 16_384, 131_072])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEG2000Lossless], ids=["plain", "jpeg2000"])
def test_an_image_arrives_whole_under_its_new_uids_whatever_the_largest_pdu(
    start_receiver: StartReceiver, intake: DirectoryIntake, tmp_path: Path, syntax: str, max_pdu_bytes: int
) -> None:
    image, path = image_in(tmp_path, syntax)
    instance, study = fresh_uid(), fresh_uid()
    with SendingAssociation(start_receiver(max_pdu_bytes), [image]) as association:
        size = association.store(image, instance, study)
    sent, kept = pydicom.dcmread(path), pydicom.dcmread(intake.kept_file(instance))
    assert kept.StudyInstanceUID == study
    sent.SOPInstanceUID, sent.StudyInstanceUID = instance, study
    assert kept == sent
    assert kept.file_meta.TransferSyntaxUID == syntax
    # pydicom's UIDs are longer than ours.
    assert size < image.size


def test_a_load_is_shared_by_its_associations_and_holds_no_uid_twice(
    receiver: Address, intake: DirectoryIntake, tmp_path: Path
) -> None:
    images = [image_in(tmp_path)[0], image_in(tmp_path, JPEG2000Lossless)[0]]
    count = 3 * IMAGES_A_STUDY + 1
    sent = send(receiver, images, count, associations=3)
    kept = [pydicom.dcmread(intake.kept_file(uid)) for uid in intake.kept_uids()]
    assert sent.images == len(kept) == count
    assert len({file.StudyInstanceUID for file in kept}) == 4
    assert len({origin.association_id for _, origin, _ in intake.accepted}) <= 3
    studies: dict[str, set[str]] = {}
    for _, origin, answer in intake.accepted:
        studies.setdefault(str(answer.study_instance_uid), set()).add(origin.association_id)
    assert all(len(associations) == 1 for associations in studies.values())
    assert sent.seconds > 0


def test_a_refused_image_ends_the_load_with_the_receivers_words(
    receiver: Address, intake: DirectoryIntake, tmp_path: Path
) -> None:
    intake.refuse_with = Answer(Verdict.OUT_OF_RESOURCES, "The disk is full")
    with pytest.raises(SendingFailed, match="0xA700 The disk is full"):
        send(receiver, [image_in(tmp_path)[0]], 2)


def test_a_sop_class_that_is_not_accepted_is_named(receiver: Address, tmp_path: Path) -> None:
    image, _ = image_in(tmp_path, SOPClassUID=CTImageStorage)
    with pytest.raises(SendingFailed, match=CTImageStorage):
        send(receiver, [image], 1)


def test_a_rejected_association_is_a_failure(receiver: Address, tmp_path: Path) -> None:
    with pytest.raises(SendingFailed, match="type 3"):
        SendingAssociation(Address(receiver.host, receiver.port, "SOMEBODY"), [image_in(tmp_path)[0]])


def test_what_the_sender_cannot_rewrite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotSendable, match="not explicit little endian"):
        image_in(tmp_path, ImplicitVRLittleEndian)
    (tmp_path / "text.dcm").write_bytes(b"words " * 100)
    with pytest.raises(NotSendable, match="not a DICOM file"):
        ImageFile.open(tmp_path / "text.dcm")


@pytest.mark.parametrize(("limit", "capacity"), [(16_384, 16_378), (10_007, 10_000), (0, wire.UNLIMITED_PDU - 6)])
def test_fragments_are_even_and_within_the_acceptors_limit(limit: int, capacity: int) -> None:
    maximum = struct.pack(">BBHI", 0x51, 0, 4, limit)
    accepted, refused = b"\x21\0\0\x04\x01\0\0\0", b"\x21\0\0\x04\x03\0\x04\0"
    user = struct.pack(">BBH", 0x50, 0, len(maximum)) + maximum
    assert wire.acceptance(bytes(68) + accepted + refused + user) == wire.Acceptance(frozenset({1}), capacity)
    pieces = [memoryview(bytes(7)), memoryview(bytes(2 * capacity - 7)), memoryview(bytes(2))]
    buffers = list(wire.data_set_pdus(1, pieces, capacity))
    headers = [buffer for buffer in buffers if isinstance(buffer, bytes)]
    assert [struct.unpack(">BxIIBB", header)[1] for header in headers] == [capacity + 6, capacity + 6, 8]
    assert [header[-1] for header in headers] == [0, 0, 2]
    assert sum(map(len, buffers)) == 2 * capacity + 2 + 3 * len(headers[0])


def test_an_answer_may_come_in_pieces_and_with_a_comment() -> None:
    command = b"".join(
        struct.pack("<HHI", 0, number, len(value)) + value
        for number, value in ((0x0120, b"\x07\0"), (0x0900, b"\0\xa7"), (0x0902, b"Full "))
    )
    first = struct.pack(">IBB", 12, 1, 1) + command[:10]
    last = struct.pack(">IBB", len(command) - 8, 1, 3) + command[10:]
    assert wire.command_fragments(first) == (command[:10], False)
    assert wire.command_fragments(first + last) == (command, True)
    assert wire.store_answer(command) == wire.StoreAnswer(0xA700, 7, "Full")


def test_fresh_uids_are_valid_and_of_one_length() -> None:
    uids = [pydicom.uid.UID(fresh_uid()) for _ in range(100)]
    assert len(set(uids)) == 100
    assert {len(uid) for uid in uids} == {44}
    assert all(uid.is_valid and int(uid.removeprefix("2.25.")) < 2**128 for uid in uids)

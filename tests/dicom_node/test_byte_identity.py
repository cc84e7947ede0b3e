"""What is kept is what was sent, byte for byte, whatever the transfer syntax, the fragments and the contents."""

from __future__ import annotations

import itertools
import random
import struct
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalMammographyXRayImageStorageForPresentation,
    JPEGBaseline8Bit,
    MammographyCADSRStorage,
)

from dicom_node import transfer_syntaxes
from dicom_node.file_meta import part10_head
from tests.dicom_node.conftest import Receiver
from tests.dicom_node.raw_peer import RawPeer, pdv, store_command
from tests.peers.synthetic import mammogram

COMMAND, LAST = 1, 2
CASES = [(DigitalMammographyXRayImageStorageForPresentation, syntax) for syntax in transfer_syntaxes.FOR_IMAGES]
CASES += [(MammographyCADSRStorage, DeflatedExplicitVRLittleEndian)]


def awkward(image: Dataset) -> None:
    """Add what breaks receivers that decode: private tags, odd lengths, sequences of undefined length, odd text."""
    block = image.private_block(0x0043, "Böse Werke", create=True)
    block.add_new(0x10, "OB", b"odd")
    block.add_new(0x11, "UN", bytes(range(255)))
    item, inner = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "x" * 63
    item.ConceptNameCodeSequence = Sequence([inner])
    item["ConceptNameCodeSequence"].is_undefined_length = True
    item.is_undefined_length_sequence_item = True
    image.AnatomicRegionSequence = Sequence([item, Dataset()])
    image["AnatomicRegionSequence"].is_undefined_length = True
    image.InstitutionName = "Krankenhaus\\mit Rückstrich"


def data_set_bytes(image: Dataset, syntax: str) -> bytes:
    if syntax == DeflatedExplicitVRLittleEndian:
        whole = BytesIO()
        dcmwrite(whole, image, enforce_file_format=True)
        (meta_length,) = struct.unpack_from("<I", whole.getvalue(), 140)
        return whole.getvalue()[144 + meta_length :]
    buffer = BytesIO()
    file = DicomFileLike(buffer)
    file.is_implicit_VR, file.is_little_endian = UID(syntax).is_implicit_VR, UID(syntax).is_little_endian
    write_dataset(file, image, "iso8859")
    return buffer.getvalue()


def in_fragments(data: bytes, dice: random.Random) -> list[bytes]:
    """Cut at odd and even places, with an empty fragment among them."""
    cuts = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(40))})
    pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
    pieces.insert(dice.randrange(len(pieces)), b"")
    return pieces


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom says of each awkward value that it is one
@pytest.mark.parametrize(("sop_class", "syntax"), CASES, ids=lambda uid: UID(uid).keyword)
def test_the_data_set_is_kept_byte_for_byte(receiver: Receiver, sop_class: str, syntax: str) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    image = mammogram(transfer_syntax=syntax, rows=63, columns=47, bits=bits, tags={"SOPClassUID": sop_class})
    awkward(image)
    if syntax == DeflatedExplicitVRLittleEndian:
        del image.PixelData
    sent = data_set_bytes(image, syntax)
    *pieces, end = in_fragments(sent, random.Random(syntax))
    with RawPeer(receiver.port, sop_class_uid=sop_class, transfer_syntax_uid=syntax) as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(sop_class, image.SOPInstanceUID)), pdv(1, 0, pieces[0]))
        for piece in pieces[1:]:
            peer.send(pdv(1, 0, piece))
        peer.send(pdv(1, LAST, end))
        assert peer.status() == 0
        assert peer.release() == 6
    head = part10_head(
        sop_class_uid=sop_class,
        sop_instance_uid=image.SOPInstanceUID,
        transfer_syntax_uid=syntax,
        sender="RAWPEER",
    )
    kept = receiver.intake.kept_file(image.SOPInstanceUID)
    assert kept.read_bytes() == head + sent
    assert dcmread(kept, stop_before_pixels=True).PatientID == image.PatientID


def test_many_fragments_of_one_byte_are_put_together(receiver: Receiver, tmp_path: Path) -> None:
    image = mammogram(rows=16, columns=16)
    sent = data_set_bytes(image, "1.2.840.10008.1.2.1")
    with RawPeer(receiver.port, transfer_syntax_uid="1.2.840.10008.1.2.1") as peer:
        peer.send(pdv(1, COMMAND | LAST, store_command(image.SOPClassUID, image.SOPInstanceUID)))
        peer.send(*(pdv(1, 0, bytes([byte])) for byte in sent[:-1]))
        peer.send(pdv(1, LAST, sent[-1:]))
        assert peer.status() == 0
    assert receiver.intake.kept_file(image.SOPInstanceUID).read_bytes().endswith(sent)

"""The head of a received file is what pydicom would have written."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import dcmread
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, JPEG2000Lossless
from pynetdicom.dsutils import create_file_meta

from dicom_node.file_meta import PREAMBLE, part10_head

uids = st.lists(st.integers(0, 10**7), min_size=2, max_size=7).map(lambda parts: ".".join(map(str, parts)))
titles = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), max_size=16)


@given(uids, uids, titles)
def test_it_equals_pydicoms_byte_for_byte(sop_class: str, instance: str, sender: str) -> None:
    meta = create_file_meta(
        sop_class_uid=UID(sop_class), sop_instance_uid=UID(instance), transfer_syntax=JPEG2000Lossless
    )
    if sender:
        meta.SourceApplicationEntityTitle = sender
    expected = BytesIO()
    write_file_meta_info(expected, meta)
    assert (
        part10_head(
            sop_class_uid=sop_class, sop_instance_uid=instance, transfer_syntax_uid=JPEG2000Lossless, sender=sender
        )
        == PREAMBLE + expected.getvalue()
    )


@pytest.mark.parametrize("uid", ["1" * 65, "1.2." + "9" * 300, "1.2.\xff"])
def test_a_uid_that_breaks_the_rules_still_gives_a_readable_head(uid: str) -> None:
    head = part10_head(sop_class_uid="1.2", sop_instance_uid=uid, transfer_syntax_uid="1.2.840.10008.1.2", sender="")
    meta = dcmread(BytesIO(head)).file_meta
    assert len(meta["MediaStorageSOPInstanceUID"].value) <= 64
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2"

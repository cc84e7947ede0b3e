"""Zip files that would do harm, are damaged, or lie: refused in words that help."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database.models import Instance
from gateway.uploads.zip_file import ZipRefused, opened_zip
from tests.gateway.uploads.centre import Site, image, packed, verdicts

QUICKLY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (packed({"a": bytes(65 << 20)}), "The zip file unpacks to more than 64 MiB."),
        (packed({f"{number}": b"" for number in range(2001)}), "The zip file holds more than 2000 files."),
        (packed({"a": b"x" * 100})[:-30], "The zip file is damaged, or not complete."),
        (packed({}), "The zip file is empty."),
    ],
    ids=["bomb", "many", "cut short", "empty"],
)
def test_a_zip_that_would_do_harm_is_refused_as_a_whole(site: Site, archive: bytes, sentence: str) -> None:
    state = site.upload({"study.zip": archive})
    ((verdict, reason),) = verdicts(state).values()
    assert verdict == "refused"
    assert str(reason).startswith(sentence)
    assert (site.count(Instance), site.left()) == (0, [])


def test_a_zip_that_is_locked_with_a_password_is_refused(site: Site, tmp_path: Path) -> None:
    archive = bytearray(packed({"a.dcm": image(tmp_path)}))
    central = archive.rindex(b"PK\x01\x02")
    archive[central + 8] |= 1  # general purpose bit 0 (APPNOTE 4.4.4)
    archive[6] |= 1
    state = site.upload({"study.zip": bytes(archive)})
    assert verdicts(state) == {"study.zip": ("refused", "The zip file is locked with a password. Pack it without one.")}


def test_a_size_that_a_zip_lies_about_lets_no_more_out_of_it(site: Site) -> None:
    archive = bytearray(packed({"a": bytes(8 << 20)}))
    central = archive.rindex(b"PK\x01\x02")
    archive[central + 24 : central + 28] = (1000).to_bytes(4, "little")
    state = site.upload({"study.zip": bytes(archive)})
    assert verdicts(state) == {"a": ("refused", "The zip file is damaged, or not complete. Pack it again.")}


def test_names_that_lead_elsewhere_zips_in_zips_and_damaged_members_are_refused_alone(
    site: Site, tmp_path: Path
) -> None:
    members = {
        "good.dcm": image(tmp_path),
        "../../evil.dcm": image(tmp_path, "MLO"),
        "/etc/evil.dcm": image(tmp_path, "MLO"),
        "C:\\evil.dcm": image(tmp_path, "MLO"),
        "inner.zip": packed({"a.dcm": image(tmp_path, "ML")}),
        "damaged": b"this sentence will be damaged",
    }
    archive = bytearray(packed(members, zipfile.ZIP_STORED))
    archive[archive.index(b"this sentence")] ^= 1
    found = verdicts(site.upload({"study.zip": bytes(archive)}))
    assert found.pop("good.dcm") == ("stored", None)
    assert found == {
        **dict.fromkeys(
            ("../../evil.dcm", "/etc/evil.dcm", "C:\\evil.dcm"), ("refused", "Its name leads out of the zip file.")
        ),
        "inner.zip": ("refused", "A zip file within a zip file. Unpack it first."),
        "damaged": ("refused", "The zip file is damaged, or not complete. Pack it again."),
    }
    assert site.count(Instance) == 1
    assert not list(site.parts.folders.root.parent.glob("**/evil.dcm"))


def off_by_one(archive: bytes) -> bytes:
    """The directory is said to begin a byte later than it does: each member seems to begin before the file."""
    end = archive.rindex(b"PK\x05\x06")
    at = int.from_bytes(archive[end + 16 : end + 20], "little")
    return archive[: end + 16] + (at + 1).to_bytes(4, "little") + archive[end + 20 :]


@pytest.mark.parametrize(
    "damage", [off_by_one, lambda archive: archive[:4] + archive[9:]], ids=["offset", "lacks bytes"]
)
def test_a_zip_whose_members_begin_before_the_file_is_damaged_and_not_a_full_disk(
    site: Site, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    state = site.upload({"study.zip": damage(packed({"a.dcm": image(tmp_path)}))})
    assert (state["status"], state["problem"]) == ("done", None)
    assert verdicts(state) == {"study.zip": ("refused", "The zip file is damaged, or not complete. Pack it again.")}
    assert site.left() == []


def test_a_member_that_begins_after_the_file_is_refused_with_its_zip(site: Site, tmp_path: Path) -> None:
    archive = bytearray(packed({"a.dcm": image(tmp_path)}))
    central = archive.rindex(b"PK\x01\x02")
    archive[central + 42 : central + 46] = (1 << 31).to_bytes(4, "little")  # APPNOTE 4.4.16
    state = site.upload({"study.zip": bytes(archive)})
    assert verdicts(state) == {"study.zip": ("refused", "The zip file is damaged, or not complete. Pack it again.")}


@QUICKLY
@given(noise=st.binary(max_size=300), cut=st.integers(0, 400), flips=st.lists(st.integers(0, 399), max_size=4))
def test_no_zip_file_whatever_was_done_to_it_fails_in_another_way(
    tmp_path: Path, noise: bytes, cut: int, flips: list[int]
) -> None:
    archive = bytearray(packed({"a": noise, "b/c": b"x" * 50}))
    for place in flips:
        archive[place % len(archive)] ^= 0x5A
    path = tmp_path / "some.zip"
    path.write_bytes(bytes(archive[: len(archive) - cut % len(archive)]))
    try:
        with opened_zip(path, 1 << 20) as opened:
            for member in opened.members:
                target = tmp_path / "unpacked"
                target.unlink(missing_ok=True)
                try:
                    opened.unpack(member, target)
                except ZipRefused:
                    continue
                assert target.stat().st_size <= member.size
    except ZipRefused:
        pass

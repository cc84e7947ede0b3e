"""What becomes of the files of an upload: stored once, or refused in words that help."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import update

from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict
from dicom_node.without_preamble import NoDicomObject, missing_head
from gateway.database.models import Duplicate, Instance, Quarantined, Study
from gateway.database.upload_models import Upload
from gateway.uploads.places import storing_alone
from gateway.uploads.zip_file import ZipRefused, opened_zip
from tests.gateway.uploads.centre import Site
from tests.peers.synthetic import Exam, ct_slice, mammogram, write

QUICKLY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def image(folder: Path, view: str = "CC", **options: Any) -> bytes:
    return write(mammogram("L", view, rows=64, columns=48, **options), folder / "image.dcm").read_bytes()


def packed(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def verdicts(state: Any) -> dict[str, tuple[str, str | None]]:
    return {item["name"]: (item["verdict"], item["reason"]) for item in state["items"]}


def test_a_zip_of_a_study_is_unpacked_and_each_image_is_stored_byte_for_byte(site: Site, tmp_path: Path) -> None:
    exam = Exam()
    images = {f"STUDY/{view}": image(tmp_path, view, exam=exam) for view in ("CC", "MLO")}
    clutter = {"__MACOSX/STUDY/._CC": b"x", "STUDY/.DS_Store": b"x", "STUDY/Thumbs.db": b"x"}
    state = site.upload({"study.zip": packed({**images, **clutter})})
    assert sorted(site.stored().values()) == sorted(images.values())
    assert verdicts(state) == {
        **dict.fromkeys(images, ("stored", None)),
        **dict.fromkeys(clutter, ("left_out", None)),
    }
    assert [study["study_instance_uid"] for study in state["studies"]] == [exam.study_instance_uid]
    assert site.left() == []


def test_what_is_no_mammogram_is_refused_with_a_reason_and_the_rest_is_stored(site: Site, tmp_path: Path) -> None:
    ct = write(ct_slice(), tmp_path / "ct.dcm").read_bytes()
    chest = image(tmp_path, tags={"Modality": "CR"})
    state = site.upload(
        {
            "good.dcm": image(tmp_path),
            "ct.dcm": ct,
            "chest.dcm": chest,
            "letter.pdf": b"%PDF-1.7 something",
            "photo.jpg": b"\xff\xd8\xff\xe0 JFIF",
            "notes.txt": b"the patient's letter",
            "empty.dcm": b"",
            "cut.dcm": image(tmp_path)[:300],
        }
    )
    found = verdicts(state)
    assert found.pop("good.dcm") == ("stored", None)
    assert {verdict for verdict, _ in found.values()} == {"refused"}
    reasons = {name: reason or "" for name, (_, reason) in found.items()}
    assert reasons["ct.dcm"] == "Not a mammogram: it is CT Image Storage."
    assert reasons["chest.dcm"] == "Not a mammogram: its modality is CR, not MG."
    assert reasons["letter.pdf"].startswith("It is a PDF document, not a DICOM file.")
    assert reasons["photo.jpg"].startswith("It is a JPEG picture, not a DICOM file.")
    assert reasons["notes.txt"].startswith("It is not a DICOM file.")
    assert reasons["empty.dcm"] == "It is empty."
    assert reasons["cut.dcm"].startswith("The DICOM file is damaged: ")
    assert (site.count(Instance), site.count(Quarantined), site.left()) == (1, 0, [])
    assert ("upload", "ok", site.study_uids()[0]) in site.trail()
    assert ("upload", "refused", None) in site.trail()


def test_an_image_that_is_kept_and_not_read_is_stored_and_says_so(site: Site, tmp_path: Path) -> None:
    state = site.upload({"spot.dcm": image(tmp_path, tags={"EstimatedRadiographicMagnificationFactor": 1.8})})
    ((verdict, reason),) = verdicts(state).values()
    assert verdict == "stored"
    assert str(reason).startswith("Kept, not read: a magnification view")


def test_the_index_of_a_disc_is_left_out(site: Site, tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    disc = FileSet()
    disc.add(write(mammogram(rows=16, columns=16), tmp_path / "in" / "a.dcm"))
    disc.write(tmp_path / "disc")
    files = {path.name: path.read_bytes() for path in (tmp_path / "disc").rglob("*") if path.is_file()}
    assert "DICOMDIR" in files
    state = site.upload({"disc.zip": packed(files)})
    assert verdicts(state)["DICOMDIR"] == ("left_out", None)
    assert site.count(Instance) == 1


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


@pytest.mark.parametrize("form", ["no preamble", "no meta, explicit", "no meta, implicit"])
def test_a_dicom_file_without_its_head_is_completed_and_its_pixels_are_the_same(
    site: Site, tmp_path: Path, form: str
) -> None:
    options = {"transfer_syntax": ImplicitVRLittleEndian} if form.endswith("implicit") else {}
    content = image(tmp_path, **options)
    dataset = dcmread(io.BytesIO(content))
    meta_end = 132 + 12 + int(dataset.file_meta[0x00020000].value)
    bare = content[132:] if form == "no preamble" else content[meta_end:]
    state = site.upload({"image": bare})
    assert verdicts(state) == {"image": ("stored", None)}
    (stored,) = site.stored().values()
    assert stored.endswith(bare)
    again = dcmread(io.BytesIO(stored))
    assert np.array_equal(again.pixel_array, dataset.pixel_array)
    assert again.SOPInstanceUID == dataset.SOPInstanceUID


def test_a_file_that_is_not_the_announced_one_is_refused(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    content = image(tmp_path)
    centre.begin({"a.dcm": content})
    centre.put(1, 0, content[:-1] + bytes([content[-1] ^ 1]))
    centre.finish()
    site.storer.store_all()
    ((verdict, reason),) = verdicts(centre.state()).values()
    assert (verdict, reason) == ("refused", "It arrived otherwise than it was announced. Send it again.")
    assert site.count(Instance) == 0


class Dies(BaseException):
    """The process was killed."""


class DyingIntake:
    """The real intake, in a process that is killed right after an image was made durable, before anybody is told."""

    def __init__(self, site: Site) -> None:
        self._intake = site.intake
        self.accepted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._intake, name)

    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        self._intake.accept(path, announced, origin)
        self.accepted += 1
        raise Dies


def test_a_storer_that_dies_after_each_image_leaves_every_image_once(site: Site, tmp_path: Path) -> None:
    exam = Exam()
    images = {view: image(tmp_path, view, exam=exam) for view in ("CC", "MLO", "ML")}
    centre = site.centre()
    centre.send({"study.zip": packed(images)})
    for _ in range(2):
        with pytest.raises(Dies):
            site.new_storer(DyingIntake(site)).store_all()
        site.restart()
        site.storer = site.new_storer()
    centre = speaking_again(site, centre)
    site.storer.store_all()
    assert verdicts(centre.state()) == dict.fromkeys(images, ("stored", None))
    assert sorted(site.stored().values()) == sorted(images.values())
    assert centre.state()["status"] == "done"


class FullIntake(DyingIntake):
    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        self._intake.discard(path)
        return Answer(Verdict.OUT_OF_RESOURCES, "the gateway's disk is full")


def test_a_gateway_that_can_not_store_now_says_so_and_goes_on_by_itself(site: Site, tmp_path: Path) -> None:
    content = image(tmp_path)
    centre = site.centre()
    centre.send({"a.dcm": content})
    site.new_storer(FullIntake(site)).store_all()
    state = centre.state()
    assert (state["status"], state["items"]) == ("storing", [])
    assert state["problem"] == "The gateway can't store it now: the gateway's disk is full. It goes on by itself."
    site.storer.store_all()
    state = centre.state()
    assert (state["status"], state["problem"]) == ("done", None)
    assert list(site.stored().values()) == [content]


def test_an_empty_zip_beside_a_file_that_has_to_wait_is_judged_once(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    centre.send({"empty.zip": packed({}), "a.dcm": image(tmp_path)})
    for _ in range(2):
        site.new_storer(FullIntake(site)).store_all()
        assert verdicts(centre.state()) == {"empty.zip": ("refused", "The zip file is empty.")}
    site.storer.store_all()
    assert centre.state()["status"] == "done"
    assert verdicts(centre.state())["a.dcm"] == ("stored", None)


class BreakingIntake(DyingIntake):
    """Our code fails at the first image that it is given, and takes the others."""

    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        self.accepted += 1
        if self.accepted == 1:
            raise KeyError("a defect")
        return self._intake.accept(path, announced, origin)


def test_an_upload_that_breaks_our_code_says_so_and_keeps_nobody_else_waiting(site: Site, tmp_path: Path) -> None:
    first, second = site.centre(name="first"), site.centre(name="second")
    first.send({"a.dcm": image(tmp_path)})
    second.send({"b.dcm": image(tmp_path, "MLO")})
    site.new_storer(BreakingIntake(site)).store_all()
    assert (first.state()["status"], second.state()["status"]) == ("storing", "done")
    assert first.state()["problem"] == "The gateway can't store it now: its log says why. It goes on by itself."
    site.storer.store_all()
    assert (first.state()["status"], first.state()["problem"]) == ("done", None)


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


def test_an_upload_that_has_to_wait_can_be_cancelled_and_not_while_it_is_stored(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    centre.send({"a.dcm": image(tmp_path)})
    with storing_alone(site.parts.folders, centre.upload_id):
        assert centre.cancel().json()["error"]["code"] == "not_receiving"
    site.new_storer(FullIntake(site)).store_all()
    assert centre.cancel().status_code == 204
    site.storer.store_all()
    assert (site.count(Upload), site.count(Instance), site.left()) == (0, 0, [])


def test_an_upload_that_was_stored_in_part_and_is_cancelled_keeps_its_trail_and_is_not_tried_each_round(
    site: Site, tmp_path: Path
) -> None:
    centre = site.centre()
    centre.send({"a.dcm": image(tmp_path), "b.dcm": image(tmp_path, "MLO")})
    intake = SecondBreaks(site)
    storer = site.new_storer(intake)
    for _ in range(3):
        storer.store_all()
    assert intake.accepted == 2
    assert centre.cancel().status_code == 204
    assert (site.count(Upload), site.count(Instance)) == (0, 1)
    assert ("upload", "ok", site.study_uids()[0]) in site.trail()


class SecondBreaks(DyingIntake):
    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        self.accepted += 1
        if self.accepted > 1:
            raise KeyError("a defect")
        return self._intake.accept(path, announced, origin)


def test_a_second_upload_of_the_same_image_adds_nothing(site: Site, tmp_path: Path) -> None:
    content = image(tmp_path)
    for _ in range(2):
        assert verdicts(site.upload({"a.dcm": content})) == {"a.dcm": ("stored", None)}
    assert site.count(Instance) == 1
    assert site.count(Duplicate) == 1  # compared by the worker, as after a second C-STORE


def test_how_far_the_study_is_can_be_read_afterwards(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    centre.send({"a.dcm": image(tmp_path)})
    site.storer.store_all()
    for status in ("queued", "reported"):
        with site.parts.database.write() as session:
            session.execute(update(Study).values(status=status))
        assert [study["status"] for study in centre.state()["studies"]] == [status]
    with site.parts.database.read() as session:
        assert session.query(Upload.status).scalar() == "done"


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


@QUICKLY
@given(
    start=st.sampled_from([b"", b"\x08\x00\x05\x00", b"\x08\x00\x05\x00CS", b"\x02\x00\x00\x00UL"]), rest=st.binary()
)
def test_bytes_that_are_no_dicom_are_only_told_so(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "some"
    path.write_bytes(start + rest)
    try:
        missing_head(path)
    except NoDicomObject:
        return
    assert start == b"\x02\x00\x00\x00UL" or b"DICM" in rest


def speaking_again(site: Site, before: Any) -> Any:
    """The same sender, speaking to the process that runs now."""
    centre = site.centre()
    centre.upload_id = before.upload_id
    return centre

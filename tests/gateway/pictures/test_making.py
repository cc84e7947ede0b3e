"""Pictures in the data folder: what is in them, when they are made, and that none outlives its image."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import RLELossless
from structlog.testing import capture_logs

from gateway.database.columns import now
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.pictures import making
from gateway.pictures.build import build_picture
from gateway.reading.child import Child, ChildCrashed
from gateway.strays import StraySweep
from preprocessing.decode import decode_pixels
from reporting.feed.stores import ImageAbsentError
from tests.gateway.pictures.rows import EXTENT, HEAT, Read
from tests.gateway.retention.rows import rows_of
from tests.peers.synthetic import Exam, mammogram, write
from tests.system.small_breasts import truncate_pixels

ONE, TWO = "1.2.1", "1.2.2"
NAMES = {"image.json", "preview.webp", "overview.jph", "pixels.jph", "heat.png"}


def test_a_picture_is_what_the_image_holds(read: Read) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    served = read.served(exam, ONE)
    described = served.description
    column, row, width, height = described.box
    stored = decode_pixels(read.settled.file(ONE))[row : row + height, column : column + width]
    codestream = served.pixels.read_bytes()
    assert np.array_equal(imagecodecs.htj2k_decode(codestream), stored)
    assert described.codestream.sha256 == hashlib.sha256(codestream).hexdigest()
    assert described.codestream.pixel_sha256 == hashlib.sha256(stored.astype("<u2").tobytes()).hexdigest()
    assert described.codestream.bytes == described.levels[-1].bytes == len(codestream)
    assert (described.rows, described.columns) == (height, width)
    assert (described.stored.rows, described.stored.columns, described.bits) == (64, 48, 12)
    assert (described.sop_instance_uid, described.laterality, described.view) == (ONE, "L", "CC")
    assert Image.open(served.preview).format == "WEBP"
    assert {path.name for path in read.files()} == NAMES


def test_the_heat_map_is_that_of_the_reading_in_eight_bits_over_its_place(read: Read) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    served = read.served(exam, ONE)
    heat = served.description.heat
    assert heat is not None
    x0, y0, x1, y1 = EXTENT
    assert (heat.rows, heat.columns, heat.box) == (4, 3, (x0, y0, x1 - x0, y1 - y0))
    shown = Image.open(io.BytesIO(served.heat.read_bytes()))
    assert (shown.format, shown.mode) == ("PNG", "L")
    assert np.array_equal(np.asarray(shown), np.round(HEAT * 255))


def test_a_picture_is_made_once(read: Read) -> None:
    read.add(ONE)
    read.make(ONE)
    before = [(path, path.stat().st_mtime_ns) for path in read.files()]
    read.make(ONE)
    read.round()
    assert [(path, path.stat().st_mtime_ns) for path in read.files()] == before
    assert read.child.calls == 1


def test_a_round_makes_every_picture_that_is_missing_and_goes_on_after_a_failure(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    exams = {uid: read.add(uid) for uid in (ONE, TWO)}
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(making, "write_durably", _no_space)
        read.round()
    assert [line["event"] for line in logs if line["event"] != "picture.made"] == ["picture.not_made"] * 2
    assert read.files() == []
    read.round()
    assert {uid for uid, exam in exams.items() if read.served(exam, uid)} == {ONE, TWO}


def _no_space(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content[:10])
    raise OSError(28, "No space left on device")


def test_no_picture_is_made_of_the_room_that_is_kept_for_what_arrives(read: Read) -> None:
    read.add(ONE)
    read.reserve_bytes = read.parts.folders.free_bytes() + 2**40
    read.make(ONE)
    assert (read.files(), read.child.calls) == ([], 0)


def test_an_image_that_was_not_read_is_not_pictured(read: Read) -> None:
    read.settled.add(ONE)
    read.make(ONE)
    read.round()
    assert read.child.calls == 0


def test_an_image_whose_reading_failed_is_shown_without_a_map(read: Read) -> None:
    exam = read.settled.add(ONE)
    read.read(ONE, heat=False)
    read.make(ONE)
    assert read.served(exam, ONE).description.heat is None
    assert {path.name for path in read.files()} == NAMES - {"heat.png"}


def test_another_map_makes_another_picture_and_the_earlier_one_goes(read: Read) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    before = set(read.files())
    read.read(ONE, generation=2)
    with pytest.raises(ImageAbsentError, match="not ready"):
        read.served(exam, ONE)
    read.make(ONE)
    after = set(read.files())
    assert before.isdisjoint(after)
    assert len(after) == len(before)
    assert read.served(exam, ONE).pixels in after


def test_another_machine_that_was_faster_is_no_failure(read: Read) -> None:
    exam = read.add(ONE)

    def other_machine() -> None:
        read.child.meanwhile = lambda: None
        read.make(ONE)

    read.child.meanwhile = other_machine
    with capture_logs() as logs:
        read.make(ONE)
    assert "picture.not_made" not in {line["event"] for line in logs}
    assert {path.name for path in read.files()} == NAMES
    assert read.served(exam, ONE)


def test_an_image_that_can_not_be_shown_says_why_and_is_not_tried_again(read: Read) -> None:
    exam = read.add(ONE, transfer_syntax=RLELossless)
    file = read.settled.file(ONE)
    write(truncate_pixels(dcmread(file)), file)
    read.make(ONE)
    read.round()
    assert read.child.calls == 1
    with pytest.raises(ImageAbsentError, match="cut short") as absent:
        read.served(exam, ONE)
    assert absent.value.code == "image_unusable"


def test_an_image_that_kills_the_child_says_so_and_is_not_tried_again(read: Read) -> None:
    exam = read.add(ONE)
    read.child.raises = ChildCrashed("the process that reads images died while it worked on this")
    read.make(ONE)
    read.round()
    assert read.child.calls == 1
    with pytest.raises(ImageAbsentError, match="again and again") as absent:
        read.served(exam, ONE)
    assert absent.value.code == "image_unusable"


def test_several_frames_have_a_code_of_their_own(tmp_path: Path) -> None:
    path = write(mammogram(rows=64, columns=48, tags={"NumberOfFrames": 2}), tmp_path / "1.dcm")
    files = build_picture(path, None, ONE, "L", "CC")
    assert list(files) == ["refused.json"]
    assert b'"multi_frame"' in files["refused.json"]


def test_forget_takes_the_picture_along(read: Read) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    forget(read, exam)
    assert list(read.parts.folders.pictures.iterdir()) == []


def test_a_study_that_is_forgotten_meanwhile_leaves_nothing(read: Read) -> None:
    exam = read.add(ONE)
    read.child.meanwhile = lambda: forget(read, exam)
    read.make(ONE)
    assert list(read.parts.folders.pictures.iterdir()) == []


def test_a_picture_of_a_forgotten_image_goes_when_another_image_has_got_its_number_meanwhile(read: Read) -> None:
    exam = read.add(ONE)
    number = read.settled.instance(ONE).id

    def overtake() -> None:
        read.child.meanwhile = lambda: None
        forget(read, exam)
        read.add(TWO)

    read.child.meanwhile = overtake
    read.make(ONE)
    assert read.settled.instance(TWO).id == number, "without a number that is given out again nothing is tested"
    assert read.files() == []
    read.make(TWO)
    assert {path.name for path in read.files()} == NAMES


def test_a_picture_of_a_forgotten_image_goes_when_the_image_has_come_again_meanwhile(read: Read) -> None:
    exam = read.add(ONE)

    def send_again() -> None:
        read.child.meanwhile = lambda: None
        forget(read, exam)
        read.add(ONE, exam=exam)

    read.child.meanwhile = send_again
    read.make(ONE)
    assert read.files() == []


def forget(read: Read, exam: Exam) -> None:
    parts = read.parts
    forget_study(parts.database, parts.folders, parts.jobs, exam.study_instance_uid, "test")


def test_an_image_that_is_deleted_by_age_takes_its_picture_along(read: Read) -> None:
    """Made and parted with in a real child process."""
    exam = read.add(ONE)
    child = Child(timeout_seconds=60)
    read.child = child  # type: ignore[assignment] # the process that the other one stands for
    read.make(ONE)
    assert {path.name for path in read.files()} == NAMES
    read.settled.round()
    child.close()
    assert read.settled.deleted([ONE]) == {ONE}
    assert list(read.parts.folders.pictures.iterdir()) == []
    with pytest.raises(ImageAbsentError, match="deleted here by age") as absent:
        read.served(exam, ONE)
    assert absent.value.code == "image_deleted"


def test_an_image_that_is_deleted_meanwhile_leaves_no_picture(read: Read) -> None:
    read.add(ONE)

    def delete() -> None:
        with read.parts.database.write() as session:
            _, instance = rows_of(session, ONE)
            instance.deleted_at = now()

    read.child.meanwhile = delete
    read.make(ONE)
    assert list(read.parts.folders.pictures.iterdir()) == []


def test_the_sweep_keeps_pictures_and_removes_those_of_images_that_are_gone(read: Read, parts: Parts) -> None:
    exam = read.add(ONE)
    read.make(ONE)
    kept = read.files()
    partial = kept[0].parent.with_name(".abc.part") / "pixels.jph"
    gone = parts.folders.pictures / exam.study_instance_uid / "1.2.99" / kept[0].parent.name / "pixels.jph"
    for stray in (partial, gone):
        stray.parent.mkdir(parents=True)
        stray.write_bytes(b"left over")
    sweep = StraySweep(parts.database, parts.folders)
    sweep.note()
    sweep.remove()
    assert read.files() == kept

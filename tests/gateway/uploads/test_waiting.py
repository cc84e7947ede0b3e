"""An upload that can't be stored now: it waits, says so, can be taken back, and is stored once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict
from gateway.database.models import Instance
from gateway.database.upload_models import Upload
from gateway.uploads.places import storing_alone
from tests.gateway.uploads.centre import Site, image, packed, verdicts
from tests.peers.synthetic import Exam


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


def speaking_again(site: Site, before: Any) -> Any:
    """The same sender, speaking to the process that runs now."""
    centre = site.centre()
    centre.upload_id = before.upload_id
    return centre

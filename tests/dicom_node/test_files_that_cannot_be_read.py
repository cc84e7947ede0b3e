"""A file that is lost is refused; a disk that is away or fails says nothing about its files: they are tried again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from dicom_node import dicom_file, orthanc_destination, stow_destination
from dicom_node.destination import (
    Delivered,
    Destination,
    DicomDestinationSettings,
    Failed,
    HttpDestinationSettings,
    Outcome,
    Refused,
)
from dicom_node.dicom_file import FileAway, FileHeader, NotADicomFile, find_dicom_files, read_header
from dicom_node.orthanc_destination import OrthancDestination
from dicom_node.storage_scu import DicomDestination
from dicom_node.stow_destination import StowDestination
from tests.dicom_node.scripted_scp import scripted_scp
from tests.peers.ports import free_port
from tests.peers.synthetic import mammogram, write

Build = Callable[[int, Any], Destination]
KINDS: dict[str, Build] = {
    "dicom": lambda port, log: DicomDestination(DicomDestinationSettings("pacs", "127.0.0.1", port, "SCRIPTED"), log),
    "orthanc": lambda port, log: OrthancDestination(HttpDestinationSettings("pacs", f"http://127.0.0.1:{port}"), log),
    "stow": lambda port, log: StowDestination(HttpDestinationSettings("pacs", f"http://127.0.0.1:{port}"), log),
}
each_kind = pytest.mark.parametrize("build", KINDS.values(), ids=KINDS)


def image(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    ds = mammogram(rows=16, columns=16)
    return write(ds, folder / f"{ds.SOPInstanceUID}.dcm")


def only(outcomes: dict[Path, Outcome]) -> Outcome:
    (outcome,) = outcomes.values()
    return outcome


@each_kind
def test_a_file_whose_folder_is_away_is_tried_again_and_one_that_is_gone_from_it_is_refused(
    tmp_path: Path, log: Any, build: Build
) -> None:
    destination = build(free_port(), log)
    path = image(tmp_path / "instances")
    away = path.parent.rename(tmp_path / "away")
    outcome = only(destination.deliver([path]))
    assert isinstance(outcome, Failed)
    assert "is mounted" in outcome.reason
    away.rename(path.parent)
    path.unlink()
    outcome = only(destination.deliver([path]))
    assert isinstance(outcome, Refused)
    assert "missing" in outcome.reason


@each_kind
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES])
def test_a_disk_that_fails_is_no_reason_to_refuse_a_file(
    tmp_path: Path, log: Any, monkeypatch: pytest.MonkeyPatch, build: Build, number: int
) -> None:
    def failing(_path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(dicom_file, "read_file_meta_info", failing)
    outcome = only(build(free_port(), log).deliver([image(tmp_path)]))
    assert isinstance(outcome, Failed)
    assert os.strerror(number) in outcome.reason


@pytest.mark.parametrize("module", [orthanc_destination, stow_destination], ids=["orthanc", "stow"])
def test_a_disk_that_goes_away_between_header_and_upload_is_no_fault_of_the_file(
    tmp_path: Path, log: Any, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    path = image(tmp_path / "instances")

    def read_and_lose(path: Path) -> FileHeader:
        header = read_header(path)
        path.parent.rename(tmp_path / "away")
        return header

    monkeypatch.setattr(module, "read_header", read_and_lose)
    kind = module.__name__.rpartition(".")[2].partition("_")[0]
    outcome = only(KINDS[kind](free_port(), log).deliver([path]))
    assert isinstance(outcome, Failed)
    assert "can't be read now" in outcome.reason


@pytest.mark.parametrize("lost", [False, True])
def test_an_object_whose_file_goes_while_it_is_sent_does_not_spoil_the_next_one(
    tmp_path: Path, log: Any, *, lost: bool
) -> None:
    first, second, third = image(tmp_path / "a"), image(tmp_path / "b"), image(tmp_path / "a")

    def lose_the_second(path: Path, _outcome: Outcome) -> None:
        if path == first:
            second.unlink() if lost else second.parent.rename(tmp_path / "away")

    with scripted_scp() as peer:
        destination = cast(DicomDestination, KINDS["dicom"](peer.port, log))
        outcomes = destination.deliver([first, second, third], lose_the_second)
    assert outcomes[first] == outcomes[third] == Delivered()
    assert isinstance(outcomes[second], Refused if lost else Failed)
    assert [uid for uid, _ in peer.received] == [first.stem, third.stem]


def test_a_malformed_file_is_not_taken_for_a_disk_that_fails(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"x" * 10, bytes(128) + b"DICM" + b"\x02\0\x10\0UI\xff\xff1", bytes(4000))):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(content)
        with pytest.raises(NotADicomFile):
            read_header(path)


def test_a_folder_is_searched_though_one_of_its_headers_can_not_be_read_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> FileHeader:
        raise FileAway(path, OSError(errno.EIO, "Input/output error"))

    monkeypatch.setattr(dicom_file, "read_header", failing)
    path = image(tmp_path)
    assert list(find_dicom_files([tmp_path])) == [path]

"""How a file becomes durable."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gateway.folders import move_durably


def test_the_file_and_its_folder_are_synced_under_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "incoming.part", tmp_path / "instances" / "final.dcm"
    target.parent.mkdir()
    source.write_bytes(b"image")
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    move_durably(source, target)
    assert synced == [str(target), str(target.parent)]
    assert (target.read_bytes(), source.exists()) == (b"image", False)


@pytest.mark.parametrize("failing", [0, 1], ids=["the file", "the folder"])
def test_what_cannot_be_synced_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    source, target = tmp_path / "incoming.part", tmp_path / "final.dcm"
    source.write_bytes(b"image")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        move_durably(source, target)
    assert list(tmp_path.iterdir()) == []

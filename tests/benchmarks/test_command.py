"""The command as people run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import chosen_cells
from tests.docs.papers import ROOT


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.system
@pytest.mark.long
def test_one_quick_cell_is_measured_against_every_peer_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = _run("--quick", "--cells", "S1", "--no-limits", "--work-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^S1 1/1: .* ratio [0-9.]+$", done.stderr, re.MULTILINE)) == 4
    rows = [line for line in done.stdout.splitlines() if line.startswith("| S1 ")]
    assert len(rows) == 1 + 5
    assert list(tmp_path.iterdir()) == []


def test_cells_are_chosen_by_name_and_an_unknown_one_is_wrong_usage() -> None:
    assert [cell.name for cell in chosen_cells("M, S1")] == ["M", "S1"]
    assert chosen_cells("") == []
    with pytest.raises(typer.BadParameter, match="no cell S9"):
        chosen_cells("S1,S9")

"""The fuzz targets take their own seeds, so that `make fuzz` starts from something; crashes found became tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.corpus import write_corpus
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_taken_by_its_target(tmp_path: Path, name: str) -> None:
    write_corpus(tmp_path / "corpus", name)
    seeds = sorted((tmp_path / "corpus").iterdir())
    assert len(seeds) >= 3
    for seed in seeds:
        TARGETS[name](seed.read_bytes())

"""What the frozen lower layers make of every window, computed once and kept on disk for all folds and seeds.

Two thirds of a training step's memory traffic would go through layers that never change, and the windows' augmentation
would be drawn again for every fold. So both are done once: 40 numbers of half precision a pixel of the last map, 20 to
32 KB a window. Written in chunks of `ROWS` labelled images, each complete or absent, so that a killed run goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.classes import CLASSES
from inference.files import read_json, replace_file, replace_json
from inference.training.films import Film, read_films
from inference.training.frozen import CHANNELS, REDUCTION, FrozenLayers
from inference.training.labels import Row
from inference.training.samples import Sample, Shape, is_normal_film, lesion_shapes, read_samples
from inference.training.windows import items, windows_to_learn, windows_to_read
from preprocessing.normalise import FloatImage
from preprocessing.patches import SCALES

ROWS: Final = 100
_SEED: Final = 7
_SAMPLES: Final = 100 * ROWS
"""More than the samples of a chunk: a film gives 61."""


@dataclass(frozen=True)
class Record:
    """One window: which answer (`item`) of which picture it belongs to, and what it is for.

    `donor`: whose film the tissue around the picture is of, empty where there is none.
    """

    item: int
    scale: int
    use: Literal["learn", "read"]
    label: int
    origin: str
    patient_id: str
    pixel_hash: str
    area: int
    shorter_side: int
    file: str
    donor: str = ""


def store_features(rows: Sequence[Row], folder: Path, told: Callable[[str], None]) -> "Features":
    """Compute what is missing in `folder` and return all of it. `told` gets a sentence now and then."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    frozen: FrozenLayers | None = None
    source: _Source | None = None
    for number, chunk in enumerate(chunks):
        if (folder / f"{number:04d}.json").is_file():
            continue
        frozen = frozen or FrozenLayers()
        source = source or _Source(lesion_shapes(rows), read_films([row for row in rows if is_normal_film(row)]))
        _store_chunk(chunk, number, folder, frozen, source, told)
        told(f"Windows of {min((number + 1) * ROWS, len(rows))} of {len(rows)} images.")
    return Features(folder, len(chunks))


@dataclass(frozen=True)
class _Source:
    """What the pictures of all rows share: the sizes of lesion crops, and the films that they are set into."""

    shapes: Sequence[Shape]
    films: Sequence[Film]


def _store_chunk(
    rows: Sequence[Row],
    number: int,
    folder: Path,
    frozen: FrozenLayers,
    source: _Source,
    told: Callable[[str], None],
) -> None:
    records: list[Record] = []
    windows: list[list[FloatImage]] = [[] for _ in SCALES]
    for place, sample in enumerate(read_samples(rows, source.shapes, told)):
        # 1,000 answers a picture at most: numbers stay unique over all chunks.
        first = (number * _SAMPLES + place) * 1000
        for scale_number, scale in enumerate(SCALES):
            generator = np.random.default_rng((_SEED, number, place, scale_number))
            learnt = windows_to_learn(sample, scale, source.films, generator)
            records += [replace(_record(sample, first, scale_number, "learn"), donor=one.donor) for one in learnt]
            windows[scale_number] += [one.window for one in learnt]
            for item_number, item in enumerate(items(sample)):
                read = windows_to_read(sample, item, scale)
                one = _record(sample, first + item_number, scale_number, "read", shifted=item.shifted)
                records += [one for _ in read]
                windows[scale_number] += read
    for scale_number, scale in enumerate(SCALES):
        maps = frozen.maps(windows[scale_number], scale.side)
        replace_file(folder / f"{number:04d}-{scale.name}.npy", partial(np.save, arr=maps))
    # Records in the order of the two files: all fine ones, then all coarse ones. Written last: it says "complete".
    ordered = sorted(records, key=lambda record: record.scale)
    replace_json(folder / f"{number:04d}.json", [asdict(record) for record in ordered])


def _record(sample: Sample, item: int, scale: int, use: Literal["learn", "read"], *, shifted: bool = False) -> Record:
    return Record(
        item=item,
        scale=scale,
        use=use,
        label=CLASSES.index(sample.label),
        origin="film normal shifted" if shifted else sample.origin,
        patient_id=sample.patient_id,
        pixel_hash=sample.pixel_hash,
        area=sample.area,
        shorter_side=sample.shorter_side,
        file=sample.path.name,
    )


class Features:
    """All windows of a run: `records`, and their maps by number."""

    def __init__(self, folder: Path, chunks: int) -> None:
        self.records: list[Record] = []
        self._maps: list[NDArray[np.float16]] = []
        where: list[tuple[int, int]] = []
        for number in range(chunks):
            raw = read_json(folder / f"{number:04d}.json")
            records = [Record(**one) for one in raw]
            for scale_number, scale in enumerate(SCALES):
                self._maps.append(np.load(folder / f"{number:04d}-{scale.name}.npy", mmap_mode="r"))
                of_scale = [record for record in records if record.scale == scale_number]
                where += [(len(self._maps) - 1, place) for place in range(len(of_scale))]
                self.records += of_scale
        self._where = where

    def maps(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """The maps (n, side / 8, side / 8, 40) of records that are all of one scale."""
        side = SCALES[self.records[int(numbers[0])].scale].side // REDUCTION
        maps = np.empty((len(numbers), side, side, CHANNELS), dtype=np.float32)
        for place, number in enumerate(numbers):
            file, row = self._where[int(number)]
            maps[place] = self._maps[file][row]
        return maps

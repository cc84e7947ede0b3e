"""All patches of the labelled folders, made once: every split and every network sees the same ones."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.classes import CLASSES, ClassName
from inference.crops import GreyPixels
from inference.files import read_json, replace_json, sync_folder
from inference.training.labels import LabelsUnusable, Row, grey, read_labels
from preprocessing.errors import ImageRefused
from preprocessing.reference.film import Grey, clean_film, to_film_scale
from preprocessing.reference.patches import Box, as_patch, cut, is_flat, lesion_places, normal_places

_PIXELS: Final = "pixels.u8"
_INDEX: Final = "patches.json"
_NOT_A_SCAN: Final = "not a film scan at full resolution"


class PatchesDiffer(Exception):
    """The folder holds patches made with another side or seed."""


@dataclass(frozen=True)
class Patch:
    """Where a patch comes from: `source` is the image's file, `pixel_hash` the SHA-256 of the patch itself."""

    label: ClassName
    patient_id: str
    source: str
    pixel_hash: str


@dataclass(frozen=True)
class PatchSet:
    """`pixels` (n, side, side) uint8, mapped from disk, and `patches` in the same order.

    `fingerprint` changes with any pixel, label or patient: two runs with the same one saw the same patches.
    `left_out` says in sentences what could not be used.
    """

    pixels: NDArray[np.uint8]
    patches: tuple[Patch, ...]
    fingerprint: str
    left_out: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class numbers (n,)."""
        return np.asarray([CLASSES.index(patch.label) for patch in self.patches], dtype=np.int64)


def patch_set(
    data_dir: Path, folder: Path, *, side: int, seed: int, advanced: Callable[[int, int], None] = lambda done, of: None
) -> PatchSet:
    """The patches in `folder`, made from every `labels.csv` below `data_dir` when they aren't there yet.

    `advanced` hears how many of how many images are done. Making them is not resumed: what is half made is made anew.
    Raises LabelsUnusable, and PatchesDiffer when `folder` holds others.
    """
    if not (folder / _INDEX).exists():
        _make(data_dir, folder, side, seed, advanced)
    index = read_json(folder / _INDEX)
    if (index["side"], index["seed"]) != (side, seed):
        raise PatchesDiffer(
            f"{folder} holds patches of side {index['side']}, seed {index['seed']}, not of side {side}, seed {seed}; "
            "name another folder for them."
        )
    patches = tuple(Patch(**patch) for patch in index["patches"])
    pixels = np.memmap(folder / _PIXELS, dtype=np.uint8, mode="r", shape=(len(patches), side, side))
    return PatchSet(pixels, patches, index["fingerprint"], tuple(index["left_out"]))


def _make(data_dir: Path, folder: Path, side: int, seed: int, advanced: Callable[[int, int], None]) -> None:
    rows = [row for row in read_labels(data_dir) if row.kind != "thumb"]
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    patches: list[dict[str, Any]] = []
    left_out: list[str] = []
    with (partial / _PIXELS).open("wb") as stream:
        for place, row in enumerate(rows):
            source = str(row.path.relative_to(data_dir))
            for pixels in _patches_of(row, np.random.default_rng((seed, place)), left_out):
                content = as_patch(pixels, side).tobytes()
                stream.write(content)
                told = {"label": row.label, "patient_id": row.patient_id, "source": source}
                patches.append({**told, "pixel_hash": hashlib.sha256(content).hexdigest()})
            advanced(place + 1, len(rows))
    if not patches:
        raise LabelsUnusable(f"No image below {data_dir} gives a patch; {left_out[0] if left_out else ''}")
    fingerprint = hashlib.sha256(json.dumps([side, patches], sort_keys=True).encode()).hexdigest()[:16]
    index = {"side": side, "seed": seed, "fingerprint": fingerprint, "left_out": left_out, "patches": patches}
    replace_json(partial / _INDEX, index)
    partial.replace(folder)
    sync_folder(folder.parent)


def _patches_of(row: Row, generator: np.random.Generator, left_out: list[str]) -> Iterator[Grey]:
    """512 pixels squared each, before contrast is raised and the side reduced."""
    film = _eight_bits(grey(row.path))
    if row.kind == "full":
        yield from _normal(row, film, left_out)
    elif is_flat(film):
        left_out.append(f"{row.path.name}: nothing to see in it")
    else:
        # Of the lesion's film there is this crop alone, so the crop is the lesion's box and all of its context.
        whole = Box(0, 0, film.shape[1], film.shape[0])
        yield from _not_flat(film, lesion_places(whole, film.shape, generator))


def _eight_bits(film: GreyPixels) -> Grey:
    """The published steps are defined on 256 grey levels."""
    return np.asarray(film >> 8 if film.dtype == np.uint16 else film, dtype=np.uint8)


def _normal(row: Row, film: Grey, left_out: list[str]) -> Iterator[Grey]:
    if row.label != "normal":
        left_out.append(f"{row.path.name}: a whole film with a lesion, of which nobody says where")
        return
    try:
        scan = to_film_scale(film, Dataset())
        if scan is not film:
            left_out.append(f"{row.path.name}: {_NOT_A_SCAN}")
            return
        cleaned = clean_film(scan)
    except ImageRefused as refusal:
        left_out.append(f"{row.path.name}: {refusal}")
        return
    yield from (cut(cleaned.trimmed, place) for place in normal_places(cleaned.trimmed, cleaned.breast))


def _not_flat(film: Grey, places: Sequence[Box]) -> Iterator[Grey]:
    """A large crop may be blank where this patch lies."""
    for place in places:
        pixels = cut(film, place)
        if not is_flat(pixels):
            yield pixels

"""The disk alone: how fast the same files are written and synced when nothing is received and nothing recorded.

No receiver that syncs an image before it answers can be faster. It is the limit that a slow ratio is to be seen beside.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from benchmarks.image_file import ImageFile
from benchmarks.load import Sent
from dicom_node.data_set_file import DataSetFile
from gateway.folders import sync_file

KEY = "disk"
TITLE = "the disk alone"
_PIECE_BYTES = 256 << 10


class _Folder:
    """Where a DataSetFile lies."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def new_file(self) -> Path:
        return self._root / uuid4().hex

    def discard(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def write_alone(folder: Path, images: Sequence[ImageFile], count: int, writers: int) -> Sent:
    """Write `count` files of the images' sizes, each synced before the writer begins its next one, and delete them."""
    folder.mkdir()
    place = _Folder(folder)
    sizes = [images[number % len(images)].size for number in range(count)]
    content = memoryview(os.urandom(_PIECE_BYTES))

    def write(size: int) -> None:
        file = DataSetFile(place, b"")
        for start in range(0, size, _PIECE_BYTES):
            file.write([content[: min(_PIECE_BYTES, size - start)]])
        path = file.hand_over()
        if path is None:
            raise OSError(f"the disk alone: {file.failure}")
        sync_file(path)

    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, sizes))
    seconds = time.perf_counter() - started
    shutil.rmtree(folder)
    os.sync()
    return Sent(count, sum(sizes), seconds)

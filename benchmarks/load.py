"""A load: so many images over so many associations at once, and how long it took."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from benchmarks.image_file import ImageFile
from benchmarks.raw_sender import Address, SendingAssociation, fresh_uid

# A screening study; receivers keep rows for studies too, and one endless study would spare them that.
IMAGES_A_STUDY = 4

# The image, its SOP Instance UID, its Study Instance UID.
_Errand = tuple[ImageFile, str, str]


@dataclass(frozen=True)
class Sent:
    """What one load came to; every image was acknowledged with 0x0000."""

    images: int
    size: int
    """Bytes of all data sets."""
    seconds: float
    """From before the first connection to after the last release."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        return self.size / 1e6 / self.seconds


def send(to: Address, images: Sequence[ImageFile], count: int, associations: int = 1) -> Sent:
    """Send `count` images, taking the files in turn, four a study, a study on one association.

    Raises:
        SendingFailed: the receiver refused an association or an image.

    """
    errands = _errands(images, count)
    studies = deque(iter(lambda: list(islice(errands, IMAGES_A_STUDY)), []))

    def work() -> int:
        size = 0
        with SendingAssociation(to, images) as association:
            while True:
                try:
                    study = studies.popleft()
                except IndexError:
                    return size
                size += sum(association.store(*errand) for errand in study)

    started = time.perf_counter()
    with ThreadPoolExecutor(associations) as pool:
        sizes = [worker.result() for worker in [pool.submit(work) for _ in range(associations)]]
    return Sent(count, sum(sizes), time.perf_counter() - started)


def _errands(images: Sequence[ImageFile], count: int) -> Iterator[_Errand]:
    study = ""
    for number in range(count):
        if number % IMAGES_A_STUDY == 0:
            study = fresh_uid()
        yield images[number % len(images)], fresh_uid(), study

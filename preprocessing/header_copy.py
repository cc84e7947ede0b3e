"""The header of a DICOM file as a small file of its own: everything that comes before the pixels, as it was written."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom import dcmwrite
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

_LONGEST_VALUE: Final = 2**20  # bytes; some objects carry images in private attributes, and those are not wanted
_FIRST_OF_PIXELS: Final = 0x6000  # the group of overlays; Pixel Data is in 7FE0 (PS3.6 6)


def header_copy(path: Path) -> bytes:
    """Return a Part 10 file with the attributes before overlays and pixels, in the transfer syntax of the original.

    Values above 1 MiB are left out. The others are copied as they are, broken ones too. Raises whatever pydicom does
    when a file can't be parsed or written again.
    """

    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return tag.group >= _FIRST_OF_PIXELS

    with path.open("rb") as file:
        dataset = read_partial(file, stop_when=at_pixels, defer_size=_LONGEST_VALUE)
    for tag in list(dataset.keys()):
        element: Any = dataset.get_item(tag, keep_deferred=True)  # its types know no value that was left in the file
        if element.is_raw and element.value is None and element.length:
            del dataset[tag]
    copy = BytesIO()
    dcmwrite(copy, dataset)
    return copy.getvalue()

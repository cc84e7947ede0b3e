"""What runs in the child process: the files of one picture. Everything here is a function of picklable things."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gateway.pictures.places import DESCRIPTION, HEAT, OVERVIEW, PIXELS, PREVIEW, REFUSED

# The working process names these functions and never runs them: decoders are imported where they run, in the child.
if TYPE_CHECKING:
    from reporting.feed.image_schemas import Heat

RefusedCode = Literal["multi_frame", "image_unusable"]


def build_picture(
    image: Path, heat_map: Path | None, sop_instance_uid: str, laterality: Any, view: str | None
) -> dict[str, bytes]:
    """Return the files of a picture by name; of an image that can't be shown the one that says why.

    Raises:
        FileNotFoundError: the image was deleted meanwhile.

    """
    from preprocessing.display.screen_image import screen_image
    from preprocessing.errors import ImageRefused, MultiFrameImage
    from reporting.feed.image_schemas import Codestream, Level, Overview, StoredSize, ViewImage, Window

    image.stat()  # a file that is gone is no image that can't be shown
    try:
        shown = screen_image(image)
    except ImageRefused as refusal:
        return refused("multi_frame" if isinstance(refusal, MultiFrameImage) else "image_unusable", str(refusal))
    heat, heat_png = _heat(heat_map)
    stream, small = shown.codestream, shown.overview
    described = ViewImage(
        sop_instance_uid=sop_instance_uid,
        laterality=laterality,
        view=view,
        rows=shown.box[3],
        columns=shown.box[2],
        box=shown.box,
        stored=StoredSize(rows=shown.stored[0], columns=shown.stored[1]),
        bits=shown.bits,
        monochrome1=shown.monochrome1,
        pixel_spacing_mm=shown.pixel_spacing,
        windows=tuple(
            Window(name=window.name, center=window.center, width=window.width, function=window.function)
            for window in shown.windows
        ),
        levels=tuple(Level(rows=level.rows, columns=level.columns, bytes=level.length) for level in stream.levels),
        codestream=Codestream(bytes=len(stream.content), sha256=stream.sha256, pixel_sha256=shown.pixel_sha256),
        heat=heat,
        overview=Overview(
            rows=small.rows,
            columns=small.columns,
            bytes=len(small.content),
            slope=small.slope,
            intercept=small.intercept,
        ),
    )
    files = {
        DESCRIPTION: described.model_dump_json().encode(),
        PREVIEW: shown.preview,
        OVERVIEW: small.content,
        PIXELS: stream.content,
    }
    return {**files, HEAT: heat_png} if heat_png else files


def refused(code: RefusedCode, sentence: str) -> dict[str, bytes]:
    """Return the one file of an image that can't be shown."""
    return {REFUSED: json.dumps({"code": code, "message": sentence}).encode()}


def _heat(heat_map: Path | None) -> tuple[Heat | None, bytes | None]:
    """Return the map that the reading has kept, in 8 bits, and where it lies; nothing where there is none."""
    import numpy as np
    from PIL import Image

    from reporting.feed.image_schemas import Heat

    if heat_map is None or not heat_map.is_file():
        return None, None
    with np.load(heat_map) as kept:
        values = np.asarray(kept["heat_map"], dtype=np.float32)
        x0, y0, x1, y1 = (round(float(edge), 3) for edge in kept["extent"])
    rows, columns = values.shape
    written = io.BytesIO()
    Image.fromarray(np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)).save(written, "PNG")
    return Heat(columns=columns, rows=rows, box=(x0, y0, x1 - x0, y1 - y0)), written.getvalue()

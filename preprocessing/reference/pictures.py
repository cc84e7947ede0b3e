"""The reference's preprocessing as pictures: each step of a film, and how patches are cut from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from preprocessing.decode import decode_pixels
from preprocessing.intensity import presentation_image
from preprocessing.reference.film import CleanedFilm, Grey, clean_film, to_film_scale
from preprocessing.reference.patches import (
    EXTENT,
    LARGE_LESION_CONTEXT,
    SMALL_LESION_CONTEXT,
    Box,
    as_patch,
    cut,
    lesion_places,
    roi_box,
    tile_fault,
    tile_places,
)

_PANEL_HEIGHT: Final = 420
_PATCH_SIDE: Final = 150
_GAP: Final = 10
_CAPTION: Final = 22
_BLUE, _ORANGE, _RED, _GREY = (90, 170, 255), (255, 176, 32), (255, 70, 70), (150, 150, 150)
_Colour = tuple[int, int, int]
_SOURCE: Final = "CBIS-DDSM, CC BY 3.0 (Sawyer-Lee et al. 2016). Research use only, not a medical device."


def grey_film(dataset: Dataset) -> Grey:
    """The presentation image (0..255) of a mammogram at the film's scale. Raises ImageRefused."""
    shown = presentation_image(decode_pixels(dataset).astype(np.float32), dataset)
    return to_film_scale(np.asarray(shown * np.float32(255.0), dtype=np.uint8), dataset)


def draw_steps(films: Sequence[tuple[str, Dataset, Box]], file: Path) -> None:
    """A row for each film (its name, its data set, the box of its lesion in film pixels): every step, lesion in red."""
    rows = [_steps_row(name, clean_film(grey_film(dataset)), lesion) for name, dataset, lesion in films]
    _save(rows, file)


def draw_patches(name: str, dataset: Dataset, roi: NDArray[np.uint8], file: Path, seed: int = 0) -> None:
    """Above: normal tiles, kept and refused, and some of them; below: the lesion's box, its context, three crops.

    `roi`: the film's ROI mask, 0 and 1, at the film's scale. Tiles that touch the lesion are not drawn.
    """
    cleaned = clean_film(grey_film(dataset))
    lesion = roi_box(roi)
    places = lesion_places(lesion, cleaned.film.shape, np.random.default_rng(seed))
    _save([_tiles_row(name, cleaned, lesion), _crops_row(name, cleaned, lesion, places)], file)


def _steps_row(name: str, cleaned: CleanedFilm, lesion: Box) -> Image.Image:
    inner = Box(lesion.x - cleaned.left, lesion.y - cleaned.top, lesion.width, lesion.height)
    lost = cleaned.edges_show and lesion.x + lesion.width <= cleaned.left
    trimming = "trimmed: lesion lost" if lost else "trimmed" if cleaned.edges_show else "no film edges: not trimmed"
    steps: tuple[tuple[str, Grey, Box], ...] = (
        (name, cleaned.film, lesion),
        ("Otsu's threshold", cleaned.otsu * np.uint8(255), lesion),
        ("largest object", cleaned.largest * np.uint8(255), lesion),
        ("holes filled", cleaned.filled * np.uint8(255), lesion),
        ("opened 15 x 15", cleaned.opened * np.uint8(255), lesion),
        ("mask applied", cleaned.masked, lesion),
        (trimming, cleaned.trimmed, inner),
        ("contrast raised", cleaned.contrast, inner),
    )
    return _side_by_side([_panel(caption, picture, [(box, _RED)]) for caption, picture, box in steps])


def _tiles_row(name: str, cleaned: CleanedFilm, lesion: Box) -> Image.Image:
    inner = Box(lesion.x - cleaned.left, lesion.y - cleaned.top, lesion.width, lesion.height)
    tiles = [tile for tile in tile_places(cleaned.breast) if not _touch(tile, inner)]
    kept = [tile for tile in tiles if tile_fault(cut(cleaned.trimmed, tile)) is None]
    outlines = [(tile, _BLUE if tile in kept else _GREY) for tile in tiles]
    shown = kept[:: max(1, len(kept) // 6)][:6]
    patches = [_patch_picture("", cleaned.trimmed, place, _BLUE) for place in shown]
    return _side_by_side([_panel(f"{name}: {len(kept)} normal tiles", cleaned.trimmed, outlines), _grid(patches)])


def _crops_row(name: str, cleaned: CleanedFilm, lesion: Box, places: Sequence[Box]) -> Image.Image:
    # Lesions are cut from the film as it is: from the trimmed one some would be gone.
    across, down = (
        SMALL_LESION_CONTEXT if length < EXTENT else round(LARGE_LESION_CONTEXT * length)
        for length in (lesion.width, lesion.height)
    )
    middle = (lesion.x + lesion.width // 2, lesion.y + lesion.height // 2)
    context = Box(middle[0] - across // 2, middle[1] - down // 2, across, down)
    outlines = [(context, _GREY), *((place, _ORANGE) for place in places), (lesion, _RED)]
    patches = [_patch_picture(f"crop {number}", cleaned.film, place, _ORANGE) for number, place in enumerate(places, 1)]
    return _side_by_side([_panel(f"{name}: lesion", cleaned.film, outlines), _grid(patches)])


def _touch(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def _panel(caption: str, picture: Grey, outlines: Sequence[tuple[Box, _Colour]]) -> Image.Image:
    scale = _PANEL_HEIGHT / picture.shape[0]
    size = (max(1, round(picture.shape[1] * scale)), _PANEL_HEIGHT)
    shown = Image.fromarray(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))).convert("RGB")
    drawing = ImageDraw.Draw(shown)
    for box, colour in outlines:
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        drawing.rectangle([corner * scale for corner in corners], outline=colour, width=2)
    return _captioned(caption, shown)


def _patch_picture(caption: str, film: Grey, place: Box, colour: _Colour) -> Image.Image:
    shown = Image.fromarray(as_patch(cut(film, place), _PATCH_SIDE)).convert("RGB")
    ImageDraw.Draw(shown).rectangle((0, 0, _PATCH_SIDE - 1, _PATCH_SIDE - 1), outline=colour, width=3)
    return _captioned(caption, shown)


def _captioned(caption: str, picture: Image.Image) -> Image.Image:
    page = Image.new("RGB", (picture.width, picture.height + _CAPTION), "white")
    page.paste(picture, (0, _CAPTION))
    ImageDraw.Draw(page).text((0, 3), caption, fill="black", font=ImageFont.load_default(15))
    return page


def _grid(pictures: Sequence[Image.Image], columns: int = 3) -> Image.Image:
    rows = [_side_by_side(pictures[start : start + columns]) for start in range(0, len(pictures), columns)]
    return _stacked(rows)


def _side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    width = sum(picture.width + _GAP for picture in pictures) - _GAP
    page = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width + _GAP
    return page


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    height = sum(picture.height + _GAP for picture in pictures) - _GAP
    page = Image.new("RGB", (max(picture.width for picture in pictures), height), "white")
    top = 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height + _GAP
    return page


def _save(rows: Sequence[Image.Image], file: Path) -> None:
    source = Image.new("RGB", (rows[0].width, _CAPTION), "white")
    ImageDraw.Draw(source).text((0, 3), _SOURCE, fill="black", font=ImageFont.load_default(13))
    file.parent.mkdir(parents=True, exist_ok=True)
    _stacked([*rows, source]).save(file)

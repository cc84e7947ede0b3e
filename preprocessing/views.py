"""Who is this image: which breast, which view, and is it one to be read, kept only, or no mammogram at all."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from preprocessing.header import Header, items_of, number_of, text_of, texts_of
from preprocessing.view_codes import (
    BIOPSY_WORDS,
    BREAST_PROJECTION_X_RAY,
    BREAST_TOMOSYNTHESIS,
    MAGNIFICATION_WORDS,
    MG_FOR_PRESENTATION,
    MG_FOR_PROCESSING,
    MODIFIERS,
    PHANTOM_WORDS,
    SPECIMEN_VIEWS,
    SPECIMEN_WORDS,
    STILL_IMAGES,
    SYNTHETIC_IMAGE_TYPES,
    SYNTHETIC_WORDS,
    VIEWS,
)

Laterality = Literal["R", "L"]
Role = Literal["read", "kept", "foreign"]
PresentationIntent = Literal["FOR PRESENTATION", "FOR PROCESSING"]

STANDARD_VIEWS: Final = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))

_MAGNIFIED: Final = 1.3
"""Estimated Radiographic Magnification Factor from which on a view is magnified; contact views stay below 1.1."""
_VIEW_POSITION: Final = re.compile(
    r"(?P<side>[RL])?(?P<before>M|S|ID|TAN)?(?P<view>XCCL|XCCM|XCC|LMO|MLO|SIO|ISO|CC|ML|LM|FB)(?P<after>ID|AT|CV|TAN|NP|S|M)?"
)
_MODIFIER_ONLY_VIEWS: Final = frozenset({"AT", "CV", "TAN", "AX", "IMF"})


@dataclass(frozen=True)
class ImageIdentity:
    """What the header says an image is.

    `laterality` R or L, `view` CC, MLO, XCCL ... (PS3.16 CID 4014 short names), each None when unknown;
    `view_modifiers`: short names of CID 4015 (ID = implant displaced, M = magnification, S = spot compression).
    `role`: "read" by the network, "kept" but not read, or "foreign" (no mammogram); `reason` says why not read.
    """

    laterality: Laterality | None
    view: str | None
    view_modifiers: tuple[str, ...]
    role: Role
    reason: str | None
    presentation_intent: PresentationIntent | None

    @property
    def is_standard(self) -> bool:
        """Whether this is one of the four views that complete a study: read, and showing the whole breast as usual."""
        usual = set(self.view_modifiers) <= {"NP"}
        return self.role == "read" and (self.laterality, self.view) in STANDARD_VIEWS and usual


def identify_view(header: Header) -> ImageIdentity:
    """Say what an image is from its header alone (read with `stop_before_pixels`); never raises.

    View: View Code Sequence, then View Position, then Patient Orientation (PS3.3 C.8.11.7, C.7.6.1.1.1). Side: Image
    Laterality, Laterality, View Position, Patient Orientation. An unknown view of a mammogram is still read.
    """
    view, modifiers, side_in_position = _view(header)
    laterality = _laterality(header, side_in_position)
    role: Role = "read"
    foreign = _why_foreign(header)
    reason = foreign or _why_kept(header, modifiers)
    if reason is not None:
        role = "foreign" if foreign else "kept"
    return ImageIdentity(laterality, view, modifiers, role, reason, _intent(header))


def _view(header: Header) -> tuple[str | None, tuple[str, ...], str | None]:
    view: str | None = None
    modifiers: list[str] = []
    for item in items_of(header, "ViewCodeSequence"):
        view = view or VIEWS.get(text_of(item, "CodeValue"))
        for modifier in items_of(item, "ViewModifierCodeSequence"):
            name = MODIFIERS.get(text_of(modifier, "CodeValue"))
            if name and name not in modifiers:
                modifiers.append(name)
    side: str | None = None
    for text in (text_of(header, "ViewPosition"), *texts_of(header, "PatientOrientation")):
        squeezed = re.sub(r"[^A-Z]", "", text)
        match = _VIEW_POSITION.fullmatch(squeezed)
        if match is None:
            if squeezed in _MODIFIER_ONLY_VIEWS and squeezed not in modifiers:
                modifiers.append(squeezed)
            continue
        side = side or match["side"]
        if view is None:
            view = match["view"]
        if view == match["view"]:
            modifiers += [name for name in (match["before"], match["after"]) if name and name not in modifiers]
        break
    return view or _oriented(header)[1], tuple(modifiers), side


def _laterality(header: Header, side_in_position: str | None) -> Laterality | None:
    oriented = _oriented(header)[0]
    for text in (text_of(header, "ImageLaterality"), text_of(header, "Laterality"), side_in_position, oriented):
        if text in ("R", "RIGHT"):
            return "R"
        if text in ("L", "LEFT"):
            return "L"
    return None


def _oriented(header: Header) -> tuple[Laterality | None, str | None]:
    """Side and view from Patient Orientation as PS3.3 C.8.11.7 has mammograms lie: A\\R left CC, P\\FL right MLO.

    The skin side of a left breast runs to the right of the image (A), its columns from lateral to medial (R).
    Turned images don't fit the pattern, and then nothing is guessed about the side.
    """
    values = texts_of(header, "PatientOrientation")
    if len(values) < 2 or not set(values[0] + values[1]) <= set("APRLHF"):
        return None, None
    row, column = values[0], values[1]
    if "F" in column or "H" in column:
        view = "MLO" if set(column) & set("RL") else None
    else:
        view = "CC" if set(column) & set("RL") else None
    if row.startswith("A") and "R" in column and "L" not in column:
        return "L", view
    if row.startswith("P") and "L" in column and "R" not in column:
        return "R", view
    return None, view


def _intent(header: Header) -> PresentationIntent | None:
    intent = text_of(header, "PresentationIntentType")
    sop_class = text_of(header, "SOPClassUID")
    if intent == "FOR PRESENTATION" or (not intent and sop_class == MG_FOR_PRESENTATION):
        return "FOR PRESENTATION"
    if intent == "FOR PROCESSING" or (not intent and sop_class == MG_FOR_PROCESSING):
        return "FOR PROCESSING"
    return None


def _why_foreign(header: Header) -> str | None:
    modality = text_of(header, "Modality")
    sop_class = text_of(header, "SOPClassUID")
    tomosynthesis = sop_class == BREAST_TOMOSYNTHESIS or sop_class in BREAST_PROJECTION_X_RAY
    mammographic = sop_class in (MG_FOR_PRESENTATION, MG_FOR_PROCESSING) or tomosynthesis
    if modality != "MG" and not (mammographic and not modality):
        named = re.sub(r"[^A-Z0-9_ -]", "?", modality[:16]) or "missing"
        return f"Not a mammogram: its modality is {named}, not MG."
    if sop_class and sop_class not in STILL_IMAGES and not tomosynthesis:
        return "Not a mammogram: objects of its kind (SOP class) hold no mammographic image."
    return None


def _why_kept(header: Header, modifiers: tuple[str, ...]) -> str | None:
    sop_class = text_of(header, "SOPClassUID")
    if sop_class == BREAST_TOMOSYNTHESIS or sop_class in BREAST_PROJECTION_X_RAY:
        return "Kept, not read: tomosynthesis; only single projection images are read."
    frames = number_of(header, "NumberOfFrames")
    if frames is not None and frames > 1:
        return f"Kept, not read: it holds {frames:.0f} frames; only single images are read."
    image_type = texts_of(header, "ImageType")
    told = " ".join((text_of(header, "DerivationDescription"), text_of(header, "SeriesDescription")))
    if SYNTHETIC_IMAGE_TYPES & set(image_type) or any(word in told for word in SYNTHETIC_WORDS):
        return "Kept, not read: a synthetic 2D image computed from tomosynthesis."
    codes = {text_of(item, "CodeValue") for item in items_of(header, "ViewCodeSequence")}
    short = (*image_type, text_of(header, "ViewPosition"), text_of(header, "BodyPartExamined"))
    series = (text_of(header, "SeriesDescription"), text_of(header, "ProtocolName"))
    if (
        codes & SPECIMEN_VIEWS
        or _names(SPECIMEN_WORDS, *short, *series)
        or items_of(header, "SpecimenDescriptionSequence")
    ):
        return "Kept, not read: a specimen, not a breast."
    quality_control = text_of(header, "QualityControlImage") in ("YES", "BOTH")
    owner = (text_of(header, "PatientID"), text_of(header, "PatientName"), text_of(header, "StudyDescription"))
    if quality_control or _names(PHANTOM_WORDS, *short, *series, *owner):
        return "Kept, not read: a phantom or a quality control image, not a patient."
    if _names(BIOPSY_WORDS, *short, *(text for text in series if "POST" not in text)):
        return "Kept, not read: taken during a biopsy or a localisation."
    factor = number_of(header, "EstimatedRadiographicMagnificationFactor")
    magnified = factor is not None and factor >= _MAGNIFIED
    if magnified or "M" in modifiers or _names(MAGNIFICATION_WORDS, *short, *series):
        return "Kept, not read: a magnification view, whose scale the network doesn't know."
    return None


def _names(words: tuple[str, ...], *texts: str) -> bool:
    """Whether one of `words` stands in one of `texts` as a word of its own (an underscore parts words too)."""
    for text in texts:
        squeezed = f" {re.sub(r'[^A-Z0-9]+', ' ', text)} "
        if any(f" {word} " in squeezed for word in words):
            return True
    return False

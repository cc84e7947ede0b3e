"""Mammographic views and their modifiers (PS3.16 CID 4014, CID 4015; PS3.3 C.8.11.7 for the short terms)."""

from __future__ import annotations

from typing import Final

from pydicom.sr.coding import Code


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


_CRANIO_CAUDAL: Final = _sct("399162004", "cranio-caudal")
_MEDIO_LATERAL_OBLIQUE: Final = _sct("399368009", "medio-lateral oblique")

VIEWS: Final[dict[str, Code]] = {
    "CC": _CRANIO_CAUDAL,
    "MLO": _MEDIO_LATERAL_OBLIQUE,
    "ML": _sct("399260004", "medio-lateral"),
    "LM": _sct("399352003", "latero-medial"),
    "LMO": _sct("399099002", "latero-medial oblique"),
    "FB": _sct("399196006", "caudo-cranial (from below)"),
    "XCC": _CRANIO_CAUDAL,  # exaggerated, nobody says to which side: the plain view is all that is known
    "XCCL": _sct("399192008", "cranio-caudal exaggerated laterally"),
    "XCCM": _sct("399101009", "cranio-caudal exaggerated medially"),
    "SIO": _sct("399188001", "superolateral to inferomedial oblique"),
    "ISO": _sct("441555000", "inferomedial to superolateral oblique"),
    "CV": _CRANIO_CAUDAL,
    "AT": _MEDIO_LATERAL_OBLIQUE,
}
"""View names as ViewResult has them. A view that is not here is left out of the Image Library (the row is optional)."""

IMPLIED_MODIFIERS: Final[dict[str, Code]] = {
    "CV": _sct("399161006", "Cleavage"),
    "AT": _sct("399011000", "Axillary Tail"),
}
"""Terms of View Position (0018,5101) that are a view with a modifier in codes."""

MODIFIERS: Final[dict[str, Code]] = {
    code.value: code
    for code in (
        _sct("399161006", "Cleavage"),
        _sct("399011000", "Axillary Tail"),
        _sct("414493004", "Rolled Inferior"),
        _sct("399197002", "Rolled Lateral"),
        _sct("399226006", "Rolled Medial"),
        _sct("415670009", "Rolled Superior"),
        _sct("399209000", "Implant Displaced"),
        _sct("399163009", "Magnification"),
        _sct("399055006", "Spot Compression"),
        _sct("399110001", "Tangential"),
        _sct("441752004", "Anterior compression"),
        _sct("442580003", "Axillary tissue"),
        _sct("442581004", "Nipple in profile"),
        _sct("442593008", "Infra-mammary fold"),
    )
}
"""View modifiers by their SCT code value; a modifier in the images that is not here is left out (row 4 is optional)."""

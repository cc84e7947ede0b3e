"""Facts: mammographic views and modifiers (PS3.16 CID 4014, 4015), SOP classes and words that name what isn't read."""

from typing import Final

MG_FOR_PRESENTATION: Final = "1.2.840.10008.5.1.4.1.1.1.2"
MG_FOR_PROCESSING: Final = "1.2.840.10008.5.1.4.1.1.1.2.1"
BREAST_TOMOSYNTHESIS: Final = "1.2.840.10008.5.1.4.1.1.13.1.3"
BREAST_PROJECTION_X_RAY: Final = (
    "1.2.840.10008.5.1.4.1.1.13.1.4",
    "1.2.840.10008.5.1.4.1.1.13.1.5",
)

STILL_IMAGES: Final = frozenset(
    {
        MG_FOR_PRESENTATION,
        MG_FOR_PROCESSING,
        "1.2.840.10008.5.1.4.1.1.1",  # CR, as older plate readers send mammograms
        "1.2.840.10008.5.1.4.1.1.1.1",  # DX For Presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # DX For Processing
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.1",
        "1.2.840.10008.5.1.4.1.1.7.2",
        "1.2.840.10008.5.1.4.1.1.7.3",
        "1.2.840.10008.5.1.4.1.1.7.4",
    }
)
"""SOP classes that hold a mammogram when their Modality is MG."""

VIEWS: Final = {
    # SCT, SRT (PS3.16 CID 4014) -> the short name ViewPosition uses
    "399260004": "ML",
    "R-10224": "ML",
    "399368009": "MLO",
    "R-10226": "MLO",
    "399352003": "LM",
    "R-10228": "LM",
    "399099002": "LMO",
    "R-10230": "LMO",
    "399162004": "CC",
    "R-10242": "CC",
    "399196006": "FB",
    "R-10244": "FB",
    "399188001": "SIO",
    "R-102D0": "SIO",
    "441555000": "ISO",
    "R-40AAA": "ISO",
    "399192008": "XCCL",
    "R-1024A": "XCCL",
    "399101009": "XCCM",
    "R-1024B": "XCCM",
}
SPECIMEN_VIEWS: Final = frozenset({"127457009", "G-8310"})

MODIFIERS: Final = {
    # SCT, SRT (PS3.16 CID 4015) -> the short name
    "399163009": "M",
    "R-102D6": "M",
    "399055006": "S",
    "R-102D7": "S",
    "399209000": "ID",
    "R-102D5": "ID",
    "399161006": "CV",
    "R-102D2": "CV",
    "399011000": "AT",
    "R-102D1": "AT",
    "399110001": "TAN",
    "R-102C2": "TAN",
    "399197002": "RL",
    "R-102D3": "RL",
    "399226006": "RM",
    "R-102D4": "RM",
    "414493004": "RI",
    "R-102CA": "RI",
    "415670009": "RS",
    "R-102C9": "RS",
    "442581004": "NP",
    "R-40AB3": "NP",
    "442580003": "AX",
    "R-40AB2": "AX",
    "441752004": "AC",
    "P2-00161": "AC",
    "442593008": "IMF",
    "R-40ABE": "IMF",
}

SYNTHETIC_IMAGE_TYPES: Final = frozenset(
    {"GENERATED_2D", "TOMO_2D", "TOMO", "TOMOSYNTHESIS", "TOMO_PROJ", "TOMO_SLICE", "SYNTHESIZED", "SYNTHETIC"}
)
SYNTHETIC_WORDS: Final = ("C-VIEW", "SYNTHETIC 2D", "SYNTHESIZED 2D", "GENERATED_2D", "TOMO_2D", "DERIVED FROM TOMO")
PHANTOM_WORDS: Final = ("PHANTOM", "QC", "QUALITY CONTROL", "TEST OBJECT", "FLATFIELD", "FLAT FIELD")
SPECIMEN_WORDS: Final = ("SPECIMEN",)
BIOPSY_WORDS: Final = (
    "BIOPSY",
    "STEREO",
    "STEREOTACTIC",
    "STEREOTAXIS",
    "PREFIRE",
    "POSTFIRE",
    "NEEDLE",
    "WIRE",
    "LOCALIZATION",
    "LOCALISATION",
)
MAGNIFICATION_WORDS: Final = ("MAGNIFICATION", "MAG", "MAGN")

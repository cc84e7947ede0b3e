"""The values that attributes of VR CS, SH and LO may keep: defined terms of PS3.3, and what every machine writes.

A value that is not listed is removed, since a code string holds a surname as well as a term.
"""

from __future__ import annotations

from typing import Final


def _terms(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES_NO: Final = frozenset({"YES", "NO"})
_SIDES: Final = frozenset({"R", "L", "B", "U"})
_DIRECTIONS: Final = frozenset(
    one + two + three for one in "APRLHF" for two in ("", *"APRLHF") for three in ("", *("APRLHF" if two else ""))
)
_VIEWS: Final = _terms("CC MLO ML LM LMO FB XCC XCCL XCCM SIO ISO CV AT TAN AX IMF")
_GRAPHICS: Final = _terms("POINT MULTIPOINT POLYLINE CIRCLE ELLIPSE INTERPOLATED POLYGON ELLIPSOID")
_SR_TYPES: Final = _terms("TEXT NUM CODE DATETIME DATE TIME UIDREF PNAME COMPOSITE IMAGE SCOORD SCOORD3D CONTAINER")

TERMS: Final[dict[str, frozenset[str]]] = {
    "Modality": frozenset({"MG", "DX", "OT", "SR", "PR", "KO", "CR"}),
    "ImageType": frozenset({"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", ""}),
    "PresentationIntentType": frozenset({"FOR PRESENTATION", "FOR PROCESSING"}),
    "PhotometricInterpretation": frozenset(
        {"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
    ),
    "PixelIntensityRelationship": frozenset({"LIN", "LOG", "DISP"}),
    "PresentationLUTShape": frozenset({"IDENTITY", "INVERSE"}),
    "RescaleType": frozenset({"US", "OD", "HU"}),
    "ModalityLUTType": frozenset({"US", "OD", "HU"}),
    "VOILUTFunction": frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"}),
    "Manufacturer": frozenset({"mammogate"}),
    "ManufacturerModelName": frozenset({"mammogate"}),
    "LossyImageCompressionMethod": frozenset({"ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15"}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "BurnedInAnnotation": _YES_NO,
    "QualityControlImage": frozenset({"YES", "NO", "BOTH"}),
    "ConversionType": frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"}),
    "BodyPartExamined": frozenset({"BREAST"}),
    "OrganExposed": frozenset({"BREAST"}),
    "Laterality": _SIDES,
    "ImageLaterality": _SIDES,
    "ViewPosition": _VIEWS,
    "PatientOrientation": _DIRECTIONS | _VIEWS,
    "BreastImplantPresent": _YES_NO,
    "PartialView": _YES_NO,
    "PositionerType": frozenset({"MAMMOGRAPHIC", "NONE"}),
    "DetectorType": frozenset({"DIRECT", "SCINTILLATOR", "STORAGE", "FILM"}),
    "DetectorConfiguration": frozenset({"AREA", "SLOT"}),
    "DetectorConditionsNominalFlag": _YES_NO,
    "DetectorActiveShape": frozenset({"RECTANGLE", "ROUND", "HEXAGONAL"}),
    "FieldOfViewShape": frozenset({"RECTANGLE", "ROUND", "HEXAGONAL"}),
    "FieldOfViewHorizontalFlip": _YES_NO,
    "ShutterShape": frozenset({"RECTANGULAR", "CIRCULAR", "POLYGONAL"}),
    "CollimatorShape": frozenset({"RECTANGULAR", "CIRCULAR", "POLYGONAL"}),
    "AnodeTargetMaterial": frozenset({"TUNGSTEN", "MOLYBDENUM", "RHODIUM"}),
    "FilterMaterial": _terms("MOLYBDENUM ALUMINUM COPPER RHODIUM NIOBIUM EUROPIUM LEAD SILVER"),
    "FilterType": frozenset({"STRIP", "WEDGE", "BUTTERFLY", "MULTIPLE", "FLAT", "NONE"}),
    "Grid": frozenset({"FIXED", "FOCUSED", "RECIPROCATING", "PARALLEL", "CROSSED", "NONE", "IN", "OUT"}),
    "ExposureControlMode": frozenset({"MANUAL", "AUTOMATIC"}),
    "ExposureStatus": frozenset({"NORMAL", "ABORTED"}),
    # SR, KOS
    "CompletionFlag": frozenset({"PARTIAL", "COMPLETE"}),
    "VerificationFlag": frozenset({"UNVERIFIED", "VERIFIED"}),
    "PreliminaryFlag": frozenset({"PRELIMINARY", "FINAL"}),
    "ValueType": _SR_TYPES,
    "RelationshipType": frozenset(
        {
            "CONTAINS",
            "HAS OBS CONTEXT",
            "HAS CONCEPT MOD",
            "HAS PROPERTIES",
            "HAS ACQ CONTEXT",
            "INFERRED FROM",
            "SELECTED FROM",
        }
    ),
    "ContinuityOfContent": frozenset({"SEPARATE", "CONTINUOUS"}),
    "GraphicType": _GRAPHICS,
    "PixelOriginInterpretation": frozenset({"FRAME", "VOLUME"}),
    "MappingResource": frozenset({"DCMR"}),
    "TemplateIdentifier": _terms("1410 1411 1419 1500 1501 1600 1601 1602 2000 2010 4000 4019 10001 10003"),
    # GSPS
    "PresentationSizeMode": frozenset({"SCALE TO FIT", "TRUE SIZE", "MAGNIFY"}),
    "GraphicAnnotationUnits": frozenset({"PIXEL", "DISPLAY", "MATRIX"}),
    "GraphicFilled": frozenset({"Y", "N"}),
    "ImageHorizontalFlip": frozenset({"Y", "N"}),
}

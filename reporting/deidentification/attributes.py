"""Which attributes may stay, and what becomes of them: everything that is not here is removed.

For MG, DX, SC, SR, KOS and GSPS objects. Against PS3.15 table E.1-1 (Basic Application Level Confidentiality Profile)
with three options: Retain Longitudinal Temporal Information With Modified Dates, Clean Structured Content, Clean
Graphics. Where the table says nothing of an attribute, it stays only if its value can be checked.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBERS: Final = _names(
    # Image Pixel, Image Plane, LUTs (PS3.3 C.7.6.3, C.11)
    "Rows Columns SamplesPerPixel PlanarConfiguration BitsAllocated BitsStored HighBit PixelRepresentation"
    " NumberOfFrames PixelAspectRatio SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue"
    " PixelPaddingRangeLimit PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing"
    " RescaleIntercept RescaleSlope WindowCenter WindowWidth LUTDescriptor LUTData"
    " PixelIntensityRelationshipSign LossyImageCompressionRatio"
    # Series and image
    " SeriesNumber InstanceNumber AcquisitionNumber ImagesInAcquisition"
    # How it was taken (PS3.3 C.8.7, C.8.11)
    " KVP ExposureTime ExposureTimeInuS XRayTubeCurrent XRayTubeCurrentInuA Exposure ExposureInuAs FocalSpots"
    " FilterThicknessMinimum FilterThicknessMaximum HalfValueLayer EntranceDose"
    " EntranceDoseInmGy OrganDose ImageAndFluoroscopyAreaDoseProduct RelativeXRayExposure"
    " DistanceSourceToDetector DistanceSourceToPatient DistanceSourceToEntrance"
    " EstimatedRadiographicMagnificationFactor BodyPartThickness CompressionForce CompressionPressure"
    " PositionerPrimaryAngle PositionerSecondaryAngle DetectorPrimaryAngle DetectorSecondaryAngle"
    " DetectorTemperature DetectorBinning DetectorElementPhysicalSize DetectorElementSpacing DetectorActiveDimensions"
    " DetectorActiveOrigin FieldOfViewDimensions FieldOfViewOrigin FieldOfViewRotation Sensitivity"
    " ShutterLeftVerticalEdge ShutterRightVerticalEdge ShutterUpperHorizontalEdge ShutterLowerHorizontalEdge"
    " CollimatorLeftVerticalEdge CollimatorRightVerticalEdge CollimatorUpperHorizontalEdge"
    " CollimatorLowerHorizontalEdge ShutterPresentationValue"
    # SR (PS3.3 C.17.3, C.18)
    " NumericValue FloatingPointValue RationalNumeratorValue RationalDenominatorValue GraphicData"
    " ReferencedContentItemIdentifier ReferencedFrameNumber ReferencedSegmentNumber"
    # GSPS (PS3.3 C.10, C.11)
    " DisplayedAreaTopLeftHandCorner DisplayedAreaBottomRightHandCorner PresentationPixelSpacing"
    " PresentationPixelAspectRatio PresentationPixelMagnificationRatio GraphicDimensions NumberOfGraphicPoints"
    " GraphicLayerOrder GraphicLayerRecommendedDisplayGrayscaleValue GraphicLayerRecommendedDisplayCIELabValue"
    " ImageRotation"
)
"""Numbers stay as they are. Text in their place is removed."""

DATES: Final = _names(
    "StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate PresentationCreationDate Date"
)
TIMES: Final = _names(
    "StudyTime SeriesTime AcquisitionTime ContentTime InstanceCreationTime PresentationCreationTime Time"
)
DATE_TIMES: Final = _names("AcquisitionDateTime ObservationDateTime DateTime")
"""Moved back by the patient's number of days (PS3.15 E.3.6). The time of day stays, without a time zone."""

UIDS: Final = _names(
    "SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedFrameOfReferenceUID"
    " SynchronizationFrameOfReferenceUID IrradiationEventUID ReferencedSOPInstanceUID UID TrackingUID"
    " ConcatenationUID SpecimenUID"
)
"""Replaced, unless PS3.6 lists the UID: such a one names a class or a transfer syntax, no object."""

CLASSES: Final = _names("SOPClassUID ReferencedSOPClassUID")
"""UIDs of SOP classes: those of PS3.6 stay."""

SEQUENCES: Final = _names(
    "VOILUTSequence ModalityLUTSequence PresentationLUTSequence SourceImageSequence ReferencedImageSequence"
    " SoftcopyVOILUTSequence DisplayedAreaSelectionSequence GraphicLayerSequence"
    " GraphicAnnotationSequence GraphicObjectSequence"
    " ReferencedSeriesSequence ReferencedSOPSequence CurrentRequestedProcedureEvidenceSequence"
    " PertinentOtherEvidenceSequence PredecessorDocumentsSequence ContentSequence MeasuredValueSequence"
    " ContentTemplateSequence"
)
"""Items stay, cleaned by the same lists."""

CODES: Final = _names(
    "ViewCodeSequence ViewModifierCodeSequence AnatomicRegionSequence AnatomicRegionModifierSequence"
    " PrimaryAnatomicStructureSequence PurposeOfReferenceCodeSequence"
    " ConceptNameCodeSequence ConceptCodeSequence MeasurementUnitsCodeSequence"
    " NumericValueQualifierCodeSequence"
)
"""Codes of lists that we know stay, with the meaning that the list gives them."""

TEXTS: Final = _names("TextValue TrackingID")
"""Texts of documents: those that mammogate writes itself stay."""

EMPTIED: Final = _names(
    "AccessionNumber ReferringPhysicianName PatientBirthDate PatientSex StudyID"
    " PositionReferenceIndicator ContentDescription ContentCreatorName"
    " ReferencedPerformedProcedureStepSequence PerformedProcedureCodeSequence AcquisitionContextSequence"
)
"""Type 2 attributes, or such that may be empty: there, without a value."""

LABELS: Final = _names("GraphicLayer")
"""Names that one object uses twice: replaced consistently."""

REPLACED: Final[dict[str, str]] = {"PersonName": "Removed", "ContentLabel": "DEIDENTIFIED"}
"""Type 1 attributes: there, with a word that says nothing."""

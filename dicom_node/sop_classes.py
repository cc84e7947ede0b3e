"""Which storage SOP classes the gateway takes (PS3.4 Annex B.5): mammography, and what a PACS forwards with it.

A PACS reports the transfer of a whole study as failed when one of its objects is refused, so everything that
commonly travels in a mammography study is taken, read or not. Images of other modalities (CT, MR, ultrasound, CR) are
refused at negotiation: they are a sign of a wrong routing rule, which the sender should see.
"""

from __future__ import annotations

from pydicom import uid

MAMMOGRAPHY_IMAGES: tuple[uid.UID, ...] = (
    uid.DigitalMammographyXRayImageStorageForPresentation,
    uid.DigitalMammographyXRayImageStorageForProcessing,
    uid.BreastTomosynthesisImageStorage,
    uid.BreastProjectionXRayImageStorageForPresentation,
    uid.BreastProjectionXRayImageStorageForProcessing,
)

# A Secondary Capture counts as a mammogram when its Modality is MG (digitised films, vendors' own encodings).
SECONDARY_CAPTURES: tuple[uid.UID, ...] = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)

# Specimen radiographs of a biopsy come as Digital X-Ray, in the patient's mammography study.
OTHER_IMAGES: tuple[uid.UID, ...] = (
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.SegmentationStorage,
    uid.ParametricMapStorage,
)

STRUCTURED_REPORTS: tuple[uid.UID, ...] = (
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.MammographyCADSRStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.KeyObjectSelectionDocumentStorage,
)

PRESENTATION_STATES: tuple[uid.UID, ...] = (
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.ColorSoftcopyPresentationStateStorage,
    uid.PseudoColorSoftcopyPresentationStateStorage,
    uid.BlendingSoftcopyPresentationStateStorage,
    uid.AdvancedBlendingPresentationStateStorage,
)

# Raw Data carries some vendors' tomosynthesis projections; refusing it would fail the whole study's transfer.
DOCUMENTS: tuple[uid.UID, ...] = (uid.EncapsulatedPDFStorage, uid.RawDataStorage)

IMAGE_CLASSES: tuple[uid.UID, ...] = (*MAMMOGRAPHY_IMAGES, *SECONDARY_CAPTURES, *OTHER_IMAGES)
NON_IMAGE_CLASSES: tuple[uid.UID, ...] = (*STRUCTURED_REPORTS, *PRESENTATION_STATES, *DOCUMENTS)

ACCEPTED: frozenset[str] = frozenset((*IMAGE_CLASSES, *NON_IMAGE_CLASSES))


def is_accepted(sop_class_uid: str) -> bool:
    """Return whether the gateway takes objects of this class."""
    return sop_class_uid in ACCEPTED


def name_of(sop_class_uid: str) -> str:
    """Return the class's name for a sentence, or the UID itself when it is private or unknown."""
    return uid.UID(sop_class_uid).name

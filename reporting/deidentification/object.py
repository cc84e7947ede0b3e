"""One de-identified object, made from one that the gateway holds."""

from __future__ import annotations

from typing import Any, Final

from pydicom import uid
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from reporting import broken_headers
from reporting.content_item import code_sequence
from reporting.deidentification.cleaning import Cleaner
from reporting.deidentification.known_codes import known_code
from reporting.deidentification.left_out import KindNotCovered, NotReadable, TextInThePixels
from reporting.deidentification.pseudonyms import Patient, Pseudonyms
from reporting.deidentification.residue import refuse_identifiers
from reporting.equipment import file_meta_for

_MAMMOGRAMS: Final = frozenset(
    {uid.DigitalMammographyXRayImageStorageForPresentation, uid.DigitalMammographyXRayImageStorageForProcessing}
)
_OTHER_IMAGES: Final = frozenset(
    {
        uid.DigitalXRayImageStorageForPresentation,
        uid.DigitalXRayImageStorageForProcessing,
        uid.SecondaryCaptureImageStorage,
        uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    }
)
_DOCUMENTS: Final = frozenset(
    {
        uid.EnhancedSRStorage,
        uid.ComprehensiveSRStorage,
        uid.Comprehensive3DSRStorage,
        uid.MammographyCADSRStorage,
        uid.KeyObjectSelectionDocumentStorage,
        uid.GrayscaleSoftcopyPresentationStateStorage,
    }
)
_PIXELS: Final = ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_OPTIONS: Final = ("113100", "113107", "113104", "113103")
"""CID 7050: basic profile, modified dates, clean structured content, clean graphics."""
_METHOD: Final = (
    "PS3.15 Annex E, basic profile, by a list of what may stay",
    "Modified dates; clean structured content; clean graphics",
)
_TYPE_2: Final = ("AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "PatientSex", "StudyID")


def deidentified(
    source: Dataset, patient: Patient, pseudonyms: Pseudonyms, *, include_burned_in: bool = False
) -> Dataset:
    """Return a new object with its file meta information, in the transfer syntax of `source`.

    `source` is a whole object as read from a file; it is not changed. `include_burned_in` lets images pass whose
    pixels hold text, or may: Secondary Captures, other modalities than MG, Burned In Annotation YES.

    Raises:
        LeftOut: a subclass says why the object may not leave.

    """
    sop_class = broken_headers.uid(source, "SOPClassUID")
    is_image = sop_class in _MAMMOGRAMS | _OTHER_IMAGES
    if not is_image and sop_class not in _DOCUMENTS:
        raise KindNotCovered("its kind (SOP class) is not one of those that the export has rules for")
    transfer_syntax = _transfer_syntax(source)
    if is_image and not include_burned_in:
        _refuse_text_in_pixels(source, sop_class)
    cleaned = Cleaner(pseudonyms, patient, is_document=not is_image).clean(source)
    if not all(cleaned.get(keyword) for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")):
        raise NotReadable("it has no SOP, Series or Study Instance UID that can be read")
    if is_image:
        _copy_pixels(source, cleaned)
    refuse_identifiers(cleaned, source)
    _stamp(cleaned, patient)
    cleaned.file_meta = file_meta_for(cleaned, transfer_syntax)
    cleaned.preamble = b"\0" * 128
    return cleaned


def _transfer_syntax(source: Dataset) -> uid.UID:
    stated = uid.UID(str(source.file_meta.get("TransferSyntaxUID", "")) if hasattr(source, "file_meta") else "")
    if stated.type != "Transfer Syntax":
        raise NotReadable("its transfer syntax is private or not stated")
    return stated


def _refuse_text_in_pixels(source: Dataset, sop_class: str) -> None:
    if broken_headers.code_string(source, "BurnedInAnnotation") not in ("", "NO"):
        raise TextInThePixels("its header says that text is burned in; look at it, then use --include-burned-in")
    if sop_class not in _MAMMOGRAMS or broken_headers.code_string(source, "Modality") != "MG":
        raise TextInThePixels(
            "it is a secondary capture or no digital mammogram, and such often have text burned in; look at it, then "
            "use --include-burned-in"
        )
    overlays = {tag.group for tag in source.keys() if 0x6000 <= tag.group <= 0x601E}  # noqa: SIM118 - converts nothing
    if any((group, 0x3000) not in source for group in overlays):
        # Retired, and still written: an overlay in the unused bits of the pixels (PS3.5 8.1.2).
        raise TextInThePixels("an overlay lies in its pixels; look at it, then use --include-burned-in")


def _copy_pixels(source: Dataset, cleaned: Dataset) -> None:
    for keyword in _PIXELS:
        if keyword in source:
            element: Any = source[keyword]
            copy = DataElement(element.tag, element.VR, element.value)
            copy.is_undefined_length = element.is_undefined_length
            cleaned.add(copy)


def _stamp(cleaned: Dataset, patient: Patient) -> None:
    """Patient, and how the object was de-identified (PS3.3 C.7.1.1, C.12.1)."""
    cleaned.PatientName = cleaned.PatientID = patient.pseudonym
    for keyword in _TYPE_2:
        setattr(cleaned, keyword, "")
    # Whoever wanted an image with text in it has an image with text in it, and the object says so.
    cleaned.PatientIdentityRemoved = "NO" if cleaned.get("BurnedInAnnotation") == "YES" else "YES"
    cleaned.DeidentificationMethod = list(_METHOD)
    codes = [code for value in _OPTIONS if (code := known_code("DCM", value)) is not None]
    cleaned.DeidentificationMethodCodeSequence = [code_sequence(code)[0] for code in codes]
    cleaned.LongitudinalTemporalInformationModified = "MODIFIED"
    if not all(str(element.value).isascii() for element in cleaned.iterall() if element.VR in ("LO", "SH", "UT")):
        cleaned.SpecificCharacterSet = "ISO_IR 192"

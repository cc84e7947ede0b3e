"""The presentation contexts that the Storage and Verification SCPs accept."""

from __future__ import annotations

from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time from a table

from dicom_node import sop_classes, transfer_syntaxes


def accepted_contexts() -> list[PresentationContext]:
    """Return one context a SOP class; the limit of 128 contexts binds only who requests an association."""
    images = [build_context(c, list(transfer_syntaxes.FOR_IMAGES)) for c in sop_classes.IMAGE_CLASSES]
    others = [build_context(c, list(transfer_syntaxes.FOR_OTHER_OBJECTS)) for c in sop_classes.NON_IMAGE_CLASSES]
    return [build_context(Verification, list(transfer_syntaxes.LITTLE_ENDIAN)), *images, *others]

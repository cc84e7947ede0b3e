"""Which transfer syntaxes (PS3.5 Annex A, PS3.6 Table A-1) are taken for images and for everything else.

The order is our preference where a sender offers several in one presentation context: uncompressed before lossless
before lossy, so that no sender compresses (or loses) anything for our sake. Images are stored as they come.
"""

from __future__ import annotations

from pydicom import uid

# Every sender must offer Implicit VR Little Endian, except for images it holds only lossily compressed (PS3.5 10.1).
LITTLE_ENDIAN: tuple[uid.UID, ...] = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)

LOSSLESS: tuple[uid.UID, ...] = (
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.RLELossless,
)

LOSSY: tuple[uid.UID, ...] = (
    uid.JPEG2000,
    uid.HTJ2K,
    uid.JPEGLSNearLossless,
    uid.JPEGExtended12Bit,
    uid.JPEGBaseline8Bit,
)

# Retired from the standard, still what a few old modalities speak.
BIG_ENDIAN: tuple[uid.UID, ...] = (uid.ExplicitVRBigEndian,)

# Only for objects without pixels: a deflated image would have to be inflated whole before a frame can be read.
DEFLATED: tuple[uid.UID, ...] = (uid.DeflatedExplicitVRLittleEndian,)

FOR_IMAGES: tuple[uid.UID, ...] = (*LITTLE_ENDIAN, *LOSSLESS, *LOSSY, *BIG_ENDIAN)
FOR_OTHER_OBJECTS: tuple[uid.UID, ...] = (*LITTLE_ENDIAN, *BIG_ENDIAN, *DEFLATED)


def is_compressed_image_syntax(transfer_syntax_uid: str) -> bool:
    """Return whether pixels in this syntax can't be sent in another one without transcoding."""
    return transfer_syntax_uid in (*LOSSLESS, *LOSSY)


def name_of(transfer_syntax_uid: str) -> str:
    """Return the syntax's name for a sentence, or the UID itself when it is private or unknown."""
    return uid.UID(transfer_syntax_uid).name

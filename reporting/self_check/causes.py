"""Why a report must not leave: one exception a cause. No message holds patient data."""

from __future__ import annotations


class SelfCheckFailed(Exception):
    """A report contradicts the study it is about, so it must not leave."""


class PatientIdentityDiffers(SelfCheckFailed):
    """The report names another patient or study than its images."""


class ReferenceNotInEvidence(SelfCheckFailed):
    """The content references an image that the evidence doesn't list, or none of this study."""


class DanglingReference(SelfCheckFailed):
    """A by-reference item leads to no image."""


class MarkOnWrongImage(SelfCheckFailed):
    """A mark is tied to another image than the finding was seen in."""


class CoordinatesOutsideImage(SelfCheckFailed):
    """A mark lies outside its image, or the image doesn't say how large it is."""


class OpenOutline(SelfCheckFailed):
    """An outline's last point doesn't repeat its first."""


class MarkMoved(SelfCheckFailed):
    """A mark's coordinates are not those of the finding."""


class FindingsDiffer(SelfCheckFailed):
    """The report has other findings than the result: one too many, too few, twice, or under another tracking UID."""


class SummaryContradictsFindings(SelfCheckFailed):
    """A summary code says something else than the result and the detections listed."""


class WrongRenderingIntent(SelfCheckFailed):
    """A mark asks to be drawn, or not to be, against what the site chose."""


class TextNotAsWritten(SelfCheckFailed):
    """A text reads back otherwise from the file, or its letters are in no character set that the file declares.

    Nothing is wrong with the images: keep them and report it as a fault of mammogate.
    """

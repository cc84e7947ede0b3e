"""Why an image could not be read: one exception a cause.

The text of each is one sentence in plain words, for a report or an operator: what is wrong, and what to do about it.
"""


class ImageRefused(Exception):
    """The image can't be read; `str()` is a sentence for people."""


class FileUnreadable(ImageRefused):
    """The file is missing or is no DICOM file."""


class NotAMammogram(ImageRefused):
    """The object isn't a mammogram, or one that is kept but not read (specimen, phantom, magnification ...)."""


class MultiFrameImage(ImageRefused):
    """The object holds several frames (tomosynthesis, cine): a plane has no place of its own in a 2-D reading."""


class PixelsMissing(ImageRefused):
    """The object has no pixel data, or doesn't say how large its image is."""


class PixelsTruncated(ImageRefused):
    """There are fewer pixels than the header promises; the image is never silently padded."""


class PixelsUndecodable(ImageRefused):
    """No decoder at hand could read the compressed pixels."""


class UnsupportedPhotometric(ImageRefused):
    """The pixels are colour, or of a kind that has no meaning as X-ray absorption."""


class NoBreastFound(ImageRefused):
    """No breast stands out from the background."""


class NotBreastShaped(ImageRefused):
    """What stands out from the background can't be a breast: it touches no side, fills all, or ends straight."""


class BackgroundNotDark(ImageRefused):
    """There is no dark background beside the object, as there is when grey values are inverted."""


class SeveralObjects(ImageRefused):
    """There is more than one large bright object."""


class OtherBodyPart(ImageRefused):
    """Header and picture both say that this is another part of the body."""


class Saturated(ImageRefused):
    """Much of the breast is all white or all black."""


class UpsideDown(ImageRefused):
    """An oblique view with the axilla at the bottom."""


class ImageTooSmall(ImageRefused):
    """The image is too coarse to show a lesion at the scale of the network, or smaller than a breast."""


class ImageTooLarge(ImageRefused):
    """By its pixel size the image is larger than any detector: the pixel size is wrong."""

"""Why an object is not exported: one exception a cause. No message holds a value of the object."""

from __future__ import annotations


class LeftOut(Exception):
    """The object can't be de-identified, or not surely; the sentence says why and what can be done."""


class KindNotCovered(LeftOut):
    """The rules were made for other SOP classes."""


class TextInThePixels(LeftOut):
    """Text is, or may be, burned into the pixels."""


class CodeNotKnown(LeftOut):
    """A document holds a code that is in no list of ours, and a code's text can be anything."""


class IdentifierStayed(LeftOut):
    """A number, a time or the pixels still hold an identifier of the patient."""


class NotReadable(LeftOut):
    """The object lacks what every object needs, or can't be parsed."""


class KeptHereOnly(LeftOut):
    """What is kept of the object is of no use outside, or never meant to leave."""

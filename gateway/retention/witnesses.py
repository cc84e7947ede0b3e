"""On whose word an image may be deleted here: the archive's, asked for each image, or the site's for all of them."""

from __future__ import annotations

from typing import Protocol

from dicom_node.commitment_report import RESOURCE_LIMITATION
from dicom_node.storage_commitment import SopReference
from gateway.commitment.judging import Committed, Judge, Unsettled
from gateway.database.models import Instance


class WitnessAway(Exception):
    """The archive could not be asked; the sentence says why."""


class Witness(Protocol):
    """Somebody who knows whether the image is somewhere else."""

    def confirms(self, instance: Instance) -> str | None:
        """Return how it is known that somebody else has the image, in words; None: it is not known.

        Raises:
            WitnessAway: nobody answers; the next image would fare no better.

        """


class ArchiveWitness:
    """Asks the archive for the very image, as storage commitment does: it was forwarded there and is found there."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def confirms(self, instance: Instance) -> str | None:
        reference = SopReference(instance.sop_class_uid, instance.sop_instance_uid)
        judgement = self._judge.judge([reference])[reference]
        if isinstance(judgement, Committed) and judgement.archive is not None:
            return f"archive {judgement.archive} has confirmed it"
        if isinstance(judgement, Unsettled) and judgement.failure_reason == RESOURCE_LIMITATION:
            raise WitnessAway(judgement.reason)
        return None


class SiteWitness:
    """The site has declared that the PACS gets every image by another way (`retention.pacs_has_its_own_copy`)."""

    def confirms(self, _instance: Instance) -> str | None:
        return "the site has said that the PACS has its own copy"

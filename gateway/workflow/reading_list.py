"""Which images of a study are read, and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.database.models import Instance


class ImagesDisagree(Exception):
    """The images of one study name different patients; nothing may be reported on them."""


def choose_images(instances: Iterable[Instance], generation: int) -> list[Instance]:
    """Return the images to read, oldest first: every readable one, but of twins the one For Presentation.

    Twins are images of one view of which one is For Processing and one For Presentation (PS3.3 C.8.11.7.1.1).

    Raises:
        ImagesDisagree: they name more than one patient.

    """
    members = [item for item in instances if item.generation is not None and item.generation <= generation]
    mammograms = [item for item in members if item.role != "foreign"]
    if _disagree([item.patient_key for item in mammograms]):
        raise ImagesDisagree(
            f"the {len(mammograms)} images of this study name different patients: correct them at the X-ray machine or "
            "in the PACS, have this study forgotten here, and send it again"
        )
    readable = [item for item in members if item.role == "read"]
    presented: set[tuple[str | None, str | None]] = {
        (item.laterality, item.view)
        for item in readable
        if item.presentation_intent == "FOR PRESENTATION" and item.is_standard
    }
    return [item for item in readable if not _is_twin(item, presented)]


def describe_kept(instance: Instance) -> str:
    """Say why an image that belongs to the study is not read."""
    if instance.role == "read":
        return "For Processing; the same view was read For Presentation."
    return instance.role_reason or "Not a kind of image that is read."


def _is_twin(item: Instance, presented: set[tuple[str | None, str | None]]) -> bool:
    # Spot views and views of an unknown side may share a name and still show something else.
    unprocessed = item.presentation_intent == "FOR PROCESSING" and item.is_standard
    return unprocessed and (item.laterality, item.view) in presented


def _disagree(patient_keys: Sequence[str]) -> bool:
    """Say whether two keys differ in something that both of them state; an image that says nothing agrees with all."""
    stated = [set(filter(None, parts)) for parts in zip(*(key.split(".") for key in patient_keys), strict=True)]
    return any(len(values) > 1 for values in stated)

"""Which images are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.database.models import Instance
from gateway.workflow.reading_list import ImagesDisagree, choose_images, describe_kept


def instance(number: int, **more: object) -> Instance:
    values: dict[str, object] = {
        "id": number,
        "role": "read",
        "role_reason": None,
        "laterality": "L",
        "view": "CC",
        "is_standard": True,
        "presentation_intent": "FOR PRESENTATION",
        "patient_key": "a.b.c",
        "generation": 1,
        **more,
    }
    return Instance(**values)


def test_of_twins_the_one_for_presentation_is_read() -> None:
    raw = instance(1, presentation_intent="FOR PROCESSING")
    shown = instance(2)
    assert choose_images([raw, shown], 1) == [shown]
    assert "For Presentation" in describe_kept(raw)


def test_for_processing_alone_is_read() -> None:
    raw = instance(1, presentation_intent="FOR PROCESSING")
    assert choose_images([raw], 1) == [raw]


def test_images_without_a_view_are_no_twins_of_each_other() -> None:
    raw = instance(1, view=None, is_standard=False, presentation_intent="FOR PROCESSING")
    shown = instance(2, view=None, is_standard=False)
    assert choose_images([raw, shown], 1) == [raw, shown]


def test_images_that_disagree_on_the_patient_are_not_read() -> None:
    with pytest.raises(ImagesDisagree, match="different patients"):
        choose_images([instance(1), instance(2, patient_key="x.b.c")], 1)


def test_an_image_that_says_nothing_of_the_patient_agrees_with_all() -> None:
    images = [instance(1), instance(2, patient_key="a.b."), instance(3, patient_key="..c")]
    assert choose_images(images, 1) == images


def test_a_spot_view_for_processing_is_no_twin_of_the_plain_view() -> None:
    spot = instance(1, is_standard=False, presentation_intent="FOR PROCESSING")
    plain = instance(2)
    assert choose_images([spot, plain], 1) == [spot, plain]


def test_a_foreign_object_of_another_patient_is_no_disagreement() -> None:
    image = instance(1)
    assert choose_images([image, instance(2, role="foreign", patient_key="x.y.z")], 1) == [image]


def test_later_generations_and_kept_images_are_left_out() -> None:
    image = instance(1)
    later = instance(2, generation=2, view="MLO")
    waiting = instance(3, generation=None, view="MLO")
    kept = instance(4, role="kept", role_reason="Magnification view.")
    assert choose_images([image, later, waiting, kept], 1) == [image]
    assert describe_kept(kept) == "Magnification view."


@given(st.lists(st.sampled_from(["FOR PRESENTATION", "FOR PROCESSING", None]), min_size=1, max_size=8))
def test_every_view_that_can_be_read_is_read(intents: list[str | None]) -> None:
    images = [instance(number, presentation_intent=intent) for number, intent in enumerate(intents)]
    assert choose_images(images, 1)

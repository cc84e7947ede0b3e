"""What can be set of messages to phones, and what is refused with a sentence."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.push_settings import PushSettings


@pytest.mark.parametrize("contact", ["mailto:it@hospital.example", "https://hospital.example/it"])
def test_a_contact_is_a_mail_address_or_a_page(contact: str) -> None:
    assert PushSettings(contact=contact).contact == contact


@pytest.mark.parametrize("contact", ["it@hospital.example", "mailto:it", "http://hospital.example", "https://"])
def test_another_contact_is_refused(contact: str) -> None:
    with pytest.raises(ValidationError, match="PUSH__CONTACT"):
        PushSettings(contact=contact)


def test_an_origin_is_kept_as_addresses_are_compared() -> None:
    assert PushSettings(also_allowed=("https://Push.Hospital:8443",)).also_allowed == ("https://push.hospital:8443",)


@pytest.mark.parametrize("origin", ["push.hospital", "https://push.hospital/x", "ftp://push.hospital", "https://a@b"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="PUSH__ALSO_ALLOWED"):
        PushSettings(also_allowed=(origin,))


def test_admins_are_told_only_where_the_site_says_so() -> None:
    assert PushSettings().roles == ("doctor", "radiologist")
    with pytest.raises(ValidationError):
        PushSettings.model_validate({"roles": ["operator"]})

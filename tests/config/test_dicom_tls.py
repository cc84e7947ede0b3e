"""The settings of TLS: what belongs together, and what has to be said aloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.loading import SettingsError, load_settings

_PREFIX = "MAMMOGATE_DICOM__TLS__"
_OWN = {f"{_PREFIX}CERTIFICATE": "gate.pem", f"{_PREFIX}KEY": "gate.key"}


def test_tls_is_off_until_there_is_a_certificate() -> None:
    assert load_settings(environment={}).dicom.tls.certificate is None
    # As compose files write what is not set.
    assert load_settings(environment={f"{_PREFIX}CERTIFICATE": "", f"{_PREFIX}KEY": ""}).dicom.tls.certificate is None


def test_with_an_authority_senders_have_to_show_a_certificate(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('[dicom.tls]\ncertificate = "gate.pem"\nkey = "gate.key"\npeer_ca = "hospital.pem"\n')
    tls = load_settings(file, {}).dicom.tls
    assert (tls.certificate, tls.key, tls.peer_ca) == (Path("gate.pem"), Path("gate.key"), Path("hospital.pem"))
    assert not tls.allow_unauthenticated_peers


def test_without_an_authority_the_site_has_to_say_that_anybody_may_come() -> None:
    with pytest.raises(SettingsError, match="DICOM__TLS__PEER_CA must name the authority"):
        load_settings(environment=_OWN)
    said = {**_OWN, f"{_PREFIX}ALLOW_UNAUTHENTICATED_PEERS": "true"}
    assert load_settings(environment=said).dicom.tls.peer_ca is None


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({f"{_PREFIX}CERTIFICATE": "gate.pem"}, "DICOM__TLS__KEY has to be set too"),
        ({f"{_PREFIX}KEY": "gate.key"}, "DICOM__TLS__CERTIFICATE has to be set too"),
        ({f"{_PREFIX}PEER_CA": "ca.pem"}, "TLS is off without a certificate"),
        ({f"{_PREFIX}ALLOW_UNAUTHENTICATED_PEERS": "true"}, "TLS is off without a certificate"),
        ({f"{_PREFIX}CERTFICATE": "gate.pem"}, "MAMMOGATE_DICOM__TLS__CERTIFICATE"),
    ],
)
def test_half_a_configuration_is_refused_with_the_other_half(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(environment=environment)


def _destination(tls: object, kind: str = "dicom") -> dict[str, str]:
    entry = {"name": "pacs", "kind": kind, "host": "pacs", "port": 2762, "ae_title": "PACS", "url": "https://pacs"}
    return {"MAMMOGATE_DESTINATIONS": json.dumps([{**entry, "tls": tls}])}


def test_a_destination_needs_an_authority_and_checks_the_name() -> None:
    tls = load_settings(environment=_destination({"ca": "ca.pem"})).destinations[0].tls
    assert tls is not None
    assert (tls.ca, tls.certificate, tls.key, tls.check_name) == (Path("ca.pem"), None, None, True)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        (_destination({}), "ca: Field required"),
        (_destination({"ca": "ca.pem", "certificate": "us.pem"}), "certificate and key belong together"),
        (_destination({"ca": "ca.pem", "cert": "us.pem"}), "the nearest one is certificate"),
        (_destination({"ca": "ca.pem"}, kind="stow"), "tls is for kind dicom"),
    ],
)
def test_a_destinations_tls_that_cannot_work_is_a_sentence(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(environment=environment)


def test_an_allowed_peer_may_have_a_limit_of_its_own() -> None:
    def peers(entry: dict[str, object]) -> dict[str, str]:
        return {"MAMMOGATE_DICOM__ALLOWED_PEERS": json.dumps([{"ae_title": "XRAY1", **entry}])}

    assert load_settings(environment=peers({"max_associations": 4})).dicom.allowed_peers[0].max_associations == 4
    assert load_settings(environment=peers({})).dicom.allowed_peers[0].max_associations is None
    with pytest.raises(SettingsError, match="max_associations"):
        load_settings(environment=peers({"max_associations": 0}))
    with pytest.raises(SettingsError, match="the nearest one is max_associations"):
        load_settings(environment=peers({"max_assoc": 4}))

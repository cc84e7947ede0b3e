"""The section `traces` takes an address of a collector, and nothing that would send a token in the clear."""

from __future__ import annotations

import pytest

from config.loading import SettingsError, load_settings


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4318",
        "grpc://collector:4317/v1/traces",
        "http://collector:4318",
        "http://collector:4318/",
        "http://:4318/v1/traces",
        "http://user:secret@collector:4318/v1/traces",
        "http://collector:port/v1/traces",
        "http://[::1/v1/traces",
    ],
)
def test_what_is_no_address_of_a_collector_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="TRACES__ENDPOINT") as refused:
        load_settings(None, {"MAMMOGATE_TRACES__ENDPOINT": endpoint, "MAMMOGATE_CONFIG": "/dev/null"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("more", ["TOKEN_FILE", "CA"])
def test_nothing_secret_goes_in_the_clear(more: str) -> None:
    settings = {"MAMMOGATE_CONFIG": "/dev/null", f"MAMMOGATE_TRACES__{more}": "/etc/x"}
    with pytest.raises(SettingsError, match="https"):
        load_settings(None, {**settings, "MAMMOGATE_TRACES__ENDPOINT": "http://collector:4318/v1/traces"})
    load_settings(None, {**settings, "MAMMOGATE_TRACES__ENDPOINT": "https://collector:4318/v1/traces"})


def test_an_empty_endpoint_is_none() -> None:
    settings = load_settings(None, {"MAMMOGATE_TRACES__ENDPOINT": "", "MAMMOGATE_CONFIG": "/dev/null"})
    assert settings.traces.endpoint is None

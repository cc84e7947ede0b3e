"""Settings: the file, the environment over it, and errors that say what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loading import SettingsError, load_settings

CONFIRMING = '"name": "a", "kind": "orthanc", "url": "http://a", "forward_images": true, "confirms": "query"'
FORWARDED = CONFIRMING.replace(', "confirms": "query"', "")
OWN_COPY = {"MAMMOGATE_RETENTION__AFTER_DAYS": "90", "MAMMOGATE_RETENTION__PACS_HAS_ITS_OWN_COPY": "true"}
CONFIRMING_STOW = CONFIRMING.replace('"orthanc"', '"stow"')


def test_the_defaults_need_no_file() -> None:
    settings = load_settings(environment={})
    assert (settings.dicom.host, settings.dicom.port, settings.dicom.ae_title) == ("127.0.0.1", 11112, "MAMMOGATE")
    assert (settings.study.settle_seconds, settings.study.quiet_seconds) == (10, 120)
    assert settings.resolved_database_url.startswith("sqlite:///")


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('[dicom]\nport = 104\nae_title = "SITE"\n')
    settings = load_settings(file, {"MAMMOGATE_DICOM__PORT": "11113"})
    assert (settings.dicom.port, settings.dicom.ae_title) == (11113, "SITE")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("MAMMOGATE_DICOM__PROT", "MAMMOGATE_DICOM__PORT"),
        ("MAMMOGATE_DATADIR", "MAMMOGATE_DATA_DIR"),
        ("MAMMOGATE_STUDY__QUIET", "MAMMOGATE_STUDY__QUIET_SECONDS"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(variable: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=nearest):
        load_settings(environment={variable: "1"})


def test_an_unknown_key_of_the_file_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[study]\nsettle = 3\n")
    with pytest.raises(SettingsError, match=r"study\.settle_seconds"):
        load_settings(file, {})


def test_an_unknown_key_of_a_destination_is_an_error_that_names_the_nearest() -> None:
    entry = '[{"name": "a", "kind": "dicom", "hots": "x"}]'
    with pytest.raises(SettingsError, match="host"):
        load_settings(environment={"MAMMOGATE_DESTINATIONS": entry})


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"MAMMOGATE_DICOM__PORT": "many"}, "dicom.port"),
        ({"MAMMOGATE_DICOM__HOST": "0.0.0.0"}, "ALLOWED_PEERS"),
        ({"MAMMOGATE_DICOM__AE_TITLE": "A_TITLE_LONGER_THAN_16"}, "16"),
        ({"MAMMOGATE_DESTINATIONS": "not json"}, "JSON list"),
        ({"MAMMOGATE_DESTINATIONS": '[{"name": "a", "kind": "dicom"}]'}, "host, port and ae_title"),
        ({"MAMMOGATE_DESTINATIONS": '[{"name": "a", "kind": "stow"}]'}, "needs url"),
        (
            {"MAMMOGATE_DESTINATIONS": '[{"name": "a", "kind": "orthanc", "url": "http://a", "confirms": "query"}]'},
            "confirms needs forward_images=true",
        ),
        (
            {"MAMMOGATE_DESTINATIONS": f"[{{{CONFIRMING_STOW}}}]"},
            "confirms=query needs kind dicom or orthanc",
        ),
        (
            {"MAMMOGATE_DESTINATIONS": f"[{{{CONFIRMING}}}]", "MAMMOGATE_SITE__STORE_IS_ARCHIVE": "true"},
            "set one of them",
        ),
        ({"MAMMOGATE_RETENTION__AFTER_DAYS": "90"}, "needs somebody who has the images"),
        (
            {"MAMMOGATE_RETENTION__AFTER_DAYS": "90", "MAMMOGATE_DESTINATIONS": f"[{{{FORWARDED}}}]"},
            "confirms=query",
        ),
        (
            {"MAMMOGATE_RETENTION__AFTER_DAYS": "90", "MAMMOGATE_SITE__STORE_IS_ARCHIVE": "true"},
            "take one of them out",
        ),
        (
            {**OWN_COPY, "MAMMOGATE_SITE__STORE_IS_ARCHIVE": "true"},
            "take one of them out",
        ),
        (
            {**OWN_COPY, "MAMMOGATE_DESTINATIONS": f"[{{{CONFIRMING}}}]"},
            "who has the images: set one of them",
        ),
        ({"MAMMOGATE_RETENTION__AFTER_DAYS": "0"}, "retention.after_days"),
        ({"MAMMOGATE_DICOM__ALLOWED_PEERS": '[{"ae_title": "A", "prot": 104}]'}, "nearest one is port"),
        ({"MAMMOGATE_DICOM__PROCESSES": "2", "MAMMOGATE_DICOM__PORT": "0"}, "fixed port"),
        ({"MAMMOGATE_NODE": "gate 1"}, "can't name this machine"),
        ({"MAMMOGATE_NODE": "x" * 49}, "1 to 48 letters"),
        ({"MAMMOGATE_INFERENCE__ENGINE": "remote"}, "needs INFERENCE__URL"),
        ({"MAMMOGATE_INFERENCE__URL": "http://gpu:8000/mammogate"}, "write grpc://HOST:PORT/MODEL"),
        ({"MAMMOGATE_INFERENCE__URL": "grpc://gpu/mammogate"}, "write grpc://HOST:PORT/MODEL"),
        ({"MAMMOGATE_INFERENCE__URL": "grpc://me:secret@gpu:8001/mammogate"}, "write grpc://HOST:PORT/MODEL"),
        ({"MAMMOGATE_INFERENCE__URL": "grpc://gpu:8001"}, "end in the name of the model"),
        (
            {"MAMMOGATE_INFERENCE__URL": "grpc://gpu:8001/m", "MAMMOGATE_INFERENCE__TOKEN_FILE": "token"},
            "in the clear",
        ),
        ({"MAMMOGATE_INFERENCE__TLS__KEY": "key.pem"}, "belong together"),
        (
            {
                "MAMMOGATE_INFERENCE__ENGINE": "remote",
                "MAMMOGATE_INFERENCE__URL": "grpc://gpu:8001/m",
                "MAMMOGATE_INFERENCE__DEADLINE_SECONDS": "300",
            },
            "below INFERENCE__TIMEOUT_SECONDS",
        ),
        ({"MAMMOGATE_CONFIG": "/nowhere/at/all.toml"}, "no settings file"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_sentence(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(environment=environment)


def test_a_machine_is_called_by_its_host_name_or_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(environment={}).resolved_node == socket.gethostname()
    assert load_settings(environment={"MAMMOGATE_NODE": "gate1"}).resolved_node == "gate1"
    monkeypatch.setattr(socket, "gethostname", lambda: "x" * 60)
    with pytest.raises(SettingsError, match="set NODE"):
        load_settings(environment={})


def test_an_open_port_needs_a_word_of_the_site() -> None:
    opened = {"MAMMOGATE_DICOM__HOST": "0.0.0.0", "MAMMOGATE_DICOM__ALLOW_ANY_PEER": "true"}
    assert load_settings(environment=opened).dicom.host == "0.0.0.0"
    named = {
        "MAMMOGATE_DICOM__HOST": "0.0.0.0",
        "MAMMOGATE_DICOM__ALLOWED_PEERS": '[{"ae_title": "XRAY1", "addresses": ["10.0.0.0/8"]}]',
    }
    assert load_settings(environment=named).dicom.allowed_peers[0].ae_title == "XRAY1"


@pytest.mark.parametrize(
    "environment",
    [
        OWN_COPY,
        {"MAMMOGATE_RETENTION__AFTER_DAYS": "90", "MAMMOGATE_DESTINATIONS": f"[{{{CONFIRMING}}}]"},
    ],
)
def test_images_may_be_deleted_by_age_where_somebody_else_has_them(environment: dict[str, str]) -> None:
    assert load_settings(environment=environment).retention.after_days == 90
    assert load_settings(environment={}).retention.after_days is None


def test_two_destinations_of_one_name_are_an_error() -> None:
    entry = '{"name": "a", "kind": "stow", "url": "http://x"}'
    with pytest.raises(SettingsError, match="name of its own"):
        load_settings(environment={"MAMMOGATE_DESTINATIONS": f"[{entry}, {entry}]"})


def test_the_shipped_file_says_the_defaults() -> None:
    shipped = Path(__file__).resolve().parents[2] / "config" / "mammogate.toml"
    assert load_settings(shipped, {}) == load_settings(environment={})


@given(st.text(max_size=40))
def test_any_unknown_variable_is_refused_with_a_sentence(name: str) -> None:
    variable = f"MAMMOGATE_X{name.upper()}"
    with pytest.raises(SettingsError, match="nearest"):
        load_settings(environment={variable: "1"})

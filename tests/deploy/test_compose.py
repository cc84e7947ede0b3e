"""docker-compose.yml against the compose specification, the command line, the settings and the other files."""

from __future__ import annotations

import ast
import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from typer.main import get_command

from config.inference_settings import split_engine_url
from config.loading import PREFIX, load_settings
from config.settings import Settings
from dicom_node.association_policy import AllowedPeer
from gateway.cli.application import app
from inference.triton_repository import MODEL_NAME
from tests.deploy.composed import FILE, NAMES, OURS, SECRETS, checked, composed, secret_paths, services
from tests.docs.papers import ROOT

pytestmark = pytest.mark.system
DEPLOY = ROOT / "deploy"
# Who speaks to whom, and at which port; what has no shared network can't.
SPOKEN_TO = {
    ("nginx", "api"), ("prometheus", "api"), ("work", "api"), ("receive", "postgresql"), ("work", "postgresql"),
    ("api", "postgresql"), ("orthanc", "receive"), ("work", "orthanc"), ("receive", "orthanc"),
    ("work", "triton"),
}  # fmt: skip
KEPT_APART = {("nginx", "postgresql"), ("prometheus", "postgresql"), ("orthanc", "postgresql"), ("orthanc", "api")}
GPU = {"GATEWAY_ENGINE": "remote", "GATEWAY_ENGINE_URL": "grpc://triton:8001/mammogate"}


def settings_of(name: str, **variables: str) -> Settings:
    """What a service of the gateway reads at its start."""
    given = services(**variables)[name]["environment"]
    assert given["MAMMOGATE_CONFIG"] in {mount(volume)[1] for volume in services()[name]["volumes"]}
    return load_settings(DEPLOY / "mammogate.toml", {key: value for key, value in given.items() if PREFIX in key})


def mount(volume: str | dict[str, Any]) -> tuple[str, str]:
    """Return source and target of a volume, however docker-compose writes it."""
    if isinstance(volume, dict):
        return volume["source"], volume["target"]
    source, target, *_ = volume.split(":")
    return source, target


def networks(name: str) -> set[str]:
    return set(services()[name]["networks"])


def test_the_file_follows_the_compose_specification(tmp_path: Path) -> None:
    assert checked(FILE).returncode == 0
    spoilt = tmp_path / "spoilt.yml"
    spoilt.write_text(FILE.read_text("utf-8").replace("stop_grace_period", "stop_grace"), "utf-8")
    assert "Unsupported config option" in checked(spoilt).stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_service_starts_again_and_may_do_little(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"
    user = service.get("user") or users_of_the_dockerfile()[service["build"]["target"]]
    assert user not in ("", "root", "0")
    assert "privileged" not in service


def users_of_the_dockerfile() -> dict[str, str]:
    """The user of each stage that says one."""
    stages = re.split(r"^FROM .* AS ", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {stage.split()[0]: "".join(re.findall(r"^USER (\S+)", stage, re.MULTILINE)) for stage in stages}


def test_each_part_of_the_gateway_is_a_service() -> None:
    assert {name for name, one in services().items() if one["image"].startswith("mammogate:")} == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_the_commands_of_the_gateway_are_those_of_the_command_line(name: str) -> None:
    service = services()[name]
    command = parsed(service["command"])
    assert command == {"config": None, "only": name}
    test = service["healthcheck"]["test"][1:]
    if test[0] == "mammogate":
        asked = parsed(test[1:])
        settings = settings_of(name)
        assert asked["to"] == f"127.0.0.1:{settings.dicom.port}"
        assert asked["aet"] == settings.dicom.ae_title
        assert admitted(settings, asked["calling"], "127.0.0.1")
    else:
        assert test[:2] == ["python", "-c"]
        ast.parse(test[2])
        assert re.search(r"http://(127\.0\.0\.1|api):8080/(healthz|readyz)'", test[2])


def parsed(words: list[str]) -> dict[str, Any]:
    """The parameters of a command of ours; a word that it doesn't know ends the test."""
    group: Any = get_command(app)
    assert words[0] in group.commands, words
    command = group.commands[words[0]]
    return dict(command.make_context(words[0], list(words[1:])).params)


def admitted(settings: Settings, calling: str, address: str) -> bool:
    peers = [AllowedPeer(peer.ae_title, tuple(map(str, peer.addresses))) for peer in settings.dicom.allowed_peers]
    return any(peer.has_title(calling) and peer.has_address(address) for peer in peers)


@pytest.mark.parametrize("variables", [{}, GPU], ids=["processor", "gpu"])
def test_the_settings_can_be_used_and_fit_what_stands_around_them(variables: dict[str, str]) -> None:
    for name in OURS:
        settings = settings_of(name, **variables)
        assert str(settings.data_dir) in {mount(volume)[1] for volume in services()[name]["volumes"]}
        url = make_url(settings.resolved_database_url)
        database = services()["postgresql"]["environment"]
        assert (url.host, url.username, url.database) == (
            "postgresql", database["POSTGRES_USER"], database["POSTGRES_DB"],
        )  # fmt: skip
        assert (url.password, url.query["passfile"] in secret_paths(services()[name])) == (None, True)
        assert settings.inference.engine == ("remote" if variables else "embedded")
        assert (settings.dicom.port, settings.http.port) == (11112, 8080)
    if variables:
        address, model, tls = split_engine_url(settings_of("work", **variables).inference.url or "")
        assert (address, model, tls) == ("triton:8001", MODEL_NAME, False)
        assert composed()["networks"]["engine"] == {"internal": True}  # no TLS: nobody else is on this network
        assert (
            networks("engine_users")
            if False
            else {"work", "triton"} == {name for name in services() if "engine" in networks(name)}
        )
        assert f"/v2/models/{MODEL_NAME}/ready" in services()["triton"]["healthcheck"]["test"][-1]


def test_orthanc_and_the_gateway_know_each_other() -> None:
    orthanc = json.loads((DEPLOY / "orthanc" / "orthanc.json").read_text("utf-8"))
    settings = settings_of("receive")
    assert orthanc["DicomModalities"]["mammogate"] == [settings.dicom.ae_title, "receive", settings.dicom.port]
    (destination,) = settings.destinations
    assert (destination.host, destination.port, destination.ae_title) == (
        "orthanc", orthanc["DicomPort"], orthanc["DicomAet"],
    )  # fmt: skip
    (network,) = composed()["networks"]["dicom"]["ipam"]["config"]
    inside, outside = str(ip_network(network["subnet"])[5]), "192.0.2.9"
    assert admitted(settings, orthanc["DicomAet"], inside)
    assert not admitted(settings, orthanc["DicomAet"], outside)
    assert orthanc["AuthenticationEnabled"] is True
    assert orthanc["LuaScripts"] == ["/etc/mammogate-orthanc/to-mammogate.lua"]
    assert "COPY deploy/orthanc /etc/mammogate-orthanc" in (DEPLOY / "Dockerfile").read_text("utf-8")
    (source,) = settings.sources
    assert source.url == f"http://orthanc:{orthanc['HttpPort']}"
    assert str(source.password_file) in secret_paths(services()["receive"])
    assert secret_paths(services()["orthanc"]) == {"/etc/mammogate-orthanc/users.json"}


def test_only_the_addresses_of_the_proxy_s_network_are_believed_about_clients() -> None:
    (network,) = composed()["networks"]["feed"]["ipam"]["config"]
    assert services()["api"]["environment"]["FORWARDED_ALLOW_IPS"] == network["subnet"]
    assert {name for name in NAMES if "feed" in networks(name)} == {"nginx", "api", "prometheus", "work"}


def test_who_has_to_speak_shares_a_network_and_the_others_do_not() -> None:
    assert {pair for pair in SPOKEN_TO if not networks(pair[0]) & networks(pair[1])} == set()
    assert {pair for pair in KEPT_APART if networks(pair[0]) & networks(pair[1])} == set()


def test_nothing_is_open_to_the_network_by_itself() -> None:
    for variables, expected in (({}, {"127.0.0.1"}), ({"GATEWAY_BIND": "192.0.2.7"}, {"127.0.0.1", "192.0.2.7"})):
        ports = [str(port) for service in services(**variables).values() for port in service.get("ports", [])]
        assert len(ports) == 5
        assert {port.split(":")[0] for port in ports} == expected


def test_no_secret_stands_in_the_file_and_each_that_is_read_is_given() -> None:
    read = {
        "receive": set(), "work": set(), "api": set(),
        "postgresql": {services()["postgresql"]["environment"]["POSTGRES_PASSWORD_FILE"]},
        "nginx": set(re.findall(rf"{SECRETS}\w+", (DEPLOY / "nginx" / "nginx.conf").read_text("utf-8"))),
        "prometheus": set(
            re.findall(rf"{SECRETS}\w+", (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
        ),
    }  # fmt: skip
    for name, paths in read.items():
        assert paths <= secret_paths(services()[name]), name
    for service in services().values():
        for key, value in service.get("environment", {}).items():
            assert key.endswith("_FILE") or not re.search("PASSWORD|TOKEN|SECRET", key), (key, value)
    assert all(Path(secret["file"]).parent == DEPLOY / "secrets" for secret in composed()["secrets"].values())
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_every_file_that_is_mounted_is_in_the_repository() -> None:
    made_later = {DEPLOY / "models"}
    for service in services().values():
        for source, _ in map(mount, service.get("volumes", [])):
            if source.startswith(("/", ".")):
                assert Path(source) in made_later or Path(source).exists(), source
            else:
                assert source in composed()["volumes"]

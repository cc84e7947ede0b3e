"""What docker-compose.yml says of each service, with the programs of this machine in place of the images."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.composed import composed
from tests.docs.papers import ROOT

ENGINE = {"GATEWAY_ENGINE": "remote", "GATEWAY_ENGINE_URL": "grpc://triton:8001/mammogate"}
XRAY = "XRAY1"
DEPLOY = ROOT / "deploy"
TRITON_PYTHON = ROOT / ".venv-triton" / "bin" / "python"
# The numbers of the users in the images; the Dockerfile's own are read from it.
_USERS = {"postgres": 999, "nginx": 101, "nobody": 65534}
_HERE = Path(__file__).parent


class NotInstalled(Exception):
    """A program of the stack is not on this machine."""


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, and where a service finds it."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Health:
    """A health check: what is run inside the service's box, and how often (seconds)."""

    command: tuple[str, ...]
    interval: float
    timeout: float


@dataclass(frozen=True)
class Service:
    """One service. `published`: host address, host port and own port of each port that is open to this machine."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    user: int
    mounts: tuple[Mount, ...]
    temporary: tuple[str, ...]
    networks: tuple[str, ...]
    published: tuple[tuple[str, int, int], ...]
    health: Health
    needs: Mapping[str, str]
    stop_seconds: float


def subnets() -> dict[str, str]:
    """The subnet of each network; those that the file leaves to the engine get one beside the others."""
    found = {}
    spare = iter(f"172.31.250.{number}/27" for number in range(64, 256, 32))
    for name, network in sorted(composed(**ENGINE)["networks"].items()):
        configured = ((network or {}).get("ipam") or {}).get("config")
        found[name] = configured[0]["subnet"] if configured else next(spare)
    return found


def open_networks() -> set[str]:
    """The networks that have a way out, and so are the way in to a published port."""
    return {name for name, network in composed(**ENGINE)["networks"].items() if not (network or {}).get("internal")}


def services(data: Path, without: Sequence[str] = ()) -> list[Service]:
    """Every service of the file, with its volumes and secrets in `data`; Triton takes part, on the processor."""
    whole = composed(**ENGINE)
    secrets = {name: data / "secrets" / Path(one["file"]).name for name, one in whole["secrets"].items()}
    return [
        _service(name, one, data, secrets) for name, one in sorted(whole["services"].items()) if name not in without
    ]


def _service(name: str, said: Mapping[str, Any], data: Path, secrets: Mapping[str, Path]) -> Service:
    health, needs = said["healthcheck"], said.get("depends_on", {})
    if not isinstance(needs, dict):
        needs = {other: {"condition": "service_started"} for other in needs}
    mounts = [_mount(volume, data) for volume in said.get("volumes", [])]
    for secret in said.get("secrets", []):
        target = secret.get("target", secret["source"])
        mounts.append(Mount(secrets[secret["source"]], target if target[0] == "/" else f"/run/secrets/{target}"))
    command, own_files, own_environment = _program(name, said, data)
    return Service(
        name=name,
        command=command,
        environment={**own_environment, **{key: str(value) for key, value in said.get("environment", {}).items()}},
        user=_user(said),
        mounts=(*mounts, *own_files),
        temporary=tuple(said["tmpfs"]),
        networks=tuple(sorted(said["networks"])),
        published=tuple(_port(port) for port in said.get("ports", [])),
        health=Health(tuple(health["test"][1:]), _seconds(health["interval"]), _seconds(health["timeout"])),
        needs={other: one["condition"] for other, one in needs.items()},
        stop_seconds=_seconds(said.get("stop_grace_period", "10s")),
    )


def _mount(volume: Any, data: Path) -> Mount:
    source, target, *mode = str(volume).split(":")
    if not source.startswith("/"):
        return Mount(data / "volumes" / source, target, writable=True)
    if source == str(DEPLOY / "models"):  # written by `mammogate model export`, here into the stack's own folder
        return Mount(data / "models", target)
    return Mount(Path(source), target, writable="ro" not in mode)


def _program(name: str, said: Mapping[str, Any], data: Path) -> tuple[tuple[str, ...], list[Mount], dict[str, str]]:
    """The words that the image would start, what it would have in it besides, and its own environment."""
    command = tuple(said.get("command") or ())
    if said.get("build", {}).get("target") == "gateway":
        return (*_entrypoint("gateway"), *command), [], {"PYTHONDONTWRITEBYTECODE": "1", _PEERS: _allowed_peers()}
    if name == "orthanc":
        files = sorted((DEPLOY / "orthanc").iterdir())  # each alone: a secret is laid beside them
        return _entrypoint("orthanc"), [Mount(file, f"/etc/mammogate-orthanc/{file.name}") for file in files], {}
    if name == "postgresql":
        script = _HERE / "postgresql_image.sh"
        return ("sh", "/opt/start"), [Mount(script, "/opt/start")], {"PGDATA": _PGDATA}
    if name == "triton":
        return _triton(data)
    if name == "prometheus":
        return ("prometheus", *command), [], {}
    return tuple(said["entrypoint"]), [], {}


_PGDATA = "/var/lib/postgresql/data"


_PEERS = "MAMMOGATE_DICOM__ALLOWED_PEERS"


def _allowed_peers() -> str:
    """The peers of deploy/mammogate.toml and an X-ray machine, which its operator would have written there."""
    shipped = tomllib.loads((DEPLOY / "mammogate.toml").read_text("utf-8"))["dicom"]["allowed_peers"]
    return json.dumps([*shipped, {"ae_title": XRAY, "addresses": [subnets()["dicom"]]}])


def _triton(data: Path) -> tuple[tuple[str, ...], list[Mount], dict[str, str]]:
    """Triton with its Python backend, since its ONNX Runtime backend comes in NVIDIA's image only."""
    if not TRITON_PYTHON.exists():
        raise NotInstalled("there is no .venv-triton: `make .venv-triton/.installed` makes it")
    script = ROOT / "tests" / "peers" / "pytriton_server.py"
    (graph,) = (data / "models").glob("mammogate/*/model.onnx")
    inside = "/models/" + str(graph.relative_to(data / "models"))
    ports = ["8001", "8000", "8002"]
    words = (str(TRITON_PYTHON), "/opt/pytriton_server.py", inside, graph.parent.name, *ports, "0.0.0.0")
    files = [Mount(script, "/opt/pytriton_server.py"), Mount(ROOT / ".venv-triton", str(ROOT / ".venv-triton"))]
    return words, files, {"PYTRITON_HOME": "/tmp/triton"}  # noqa: S108 - the box's own


def _entrypoint(stage: str) -> tuple[str, ...]:
    """The entry point of a stage of our Dockerfile."""
    found = re.search(rf"AS {stage}$.*?^ENTRYPOINT \[(.*?)\]", _dockerfile(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return tuple(re.findall(r'"(.*?)"', found[1]))


def _user(said: Mapping[str, Any]) -> int:
    name = said.get("user")
    if name is None:
        stage = said["build"]["target"]
        found = re.search(rf"AS {stage}$.*?useradd \S+ --uid (\d+)", _dockerfile(), re.MULTILINE | re.DOTALL)
        assert found is not None
        return int(found[1])
    return _USERS.get(name) or int(name.split(":")[0])


def _port(port: Any) -> tuple[str, int, int]:
    address, outside, inside = str(port).removesuffix("/tcp").split(":")
    return address, int(outside), int(inside)


def _seconds(text: str) -> float:
    """Docker's way to write a duration, as in 1m30s."""
    return sum(float(value) * {"s": 1, "m": 60, "h": 3600}[unit] for value, unit in re.findall(r"(\d+)([smh])", text))


def _dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text("utf-8")


def python_folders() -> list[Path]:
    """Where the Pythons of the virtual environments lie, when that is not below /usr."""
    found = {Path(sys.base_prefix)}
    if TRITON_PYTHON.exists():
        settings = (ROOT / ".venv-triton" / "pyvenv.cfg").read_text("utf-8")
        home = re.search(r"^home = (.*)$", settings, re.MULTILINE)
        assert home is not None
        found.add(Path(home[1]).parent)
    return [folder for folder in sorted(found) if not folder.is_relative_to("/usr")]

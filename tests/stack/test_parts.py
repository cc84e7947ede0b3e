"""The stack's own pieces: what is read from docker-compose.yml, the name server, boxes, restarts."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deploy.composed import NAMES
from tests.stack import addresses, name_server, published
from tests.stack.composition import Health, Mount, Service, open_networks, services, subnets
from tests.stack.supervisor import Supervisor

pytestmark = pytest.mark.system
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def service(name: str, *command: str, needs: dict[str, str] | None = None) -> Service:
    health = Health(("true",), 0.1, 5)
    return Service(name, command, {}, 1, (), (), ("feed",), (), health, needs or {}, signal.SIGTERM, 5)


def test_every_service_is_there_with_its_command_user_volumes_and_secrets(tmp_path: Path) -> None:
    every = {one.name: one for one in services(tmp_path, without=["triton"])}
    assert sorted([*every, "triton"]) == NAMES
    assert every["receive"].command == ("mammogate", "serve", "--only", "receive")
    assert every["orthanc"].command == ("Orthanc", "/etc/mammogate-orthanc")
    assert [every[name].user for name in ("api", "orthanc", "postgresql", "nginx")] == [10001, 10002, 999, 101]
    assert Mount(tmp_path / "volumes" / "data", "/var/lib/mammogate", writable=True) in every["work"].mounts
    assert Mount(tmp_path / "secrets" / "pgpass", "/run/secrets/pgpass") in every["work"].mounts
    assert every["api"].needs == {"postgresql": "service_healthy"}
    assert every["receive"].stop_seconds == 60
    assert every["nginx"].published == (("127.0.0.1", 443, 8443),)
    assert [mount.target for one in every.values() for mount in one.mounts if mount.writable] == [
        "/var/lib/mammogate", "/var/lib/archive", "/var/lib/postgresql/data", "/prometheus",
        "/var/lib/mammogate", "/var/lib/mammogate",
    ]  # fmt: skip


def test_a_service_finds_those_it_shares_a_network_with_and_each_address_is_in_its_network(tmp_path: Path) -> None:
    every, ranges = services(tmp_path, without=["triton"]), subnets()
    assigned = addresses.assign(every, ranges)
    assert len(set(assigned.values())) == len(assigned)
    assert all(ip_address(address) in ip_network(ranges[network]) for (_, network), address in assigned.items())
    found = {one.name: set(addresses.hosts(one, assigned).split()[1::2]) for one in every}
    assert {"postgresql", "orthanc", "api"} <= found["work"]
    assert "postgresql" not in found["nginx"]
    assert "api" not in found["orthanc"]
    assert all(open_networks() & set(one.networks) for one in every if one.published)


@given(name=st.lists(LABEL, min_size=1, max_size=3).map(".".join), address=st.ip_addresses(v=4))
def test_a_known_name_is_answered_and_an_unknown_one_denied(name: str, address: object) -> None:
    answered = name_server.answer(question(name), {name: str(address)})
    assert answered[-4:] == ip_address(str(address)).packed
    assert struct.unpack_from("!HHHH", answered)[1:] == (0x8180, 1, 1)
    denied = name_server.answer(question(name), {})
    assert struct.unpack_from("!HHHH", denied)[1:] == (0x8183, 1, 0)
    other_kind = name_server.answer(question(name, kind=28), {name: str(address)})
    assert struct.unpack_from("!HHHH", other_kind)[1:] == (0x8180, 1, 0)


@given(st.binary(max_size=60))
def test_what_is_no_question_is_refused_in_one_way(received: bytes) -> None:
    try:
        answered = name_server.answer(received, {})
    except (ValueError, struct.error):
        return
    assert answered[:2] == received[:2]


def test_a_published_port_carries_both_ways_and_closes_while_nobody_is_there() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = socket.create_server(("127.0.0.1", 0))
    published.carry(listening, *server.getsockname())
    with socket.create_connection(listening.getsockname()) as client:
        inside, _ = server.accept()
        with inside:
            client.sendall(b"there")
            assert inside.recv(9) == b"there"
            inside.sendall(b"back")
            assert client.recv(9) == b"back"
    server.close()
    with socket.create_connection(listening.getsockname()) as client:
        assert client.recv(9) == b""


def test_what_dies_is_started_again_after_longer_and_longer_pauses_and_what_needs_others_waits(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    tell = f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n')"
    every = [service("dies", sys.executable, "-c", tell), service("waits", "true", needs={"dies": "service_healthy"})]
    supervisor = Supervisor(every, lambda _, words: list(words), tmp_path)
    stop = threading.Event()
    running = threading.Thread(target=supervisor.run, args=(stop,))
    running.start()
    try:
        deadline = time.monotonic() + 60
        while not starts.exists() or starts.read_text().count("\n") < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        stop.set()
        running.join()
    moments = [float(line) for line in starts.read_text().splitlines()]
    pauses = [after - before for before, after in pairwise(moments)]
    assert [pause >= 0.1 * 2**number for number, pause in enumerate(pauses[:4])] == [True] * 4
    assert '"starts": 0' in (tmp_path / "state.json").read_text()


def test_a_program_that_is_missing_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stack"], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "bwrap" in done.stderr

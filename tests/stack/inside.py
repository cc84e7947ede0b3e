"""The stack's own side: runs in a network namespace that has nothing but a loopback.

python -m tests.stack.inside DATA PARENT WITHOUT PORTS - PORTS being the descriptors of the open ports, in JSON.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import threading
from functools import partial
from pathlib import Path

from gateway.processes.stopping import die_with_parent, stop_on_signals
from tests.stack import addresses, name_server, published
from tests.stack.box import boxed, write_etc
from tests.stack.composition import open_networks, services, subnets
from tests.stack.secret_files import keep_token
from tests.stack.supervisor import Supervisor

DOCTOR = "demo"


def main() -> None:
    """Run the stack until SIGTERM."""
    data, parent, without, ports = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","), json.loads(sys.argv[4])
    stop = stop_on_signals()
    die_with_parent(parent)
    every, ranges = services(data, without), subnets()
    assigned = addresses.assign(every, ranges)
    addresses.bring_up(assigned, ranges)
    name_server.serve({name: address for (name, _), address in sorted(assigned.items())})
    for one in every:
        write_etc(data / "etc" / one.name, one, addresses.hosts(one, assigned))
        for mount in one.mounts:
            if mount.writable:
                mount.source.mkdir(parents=True, exist_ok=True, mode=0o700)
        entrance = next((network for network in one.networks if network in open_networks()), one.networks[0])
        for _, _, inside in one.published:
            listening = socket.socket(fileno=ports[f"{one.name}:{inside}"])
            published.carry(listening, assigned[one.name, entrance], inside)
    supervisor = Supervisor(every, lambda one, words: boxed(one, words, data / "etc" / one.name), data)
    threading.Thread(target=partial(_make_users, supervisor, data, stop), daemon=True).start()
    supervisor.run(stop)


def _make_users(supervisor: Supervisor, data: Path, stop: threading.Event) -> None:
    """What `docker compose exec api mammogate user add` would do, once everything is up."""
    while not supervisor.all_healthy:
        if stop.wait(0.5):
            return
    password = secrets.token_urlsafe(12)
    for name, role, file in ((DOCTOR, "doctor", "doctor_token"), ("operator", "operator", "metrics_token")):
        add = ["user", "add", name, "--role", role, "--password-stdin"]
        _mammogate(supervisor, add, f"{password}\n")
        token = _mammogate(supervisor, ["token", "add", "--user", name, "--json"])
        keep_token(data, file, json.loads(token)["token"])
    keep_token(data, "doctor_password", password)
    supervisor.say_ready()


def _mammogate(supervisor: Supervisor, words: list[str], given: str = "") -> str:
    done = supervisor.execute("api", ["mammogate", *words], given)
    if done.returncode != 0:
        raise RuntimeError(f"mammogate {' '.join(words[:2])} ended with {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()

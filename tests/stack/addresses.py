"""Addresses of the services, all on one loopback, and who finds whom under which name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from tests.peers.programs import program
from tests.stack.composition import Service

Addresses = Mapping[tuple[str, str], str]
"""By service and network."""


def assign(services: Iterable[Service], subnets: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Give each service an address on each of its networks, from the second one on; the first is the engine's own."""
    spare = {name: iter(list(ip_network(subnet).hosts())[1:]) for name, subnet in subnets.items()}
    return {(one.name, network): str(next(spare[network])) for one in services for network in one.networks}


def hosts(asking: Service, addresses: Addresses) -> str:
    """/etc/hosts of a service: those that it shares a network with, and nobody else."""
    known: dict[str, str] = {}
    for network in asking.networks:
        for (name, where), address in addresses.items():
            if where == network:
                known.setdefault(name, address)
    return "".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **known}.items())


def bring_up(addresses: Addresses, subnets: Mapping[str, str]) -> None:
    """Put all addresses on the loopback of this network namespace."""
    ip = program("ip")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    for (_, network), address in addresses.items():
        length = subnets[network].partition("/")[2]
        subprocess.run([ip, "address", "add", f"{address}/{length}", "dev", "lo"], check=True)

"""Where messages may go: endpoints come from browsers, so nobody may point the gateway at the house's own machines."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

_LONGEST: Final = 2048
_HTTPS: Final = 443
# An IPv4 address inside an IPv6 one (RFC 6052): the gateway of such a network would carry it to any of them.
_NAT64: Final = ip_network("64:ff9b::/96")


class EndpointRefused(Exception):
    """The address is none that messages may go to; the sentence says why."""


def origin_of(endpoint: str) -> str:
    """Return scheme, host and port as RFC 6454 writes them. Raises `EndpointRefused`."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise EndpointRefused("It is no address.") from None
    if len(endpoint) > _LONGEST or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise EndpointRefused("It is no address, or longer than 2048 characters.")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise EndpointRefused("It is no address of a push service.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = _HTTPS if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the internet, not of this machine, its network, or a special purpose."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if ip in _NAT64:
            return False
    return ip.is_global and not ip.is_multicast


def check(endpoint: str, also_allowed: Collection[str]) -> None:
    """Refuse what is neither listed nor https on port 443 of a name, or of a public address.

    What a name stands for is looked at when it is called, each time: `PublicOnly` does that.

    Raises:
        EndpointRefused: messages may not go there.

    """
    origin = origin_of(endpoint)
    if origin in also_allowed:
        return
    parts = urlsplit(endpoint)
    if parts.scheme != "https" or (parts.port or _HTTPS) != _HTTPS:
        raise EndpointRefused("Push services are called over https, on port 443.")
    host = parts.hostname or ""
    if _is_address(host) and not is_public(host):
        raise EndpointRefused("It is an address of an internal network.")


class PublicOnly(httpcore.NetworkBackend):
    """Connects to public addresses only, and to the very address that was looked at."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect. Raises `EndpointRefused` where the name stands for an internal address, `ConnectError` otherwise."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known ({error.strerror})") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        # One that is internal among public ones is no accident: none is called then.
        if not addresses or not all(is_public(address) for address in addresses):
            raise EndpointRefused("Its name stands for an address of an internal network.")
        return self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def open_pool(endpoint: str, also_allowed: Collection[str]) -> httpcore.ConnectionPool:
    """Return what calls this endpoint, and follows no redirection. Raises `EndpointRefused`."""
    check(endpoint, also_allowed)
    backend = httpcore.SyncBackend() if origin_of(endpoint) in also_allowed else PublicOnly()
    return httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        # inet_aton reads these too: 2130706433, 0x7f.1
        return all(part and (part.isdigit() or part.lower().startswith("0x")) for part in host.split("."))
    return True

"""A browser's word alone points the gateway at nothing inside the house."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.push.endpoints import EndpointRefused, PublicOnly, check, is_public, open_pool, origin_of

INSIDE = ("https://push.hospital:8443", "http://127.0.0.1:9999")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc?x=1",
        "https://8.8.8.8/abc",
        "https://push.hospital:8443/abc",
        "http://127.0.0.1:9999/abc",
    ],
)
def test_push_services_of_the_internet_and_listed_ones_are_let_through(endpoint: str) -> None:
    check(endpoint, INSIDE)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/abc",
        "https://fcm.googleapis.com:8443/abc",
        "https://10.0.0.7/abc",
        "https://127.0.0.1/abc",
        "https://127.0.0.1:9999/abc",
        "http://127.0.0.1:9998/abc",
        "https://[::1]/abc",
        "https://[::ffff:10.0.0.7]/abc",
        "https://[64:ff9b::a00:7]/abc",
        "https://[fe80::1%25eth0]/abc",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/abc",
        "https://0x7f.1/abc",
        "https://push.hospital:8443@10.0.0.7/abc",
        "https://user:password@fcm.googleapis.com/abc",
        "https://fcm.googleapis.com/abc\r\nX: y",
        "file:///etc/passwd",
        "//fcm.googleapis.com/abc",
        "https:///abc",
        "https://fcm.googleapis.com:99999/abc",
        "https://[::1/abc",
        "",
        "https://fcm.googleapis.com/" + "x" * 2048,
    ],
)
def test_everything_else_is_refused(endpoint: str) -> None:
    with pytest.raises(EndpointRefused):
        check(endpoint, INSIDE)


@given(st.text(max_size=60) | st.text("htps:/@[]%.0123456789abcx", max_size=60))
def test_whatever_is_typed_is_judged_and_never_an_error_of_another_kind(text: str) -> None:
    try:
        check(text, ())
    except EndpointRefused:
        return
    assert text.lower().startswith("https:")


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="192.168.0.0/16"))
def test_an_internal_address_is_internal_in_each_of_its_disguises(address: IPv4Address) -> None:
    packed = int(address)
    disguises = [str(address), str(IPv6Address((0xFFFF << 32) | packed)), str(IPv6Address((0x64FF9B << 96) | packed))]
    disguises.append(str(IPv6Address((0x2002 << 112) | (packed << 80))))
    assert [is_public(one) for one in disguises] == [False] * 4


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "100.64.0.1", "ff02::1", "fc00::1", "::", "nonsense"])
def test_an_address_of_a_special_purpose_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.7"]])
def test_a_name_that_stands_for_an_internal_address_is_not_called(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """Also one that stood for a public address when it was looked at before (DNS rebinding)."""
    answers: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(EndpointRefused, match="internal"):
        PublicOnly().connect_tcp("push.example", 443, timeout=1)
    with open_pool("https://push.example/abc", ()) as pool, pytest.raises(EndpointRefused):
        pool.request("POST", "https://push.example/abc")


def test_a_name_that_nobody_knows_is_a_failure_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpcore.ConnectError):
        PublicOnly().connect_tcp("push.example", 443, timeout=1)


def test_an_origin_is_written_without_the_usual_port() -> None:
    assert origin_of("https://Push.Example:443/a/b") == "https://push.example"
    assert origin_of("https://[2001:db8::1]:8443/a") == "https://[2001:db8::1]:8443"

"""Messages to a real push service: only the browser reads them, and it knows who sent them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.folders import Folders
from gateway.push.courier import TTL_SECONDS, Addressee, Courier, Failed, Gone, Refused, Sent
from gateway.push.vapid_key import VapidKey, VapidKeyUnusable, load_vapid_key, make_vapid_key
from tests.peers.certificates import Authority
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.push_service import PushService, running_push_service

CONTACT = "mailto:it@hospital.example"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> VapidKey:
    return make_vapid_key(Folders(tmp_path_factory.mktemp("key")))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with running_push_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def addressee(service: PushService, answer: int = 201) -> Addressee:
    subscription = service.subscription(answer)
    return Addressee(subscription["endpoint"], **subscription["keys"])


def test_the_browser_reads_a_level_and_something_random_and_nothing_else(key: VapidKey, service: PushService) -> None:
    courier = Courier(key, CONTACT, [service.origin])
    before = len(service.messages())
    assert [courier.send(addressee(service), level) for level in ("high", "high", "medium")] == [Sent()] * 3
    messages = service.messages()[before:]
    told = [json.loads(message["text"]) for message in messages]
    assert [sorted(one) for one in told] == [["t", "u", "v"]] * 3
    assert [(one["v"], one["u"]) for one in told] == [(1, "high"), (1, "high"), (1, "medium")]
    assert len({one["t"] for one in told}) == 3
    # The service can't tell the levels apart: not by the length, not by the urgency.
    assert len({(m["bytes"], m["headers"]["urgency"], m["headers"]["ttl"]) for m in messages}) == 1


def test_the_service_knows_by_the_signature_that_it_was_us(key: VapidKey, service: PushService) -> None:
    assert Courier(key, CONTACT, [service.origin]).send(addressee(service), "low") == Sent()
    message = service.messages()[-1]
    assert (message["scheme"], message["algorithm"], message["signed_by"]) == ("vapid", "ES256", key.public)
    claims = message["claims"]
    assert (claims["aud"], claims["sub"]) == (service.origin, CONTACT)
    assert time.time() < claims["exp"] <= time.time() + TTL_SECONDS
    assert message["headers"]["content-encoding"] == "aes128gcm"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (200, Sent),
        (404, Gone),
        (410, Gone),
        (400, Refused),
        (403, Refused),
        (413, Refused),
        (429, Failed),
        (503, Failed),
    ],
)
def test_each_answer_means_what_the_standard_says(key: VapidKey, service: PushService, answer: int, kind: type) -> None:
    assert isinstance(Courier(key, CONTACT, [service.origin]).send(addressee(service, answer), "high"), kind)


def test_a_redirection_is_not_followed(key: VapidKey, service: PushService) -> None:
    before = len(service.messages())
    outcome = Courier(key, CONTACT, [service.origin]).send(addressee(service, 307), "high")
    assert outcome == Refused("the push service answered 307")
    assert [message["path"] for message in service.messages()[before:]] == ["/307/one"]


def test_a_service_that_is_not_listed_hears_nothing(key: VapidKey, service: PushService) -> None:
    before = len(service.messages())
    assert isinstance(Courier(key, CONTACT).send(addressee(service), "high"), Refused)
    by_name = replace(addressee(service), endpoint="https://localhost/201/one")
    assert Courier(key, CONTACT).send(by_name, "high") == Refused(
        "Its name stands for an address of an internal network."
    )
    assert len(service.messages()) == before


def test_a_service_that_is_away_may_be_tried_again(key: VapidKey, service: PushService) -> None:
    origin = f"http://{LOOPBACK}:{free_port()}"
    away = replace(addressee(service), endpoint=f"{origin}/201/one")
    assert isinstance(Courier(key, CONTACT, [origin]).send(away, "high"), Failed)


def test_over_tls_the_service_has_to_be_the_one_that_it_says(
    key: VapidKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    identity = authority.issue("push")
    with running_push_service(tmp_path / "service", tls=(identity.certificate, identity.key)) as service:
        courier = Courier(key, CONTACT, [service.origin])
        assert isinstance(courier.send(addressee(service), "high"), Failed)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert courier.send(addressee(service), "high") == Sent()
        assert len(service.messages()) == 1


def test_the_key_is_drawn_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert load_vapid_key(folders) is None
    made = make_vapid_key(folders)
    assert make_vapid_key(folders) == load_vapid_key(folders) == made
    assert folders.vapid_key.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["vapid.pem"]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff\xfe"])
def test_a_damaged_key_is_named_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    folders = Folders(tmp_path)
    folders.vapid_key.write_bytes(content)
    with pytest.raises(VapidKeyUnusable, match="mammogate push key"):
        make_vapid_key(folders)
    assert folders.vapid_key.read_bytes() == content

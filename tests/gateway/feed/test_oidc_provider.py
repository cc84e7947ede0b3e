"""The hospital's OpenID provider, as a real one in a process of its own, and as what a false one could send."""

from __future__ import annotations

import hmac
import json
import socket
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from config.settings import OidcSettings, RoleMapping
from gateway.feed.oidc_provider import OidcProvider, checked_claims
from gateway.processes.stopping import StartRefused
from reporting.feed.login_stores import Identity, ProviderLoginError
from tests.peers.openid_provider import OpenIdProvider, openid_provider
from tests.peers.ports import LOOPBACK, free_port

CALLBACK = "https://mammogate.example/api/v1/auth/oidc/callback"
PEOPLE = (
    {"sub": "s-anna", "preferred_username": "anna", "roles": ["staff", "mammo-doctors"]},
    {"sub": "s-otto", "preferred_username": "otto", "roles": "mammo-operators"},
    {"sub": "s-nina", "preferred_username": "nina", "roles": ["staff"]},
    {"sub": "s-none", "roles": ["mammo-doctors"]},
    {"sub": "s-deep", "preferred_username": "deep", "realm_access": {"roles": ["mammo-doctors"]}},
)
ROLES = (
    RoleMapping(value="mammo-operators", role="operator"),
    RoleMapping(value="mammo-doctors", role="doctor"),
)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(tmp_path_factory.mktemp("provider") / "log", PEOPLE) as provider:
        yield provider


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("s3cret\n")
    return tmp_path / "secret"


Ours = Callable[..., OidcProvider]


@pytest.fixture
def ours(secret: Path) -> Ours:
    """The gateway's side, for a provider of that name."""

    def make(issuer: str, **more: Any) -> OidcProvider:
        given = {"issuer": issuer, "client_id": "mammogate", "client_secret_file": secret, "roles": ROLES, **more}
        return OidcProvider(OidcSettings(**given), CALLBACK)

    return make


def log_in(provider: OidcProvider, there: OpenIdProvider, subject: str) -> Identity:
    trip = provider.begin()
    back = there.vouch(trip.url, subject)
    assert back["state"] == trip.state
    return provider.finish(trip, back["code"])


def test_the_browser_is_led_there_with_state_nonce_and_a_challenge_of_which_it_does_not_see_the_secret(
    there: OpenIdProvider, ours: Ours
) -> None:
    trip, another = ours(there.issuer).begin(), ours(there.issuer).begin()
    asked = httpx.URL(trip.url).params
    assert (asked["response_type"], asked["scope"], asked["client_id"]) == ("code", "openid profile", "mammogate")
    assert asked["redirect_uri"] == CALLBACK
    assert (asked["state"], asked["nonce"], asked["code_challenge_method"]) == (trip.state, trip.nonce, "S256")
    assert len(asked["code_challenge"]) == 43
    assert trip.verifier not in trip.url
    assert {trip.state, trip.nonce, trip.verifier} & {another.state, another.nonce, another.verifier} == set()


def test_people_have_the_role_that_their_claim_stands_for(there: OpenIdProvider, ours: Ours) -> None:
    provider = ours(there.issuer)
    assert log_in(provider, there, "s-anna") == Identity(there.issuer, "s-anna", "anna", "doctor")
    assert log_in(provider, there, "s-otto") == Identity(there.issuer, "s-otto", "otto", "operator")
    nested = ours(there.issuer, role_claim="realm_access.roles")
    assert log_in(nested, there, "s-deep").role == "doctor"


@pytest.mark.parametrize(("subject", "code"), [("s-nina", "unknown_role"), ("s-none", "no_name")])
def test_whom_the_settings_do_not_know_is_refused(there: OpenIdProvider, ours: Ours, subject: str, code: str) -> None:
    with pytest.raises(ProviderLoginError) as refusal:
        log_in(ours(there.issuer), there, subject)
    assert refusal.value.code == code


def test_an_answer_to_another_question_is_refused(there: OpenIdProvider, ours: Ours) -> None:
    """A wrong nonce: a token that was made for another login. A code that was used, or that nobody gave."""
    provider = ours(there.issuer)
    trip = provider.begin()
    code = there.vouch(trip.url, "s-anna")["code"]
    with pytest.raises(ProviderLoginError, match="nonce"):
        provider.finish(replace(trip, nonce="another"), code)
    for wrong in (code, "never given"):
        with pytest.raises(ProviderLoginError, match="refused the code: invalid_grant"):
            provider.finish(trip, wrong)


def test_a_token_that_has_expired_is_refused_and_a_provider_that_is_away_is_told(ours: Ours, tmp_path: Path) -> None:
    with openid_provider(tmp_path / "log", PEOPLE, token_seconds=-120) as late:
        provider = ours(late.issuer)
        with pytest.raises(ProviderLoginError, match="xpired") as refusal:
            log_in(provider, late, "s-anna")
        assert refusal.value.code == "provider_refused"
        trip = provider.begin()
        code = late.vouch(trip.url, "s-anna")["code"]
    with pytest.raises(ProviderLoginError) as away:
        provider.finish(trip, code)
    assert away.value.code == "provider_away"
    with pytest.raises(ProviderLoginError) as never:
        ours(f"http://{LOOPBACK}:{free_port()}").begin()
    assert never.value.code == "provider_away"


def test_who_waited_while_the_provider_did_not_answer_is_told_with_the_first_and_later_it_is_asked_again(
    ours: Ours, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.feed.oidc_provider._TIMEOUT_SECONDS", 1.0)
    codes: list[str] = []
    with socket.create_server((LOOPBACK, 0)) as silent:  # takes connections, and says nothing
        port = silent.getsockname()[1]
        provider = ours(f"http://{LOOPBACK}:{port}")

        def log_in_there() -> None:
            with pytest.raises(ProviderLoginError) as told:
                provider.begin()
            codes.append(told.value.code)

        people = [threading.Thread(target=log_in_there) for _ in range(8)]
        for person in people:
            person.start()
        for person in people:
            person.join(30)
        silent.setblocking(False)
        asked = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert codes == ["provider_away"] * 8
    assert asked == 1
    monkeypatch.setattr("gateway.feed.oidc_provider._AWAY_FOR_SECONDS", 0.0)
    with openid_provider(tmp_path / "log", PEOPLE, port=port) as back:
        assert provider.begin().url.startswith(back.issuer)


def test_a_provider_that_calls_itself_otherwise_is_not_believed(there: OpenIdProvider, ours: Ours) -> None:
    with pytest.raises(ProviderLoginError, match="calls itself"):
        ours(f"{there.issuer}/").begin()


def test_a_secret_that_can_not_be_read_is_named_at_the_start(there: OpenIdProvider, ours: Ours, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="client secret file"):
        ours(there.issuer, client_secret_file=tmp_path / "nowhere")


ISSUER = "https://login.example"
KEY = RSAKey.generate_key(2048, parameters={"kid": "1"})
KEYS = KeySet([KEY]).as_dict(private=False)
GOOD: dict[str, Any] = {"iss": ISSUER, "sub": "s", "aud": "mammogate", "nonce": "n", "exp": 10**10, "iat": 10**9}


def told(claims: dict[str, Any], key: Any = KEY, algorithm: str = "RS256") -> Any:
    token = jwt.encode({"alg": algorithm, "kid": "1"}, claims, key, algorithms=[algorithm])
    return checked_claims(token, KEYS, ISSUER, client_id="mammogate", nonce="n")


def test_a_good_token_is_believed() -> None:
    assert told(GOOD)["sub"] == "s"
    assert told({**GOOD, "aud": ["mammogate", "other"], "azp": "mammogate"})["sub"] == "s"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ["mammogate", "other"], "azp": "other"},
        {"nonce": "m"},
        {"exp": int(time.time()) - 61},
        {"nbf": int(time.time()) + 3600},
        {"exp": "soon"},
        {"sub": None},
        {"nonce": None},
        {"exp": None},
        {"iat": None},
    ],
    ids=lambda change: "-".join(change) + ("-none" if None in change.values() else ""),
)
def test_a_token_with_a_claim_that_is_wrong_or_missing_is_not(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(ProviderLoginError) as refusal:
        told(claims)
    assert refusal.value.code == "provider_refused"


def test_a_token_that_the_provider_did_not_sign_is_not_believed() -> None:
    another = RSAKey.generate_key(2048, parameters={"kid": "1"})
    for key, algorithm in ((another, "RS256"), (OctKey.import_key("x"), "none")):
        with pytest.raises(ProviderLoginError):
            told(GOOD, key, algorithm)
    # The public key, taken for a secret that both sides know.
    head, body = (urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, GOOD))
    mac = hmac.digest(KEY.as_pem(private=False), head + b"." + body, "sha256")
    confused = b".".join((head, body, urlsafe_b64encode(mac).rstrip(b"="))).decode()
    for rubbish in (confused, None, "", "a.b.c", 7, {}):
        with pytest.raises(ProviderLoginError):
            checked_claims(rubbish, KEYS, ISSUER, client_id="mammogate", nonce="n")
    for no_keys in (None, {}, {"keys": []}, []):
        with pytest.raises(ProviderLoginError):
            checked_claims("a.b.c", no_keys, ISSUER, client_id="mammogate", nonce="n")

"""The table of rights, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from reporting.feed.access import ROLES, Role
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import Browser, World

READERS = {"doctor", "radiologist", "admin"}
OPERATORS = {"operator", "admin"}
UPLOADERS = {"uploader", "doctor", "admin"}
EVERYBODY = set(ROLES)
RETRY: dict[str, Any] = {"json": {"study_instance_uid": "1.2.3"}}
RESEND: dict[str, Any] = {"json": {"study_instance_uid": "1.2.3", "destination": "pacs"}}
CHECK: dict[str, Any] = {"json": {"destination": "pacs"}}

# method, path as it is called, path as it is declared, who may, what they get, what is sent
TABLE: list[tuple[str, str, str, set[str], int, dict[str, Any]]] = [
    ("GET", "/api/v1/studies", "/api/v1/studies", READERS, 200, {}),
    ("GET", "/api/v1/studies/1.2.3", "/api/v1/studies/{study_uid}", READERS, 200, {}),
    (
        "GET",
        "/api/v1/studies/1.2.3/reports/1.2.3.2",
        "/api/v1/studies/{study_uid}/reports/{sop_instance_uid}",
        READERS,
        200,
        {},
    ),
    *(
        (
            "GET",
            f"/api/v1/studies/1.2.3/views/1.2.3.1/{file}",
            f"/api/v1/studies/{{study_uid}}/views/{{sop_instance_uid}}/{file}",
            READERS,
            200,
            {},
        )
        for file in ("image", "preview.webp", "overview.jph", "pixels.jph", "heat.png")
    ),
    # The stream has no end: a bad id is refused after the right was checked, and before the stream begins.
    ("GET", "/api/v1/events?last_event_id=x", "/api/v1/events", READERS, 400, {}),
    ("POST", "/dicom-web/studies", "/dicom-web/studies", UPLOADERS, 200, {}),
    ("GET", "/api/v1/operations/queue", "/api/v1/operations/queue", OPERATORS, 200, {}),
    ("GET", "/api/v1/operations/dead-letters", "/api/v1/operations/dead-letters", OPERATORS, 200, {}),
    ("GET", "/api/v1/operations/destinations", "/api/v1/operations/destinations", OPERATORS, 200, {}),
    ("GET", "/api/v1/operations/quarantine", "/api/v1/operations/quarantine", OPERATORS, 200, {}),
    ("GET", "/api/v1/operations/flags", "/api/v1/operations/flags", OPERATORS, 200, {}),
    ("POST", "/api/v1/operations/retry", "/api/v1/operations/retry", OPERATORS, 200, RETRY),
    ("POST", "/api/v1/operations/resend", "/api/v1/operations/resend", OPERATORS, 200, RESEND),
    ("POST", "/api/v1/operations/check-destination", "/api/v1/operations/check-destination", OPERATORS, 200, CHECK),
    ("GET", "/metrics", "/metrics", OPERATORS, 200, {}),
    ("GET", "/api/v1/auth/me", "/api/v1/auth/me", EVERYBODY, 200, {}),
    ("POST", "/api/v1/auth/logout", "/api/v1/auth/logout", EVERYBODY, 204, {}),
    ("GET", "/api/v1/about", "/api/v1/about", EVERYBODY, 200, {}),
    ("GET", "/api/v1/auth/devices", "/api/v1/auth/devices", EVERYBODY, 200, {}),
    ("GET", "/api/v1/auth/devices/all", "/api/v1/auth/devices/all", {"admin"}, 200, {}),
    ("DELETE", f"/api/v1/auth/devices/{'0' * 32}", "/api/v1/auth/devices/{device_id}", EVERYBODY, 404, {}),
    ("GET", "/api/v1/auth/passkeys", "/api/v1/auth/passkeys", EVERYBODY, 200, {}),
    ("POST", "/api/v1/auth/passkeys", "/api/v1/auth/passkeys", EVERYBODY, 400, {"json": {}}),
    ("DELETE", "/api/v1/auth/passkeys/7", "/api/v1/auth/passkeys/{passkey_id}", EVERYBODY, 404, {}),
    ("GET", "/api/v1/openapi.json", "", EVERYBODY, 200, {}),
]
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/v1/auth/login"),
    ("GET", "/api/v1/auth/methods"),
    ("GET", "/api/v1/auth/oidc/start"),
    ("GET", "/api/v1/auth/oidc/callback"),
    ("POST", "/api/v1/auth/passkey/challenge"),
    ("POST", "/api/v1/auth/passkey/login"),
}
# For whoever has a session, and no token: see test_passkeys.py.
OF_SESSIONS = {("POST", "/api/v1/auth/passkeys/challenge")}
UNKNOWN = ["/api", "/api/v1/nothing", "/api/v2/studies", "/api/v1/studies/", "/docs", "/openapi.json", "/metrics/", "/"]

ROWS = pytest.mark.parametrize(
    ("method", "path", "declared", "allowed", "status", "sent"), TABLE, ids=[row[1] for row in TABLE]
)
EACH_ROLE = pytest.mark.parametrize("role", ROLES)


def assert_cell(answer_status: int, role: str, allowed: set[str], status: int) -> None:
    assert answer_status == (status if role in allowed else 403)


@EACH_ROLE
@ROWS
def test_each_role_gets_what_the_table_says_with_a_session(
    world: World,
    role: Role,
    method: str,
    path: str,
    declared: str,
    allowed: set[str],
    status: int,
    sent: dict[str, Any],
) -> None:
    assert_cell(world.logged_in(role).request(method, path, **sent).status_code, role, allowed, status)


@EACH_ROLE
@ROWS
def test_each_role_gets_what_the_table_says_with_a_token(
    world: World,
    role: Role,
    method: str,
    path: str,
    declared: str,
    allowed: set[str],
    status: int,
    sent: dict[str, Any],
) -> None:
    assert_cell(world.with_token(role).request(method, path, **sent).status_code, role, allowed, status)


@ROWS
def test_nobody_gets_anything_without_a_login(
    world: World, method: str, path: str, declared: str, allowed: set[str], status: int, sent: dict[str, Any]
) -> None:
    answer = world.stranger().request(method, path, **sent)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_logged_in"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_route_of_the_application_is_in_the_table(world: World) -> None:
    in_app = {(method.upper(), path) for path, methods in world.app.openapi()["paths"].items() for method in methods}
    assert in_app == {(method, declared) for method, _, declared, *_ in TABLE if declared} | OPEN | OF_SESSIONS
    assert all(route.include_in_schema for route in walk(world.app.routes) if isinstance(route, APIRoute))


def walk(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    """Every route, also those of the routers that an application includes."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from walk(included.routes)
        elif isinstance(route, Route):
            yield route


def test_every_route_but_those_named_open_is_closed_to_strangers(world: World) -> None:
    routes = list(walk(world.app.routes))
    assert len(routes) > 30
    for route in routes:
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in {*(route.methods or ()), "HEAD", "PUT"}:
            answer = world.stranger().request(method, path)
            assert (answer.status_code != 401) == (path in {named for _, named in OPEN}), (method, path)


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_stranger_does_not_learn_which_paths_exist(world: World, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert world.stranger().request(method, path).status_code == 401


@pytest.mark.parametrize("host", ["x/healthz?", "x/healthz#", "x/api/v1/auth/login?"])
def test_a_host_header_cannot_make_a_path_look_open(world: World, host: str) -> None:
    answer = world.stranger().get("/nothing", headers={"Host": host})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/assets/app.js", "/", "/sw.js"])
def test_paths_are_open_when_the_settings_say_so_and_nothing_beside_them(tmp_path: Path, path: str) -> None:
    world = World(tmp_path, FeedSettings(open_paths=("/", "/assets/", "/sw.js")))
    assert world.stranger().get(path).status_code == 404
    for other in ("/assets", "/sw.js/x", "/api/v1/studies", "/asset"):
        assert world.stranger().get(other).status_code == 401


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_is_not_found_with_a_login(world: World, path: str) -> None:
    answer = world.logged_in("admin").get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_path"


@pytest.mark.parametrize(("role", "status"), [("radiologist", 200), ("operator", 200), ("uploader", 200)])
def test_a_token_with_upload_right_may_upload_and_nothing_else_is_added(world: World, role: Role, status: int) -> None:
    client = world.with_token(role, may_upload=True)
    assert client.post("/dicom-web/studies").status_code == status
    assert client.get("/api/v1/studies").status_code == (200 if role in READERS else 403)


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "mmg_x", "bearer \xff"])
def test_a_wrong_token_is_refused_even_beside_a_good_cookie(world: World, value: str) -> None:
    doctor = world.logged_in("doctor")
    assert doctor.get("/api/v1/studies", headers={"Authorization": value.encode("latin-1")}).status_code == 401


def test_a_user_who_is_switched_off_is_out_at_once(world: World) -> None:
    clients: list[Browser] = [world.logged_in("doctor"), world.with_token("doctor")]
    world.accounts.users["doctor"] = replace(world.accounts.users["doctor"], active=False)
    assert [client.get("/api/v1/studies").status_code for client in clients] == [401, 401]


def test_a_user_whose_role_has_changed_has_the_new_rights_at_once(world: World) -> None:
    client = world.logged_in("doctor")
    world.accounts.users["doctor"] = replace(world.accounts.users["doctor"], role="operator")
    assert client.get("/api/v1/studies").status_code == 403
    assert client.get("/api/v1/operations/queue").status_code == 200


def test_each_upload_is_audited_granted_or_refused(world: World) -> None:
    world.with_token("doctor").post("/dicom-web/studies")
    world.with_token("operator").post("/dicom-web/studies")
    assert [(e.action, e.outcome, e.user) for e in world.accounts.trail] == [
        ("upload", "ok", "doctor"),
        ("upload", "refused", "operator"),
    ]

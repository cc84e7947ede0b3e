"""How the shell is served: open to all, under a strict policy, and nothing else with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from android_viewer.shell import ShellMissing, build_shell_router, read_shell
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import Browser, World

FILES = read_shell()


@pytest.fixture
def stranger(tmp_path: Path) -> Browser:
    settings = FeedSettings(open_paths=tuple(FILES))
    return Browser(World(tmp_path, settings=settings, routers=[build_shell_router(FILES)]).app)


def test_a_stranger_gets_every_file_of_the_shell(stranger: Browser) -> None:
    for path, file in FILES.items():
        answer = stranger.get(path, headers={"Accept-Encoding": "identity"})
        assert (answer.status_code, answer.content) == (200, file.content), path
        assert stranger.request("HEAD", path).status_code == 200


def test_a_stranger_gets_nothing_else(stranger: Browser) -> None:
    beside = ("/built.json", "/index.html.br", "/assets", "/assets/", "/src/main.tsx", "/favicon.ico")
    for path in (*beside, "/%2e%2e/pyproject.toml", "/assets/%2e%2e/%2e%2e/package.json", "/api/v1/studies"):
        assert stranger.get(path).status_code == 401, path


def test_every_file_comes_with_a_policy_that_allows_no_script_but_ours(stranger: Browser) -> None:
    for path in FILES:
        policy = dict(
            directive.split(" ", 1) for directive in stranger.get(path).headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert not any("unsafe-inline" in value or "http" in value or "*" in value for value in policy.values())


def test_the_page_is_asked_for_each_time_and_files_with_a_hash_in_their_name_are_kept(stranger: Browser) -> None:
    for path in FILES:
        kept = stranger.get(path).headers["Cache-Control"]
        assert ("immutable" in kept) == bool(re.match(r"/assets/.*-[\w-]{8}\.\w+$", path)), path
        assert ("no-cache" in kept) == ("immutable" not in kept)


def test_who_has_the_page_already_gets_no_second_copy(stranger: Browser) -> None:
    tag = stranger.get("/").headers["ETag"]
    again = stranger.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_browser_that_takes_brotli_gets_it(stranger: Browser) -> None:
    script = next(path for path in FILES if re.match(r"/assets/main-.*\.js", path))
    for accepted, coding in (("gzip, br", "br"), ("gzip", None), ("br;q=0, gzip", None), ("", None)):
        answer = stranger.request("HEAD", script, headers={"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding") == coding, accepted
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_without_built_files_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ShellMissing, match="make viewer"):
        read_shell(tmp_path)

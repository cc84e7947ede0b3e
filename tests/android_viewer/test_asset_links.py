"""Which Android package the gateway calls its own: open to all, and told by the settings alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from android_viewer.asset_links import ASSET_LINKS_PATH, PACKAGE, build_asset_links_router
from config.settings import HttpSettings
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import Browser, World

MANIFEST = Path(__file__).parents[2] / "android_viewer" / "android" / "AndroidManifest.xml"


def asked_for(tmp_path: Path, settings: HttpSettings) -> Browser:
    router = build_asset_links_router(settings.app_certificates)
    return Browser(World(tmp_path, settings=FeedSettings(open_paths=(ASSET_LINKS_PATH,)), routers=[router]).app)


def test_a_stranger_reads_which_package_and_which_certificates(tmp_path: Path) -> None:
    stranger = asked_for(tmp_path, HttpSettings(app_certificates=("ab" * 32, ":".join(["CD"] * 32))))
    answer = stranger.get(ASSET_LINKS_PATH)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    (statement,) = answer.json()
    assert statement["relation"] == ["delegate_permission/common.handle_all_urls"]
    assert statement["target"] == {
        "namespace": "android_app",
        "package_name": PACKAGE,
        "sha256_cert_fingerprints": [":".join(["AB"] * 32), ":".join(["CD"] * 32)],
    }


def test_without_a_setting_no_package_is_ours(tmp_path: Path) -> None:
    answer = asked_for(tmp_path, HttpSettings()).get(ASSET_LINKS_PATH)
    assert (answer.status_code, answer.json()) == (200, [])


def test_the_package_is_the_one_that_is_built() -> None:
    assert re.search(r'<manifest [^>]*package="([^"]+)"', MANIFEST.read_text("utf-8"))[1] == PACKAGE  # type: ignore[index]  # it has one


@given(st.binary(min_size=32, max_size=32), st.booleans(), st.booleans())
def test_a_fingerprint_is_kept_in_one_form_however_it_is_written(
    digest: bytes, is_upper: bool, has_colons: bool
) -> None:
    written = digest.hex(":") if has_colons else digest.hex()
    settings = HttpSettings(app_certificates=(written.upper() if is_upper else written,))
    assert settings.app_certificates == (digest.hex(":").upper(),)


@pytest.mark.parametrize("wrong", ["", "ab", "zz" * 32, "ab" * 20, "ab" * 33])
def test_what_is_no_sha256_is_refused_with_a_word_on_where_to_find_it(wrong: str) -> None:
    with pytest.raises(ValidationError, match="make apk"):
        HttpSettings(app_certificates=(wrong,))

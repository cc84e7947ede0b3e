"""A password that somebody wrote into a URL is used, and is nowhere to be read."""

from __future__ import annotations

import json
from pathlib import Path

from config.loading import load_settings
from config.settings import DestinationSettings
from gateway.processes.passwords import read_password

_URL = "http://gate%40way:s3c:ret@pacs.example:8042/orthanc"


def destination(**more: str) -> DestinationSettings:
    entry = {"name": "pacs", "kind": "orthanc", "url": _URL, **more}
    return load_settings(environment={"MAMMOGATE_DESTINATIONS": json.dumps([entry])}).destinations[0]


def test_user_and_password_leave_the_url_and_are_used() -> None:
    pacs = destination()
    assert pacs.url == "http://pacs.example:8042/orthanc"
    assert (pacs.username, read_password(pacs)) == ("gate@way", "s3c:ret")


def test_the_password_is_in_no_text_of_the_settings() -> None:
    assert "s3c" not in repr(destination())


def test_a_password_file_goes_before_the_url(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from the file\n")
    assert read_password(destination(password_file=str(tmp_path / "password"))) == "from the file"


def test_a_source_keeps_its_password_out_of_sight_too() -> None:
    entry = {"name": "pacs", "url": "https://user:pw@pacs.example"}
    source = load_settings(environment={"MAMMOGATE_SOURCES": json.dumps([entry])}).sources[0]
    assert (source.url, source.username, read_password(source)) == ("https://pacs.example", "user", "pw")

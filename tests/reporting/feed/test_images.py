"""The images of a study over HTTP: what is said of one, its files, parts of its pixels, and why there is none."""

from __future__ import annotations

import hashlib
from typing import get_args

from reporting.feed.stores import AbsentCode, ImageAbsentError
from tests.reporting.feed.fakes import PIXELS, an_image
from tests.reporting.feed.world import World

VIEW = "/api/v1/studies/1.2.3/views/1.2.3.1"
FILES = ("image", "preview.webp", "overview.jph", "pixels.jph", "heat.png")
TAG = f'"{hashlib.sha256(PIXELS).hexdigest()[:32]}"'
SIZE = len(PIXELS)


def test_an_image_has_exactly_the_fields_of_the_interface_in_their_order(world: World) -> None:
    image = world.logged_in("doctor").get(f"{VIEW}/image").json()
    assert list(image) == [
        "sop_instance_uid",
        "laterality",
        "view",
        "rows",
        "columns",
        "box",
        "stored",
        "bits",
        "signed",
        "monochrome1",
        "pixel_spacing_mm",
        "windows",
        "levels",
        "codestream",
        "heat",
        "overview",
    ]
    assert image["box"] == [5, 6, 30, 40]
    assert image["stored"] == {"rows": 64, "columns": 48}
    assert image["signed"] is False
    assert image["windows"] == [{"name": "NORMAL", "center": 2048.0, "width": 4096.0, "function": "LINEAR"}]
    assert image["levels"][-1] == {"rows": 40, "columns": 30, "bytes": SIZE}
    assert list(image["codestream"]) == ["bytes", "sha256", "pixel_sha256"]
    assert image["heat"] == {"columns": 3, "rows": 4, "box": [4.5, 5.5, 32.0, 42.0]}


def test_the_files_come_whole_and_stay_in_no_cache(world: World) -> None:
    doctor = world.logged_in("doctor")
    for name, content, media_type in (
        ("preview.webp", b"WEBP", "image/webp"),
        ("overview.jph", b"JPH", "image/jphc"),
        ("pixels.jph", PIXELS, "image/jphc"),
        ("heat.png", b"PNG", "image/png"),
    ):
        answer = doctor.get(f"{VIEW}/{name}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == media_type
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["etag"].startswith('"')


def test_who_has_a_file_already_gets_304(world: World) -> None:
    doctor = world.logged_in("doctor")
    for name in FILES:
        tag = doctor.get(f"{VIEW}/{name}").headers["etag"]
        again = doctor.get(f"{VIEW}/{name}", headers={"If-None-Match": tag, "Range": "bytes=0-9"})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert doctor.get(f"{VIEW}/{name}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_part_of_the_pixels_is_that_part(world: World) -> None:
    doctor = world.logged_in("doctor")
    for asked, first, last in (
        ("bytes=0-299", 0, 299),
        ("bytes=300-599", 300, 599),
        ("bytes=1000-", 1000, SIZE - 1),
        ("bytes=1000-99999", 1000, SIZE - 1),
        ("bytes=-24", SIZE - 24, SIZE - 1),
        ("bytes=-99999", 0, SIZE - 1),
        ("Bytes= 5-5 ", 5, 5),
    ):
        answer = doctor.get(f"{VIEW}/pixels.jph", headers={"Range": asked})
        assert answer.status_code == 206, asked
        assert answer.content == PIXELS[first : last + 1], asked
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
        assert answer.headers["content-length"] == str(last + 1 - first)
        assert (answer.headers["etag"], answer.headers["accept-ranges"]) == (TAG, "bytes")


def test_a_range_behind_the_end_is_refused_in_the_shape_of_every_error(world: World) -> None:
    doctor = world.logged_in("doctor")
    for asked in (f"bytes={SIZE}-", "bytes=5000-6000", "bytes=-0"):
        answer = doctor.get(f"{VIEW}/pixels.jph", headers={"Range": asked})
        assert (answer.status_code, answer.json()["error"]["code"]) == (416, "range_not_satisfiable"), asked
        assert answer.headers["content-range"] == f"bytes */{SIZE}"
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_no_single_range_is_answered_with_the_whole(world: World) -> None:
    doctor = world.logged_in("doctor")
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "bytes=-", "bytes=", "bytes=a-b", "lines=0-1", "bytes=+1-2"):
        answer = doctor.get(f"{VIEW}/pixels.jph", headers={"Range": asked})
        assert (answer.status_code, answer.content) == (200, PIXELS), asked
        assert answer.headers["accept-ranges"] == "bytes"


def test_a_part_of_what_has_changed_is_not_given(world: World) -> None:
    doctor = world.logged_in("doctor")
    for if_range, good in (
        (TAG, True),
        ('"other"', False),
        (f"W/{TAG}", False),
        ("Tue, 24 Nov 2026 16:00:00 GMT", False),
    ):
        answer = doctor.get(f"{VIEW}/pixels.jph", headers={"Range": "bytes=0-9", "If-Range": if_range})
        assert (answer.status_code, answer.content) == ((206, PIXELS[:10]) if good else (200, PIXELS)), if_range
        beyond = doctor.get(f"{VIEW}/pixels.jph", headers={"Range": "bytes=9999-", "If-Range": if_range})
        assert beyond.status_code == (416 if good else 200)


def test_why_there_is_no_image_is_said_by_a_code(world: World) -> None:
    doctor = world.logged_in("doctor")
    for code in get_args(AbsentCode):
        world.images.absent["1.2.3.1"] = ImageAbsentError(code, "A sentence.")
        for name in FILES:
            answer = doctor.get(f"{VIEW}/{name}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
            assert ("retry-after" in answer.headers) is (code == "not_ready")
    assert world.accounts.trail == []


def test_a_file_that_was_removed_is_made_again_so_it_is_not_ready(world: World) -> None:
    for name in FILES[1:]:
        (world.images.files / name).unlink()
        answer = world.logged_in("doctor").get(f"{VIEW}/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_ready")


def test_an_image_that_was_not_read_has_no_map(world: World) -> None:
    world.images.images["1.2.3", "1.2.3.1"] = an_image("1.2.3.1", heat=False)
    doctor = world.logged_in("doctor")
    assert doctor.get(f"{VIEW}/image").json()["heat"] is None
    answer = doctor.get(f"{VIEW}/heat.png")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_heat_map")


def test_who_has_seen_which_image_is_audited_each_part_too(world: World) -> None:
    doctor = world.logged_in("doctor")
    doctor.get(f"{VIEW}/image")
    doctor.get(f"{VIEW}/pixels.jph", headers={"Range": "bytes=0-9"})
    assert [(e.action, e.user, e.study_instance_uid, e.detail) for e in world.accounts.trail] == [
        ("image_viewed", "doctor", "1.2.3", "1.2.3.1 image"),
        ("image_viewed", "doctor", "1.2.3", "1.2.3.1 pixels"),
    ]

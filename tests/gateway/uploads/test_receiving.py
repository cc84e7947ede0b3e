"""Pieces of files as a sender over a poor line sends them: cut off, repeated, damaged, in the wrong order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from config.settings import Settings
from gateway.database.columns import now
from gateway.database.upload_models import Upload, UploadFile
from gateway.parts import Parts
from gateway.uploads.desk import Desk, UploadLimits
from gateway.uploads.pieces import Growing
from gateway.uploads.places import part_of
from gateway.uploads.tidying import KEEP_DONE, Tidying
from reporting.feed.upload_schemas import PIECE_BYTES, NewUpload
from reporting.feed.upload_stores import Sender, UploadRefusedError
from tests.gateway.uploads.centre import NOTE, Site
from tests.peers.health_centre import HealthCentre, digest_of
from tests.peers.synthetic import mammogram, write

SENDER = Sender("uploader", "10.0.0.1")
LIMITS = UploadLimits(max_bytes=1 << 20, reserve_bytes=0, keep=timedelta(hours=1))


def code(answer: object) -> object:
    return answer.json()["error"]["code"]  # type: ignore[attr-defined] # an answer of httpx


def test_a_file_that_came_in_pieces_is_stored_byte_for_byte_and_once(site: Site, tmp_path: Path) -> None:
    content = write(mammogram(rows=1100, columns=1000), tmp_path / "image.dcm").read_bytes()
    assert len(content) > 2 * PIECE_BYTES
    state = site.upload({"image.dcm": content})
    assert list(site.stored().values()) == [content]
    assert [(item["verdict"], item["reason"]) for item in state["items"]] == [("stored", None)]
    assert state["studies"] == [{"study_instance_uid": site.study_uids()[0], "status": "receiving"}]
    assert site.left() == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), content=st.binary(min_size=1, max_size=200))
def test_whatever_pieces_are_sent_in_whatever_order_the_file_is_the_right_one_and_has_no_gap(
    parts: Parts, data: st.DataObject, content: bytes
) -> None:
    """A sender that cuts its file at will, forgets where it was, and meets a gateway that restarts."""
    desk = Desk(parts.database, parts.folders, LIMITS)
    upload_id = str(uuid4())
    desk.open(upload_id, NewUpload.model_validate({"files": [{"name": "a", "size": len(content)}]}), SENDER)
    part = part_of(parts.folders, upload_id, 1)
    reached = 0
    for _ in range(data.draw(st.integers(1, 8))):
        offset = data.draw(st.integers(0, len(content)))
        piece = content[offset : offset + data.draw(st.integers(0, len(content)))]
        if data.draw(st.booleans()):
            desk = Desk(parts.database, parts.folders, LIMITS)
        refusal = None
        try:
            reached = desk.append(upload_id, SENDER, 1, offset, piece)
        except UploadRefusedError as error:
            refusal = (error.code, error.received)
        assert refusal in (None, ("wrong_offset", reached))
        assert desk.upload(upload_id, SENDER).files[0].received == reached
        assert (part.read_bytes() if part.exists() else b"")[:reached] == content[:reached]
    desk.append(upload_id, SENDER, 1, reached, content[reached:])
    assert part.read_bytes() == content
    desk.cancel(upload_id, SENDER)


def test_how_far_a_cancelled_file_has_come_is_not_said_of_the_file_that_got_its_number(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(parts.database, parts.folders, LIMITS)
    announced = NewUpload.model_validate({"files": [{"name": "a", "size": 4}]})
    first, second = str(uuid4()), str(uuid4())
    desk.open(first, announced, SENDER)
    put = Growing.put

    def put_and_overtake(growing: Growing, offset: int, piece: bytes, reached: int) -> int:
        end = put(growing, offset, piece, reached)
        desk.cancel(first, SENDER)
        desk.open(second, announced, SENDER)
        return end

    monkeypatch.setattr(Growing, "put", put_and_overtake)
    desk.append(first, SENDER, 1, 0, b"abcd")
    with parts.database.read() as session:
        assert session.execute(select(UploadFile.id, UploadFile.upload_id, UploadFile.received)).all() == [
            (1, second, 0)
        ]


def test_a_piece_that_was_damaged_on_its_way_is_not_kept(site: Site) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"})
    answer = centre.put(1, 0, b"0123x", digest_of(b"01234"))
    assert (answer.status_code, code(answer)) == (400, "damaged")
    assert centre.reached(1) == 0


@pytest.mark.parametrize("digest", ["", "md5=:AAAA:", "sha-256=:AAAA:", "sha-256=AAAA", "sha-256=:!:", "é"])
def test_a_piece_without_a_digest_is_refused(site: Site, digest: str) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"})
    answer = centre.client.request(
        "PATCH",
        f"/api/v1/uploads/{centre.upload_id}/files/1",
        headers={"Upload-Offset": "0", "Content-Digest": digest.encode()},
        content=b"0123",
    )
    assert (answer.status_code, code(answer)) == (400, "digest_missing")


def test_who_does_not_know_where_to_go_on_is_told(site: Site) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"})
    assert centre.put(1, 0, b"0123").headers["upload-offset"] == "4"
    answer = centre.put(1, 6, b"67")
    assert (answer.status_code, code(answer), answer.headers["upload-offset"]) == (409, "wrong_offset", "4")
    assert centre.reached(1) == 4


def test_a_piece_that_comes_again_is_taken_as_it_is_and_other_bytes_in_its_place_are_not(site: Site) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"})
    for _ in range(2):
        answer = centre.put(1, 0, b"0123")
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, "4")
    answer = centre.put(1, 0, b"012X")
    assert (answer.status_code, code(answer)) == (409, "other_bytes")


def test_more_than_was_announced_or_than_a_piece_may_have_is_refused(site: Site) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"})
    answer = centre.put(1, 8, b"89x")
    assert (answer.status_code, code(answer)) == (409, "beyond_the_end")
    answer = centre.put(1, 0, bytes(PIECE_BYTES + 1))
    assert (answer.status_code, code(answer)) == (413, "piece_too_large")
    answer = centre.put(2, 0, b"0")
    assert (answer.status_code, code(answer)) == (404, "unknown_file")


def test_an_upload_is_begun_once_however_often_it_is_asked_for(site: Site) -> None:
    centre = site.centre()
    files = {"a": b"0123456789"}
    assert centre.begin(files, NOTE).status_code == 201
    centre.put(1, 0, b"0123")
    again = centre.begin(files, NOTE, centre.upload_id)
    assert (again.status_code, again.json()["files"][0]["received"]) == (200, 4)
    other = centre.begin({"a": b"something else"}, NOTE, centre.upload_id)
    assert (other.status_code, code(other)) == (409, "other_upload")
    assert site.count(Upload) == 1


def test_an_upload_is_seen_by_its_sender_only(site: Site) -> None:
    mine = site.centre(name="mine")
    mine.begin({"a": b"0123456789"})
    other = site.centre("doctor", "other")
    other.upload_id = mine.upload_id
    assert [other.put(1, 0, b"0").status_code, other.finish().status_code, other.cancel().status_code] == [404] * 3
    assert other.client.request("GET", f"/api/v1/uploads/{mine.upload_id}").status_code == 404
    assert other.client.request("GET", "/api/v1/uploads").json() == {"items": []}
    assert [item["id"] for item in mine.client.request("GET", "/api/v1/uploads").json()["items"]] == [mine.upload_id]
    assert mine.reached(1) == 0


def test_only_those_who_may_upload_may(site: Site) -> None:
    allowed = {role: site.centre(role).begin({"a": b"1"}).status_code for role in ("doctor", "admin", "uploader")}
    refused = {role: site.centre(role).begin({"a": b"1"}).status_code for role in ("radiologist", "operator")}
    assert set(allowed.values()) == {201}
    assert set(refused.values()) == {403}
    assert site.centre("radiologist", may_upload=True).begin({"a": b"1"}).status_code == 201
    assert HealthCentre(site.client()).client.request("GET", "/api/v1/uploads/nothing").status_code == 400


def test_finishing_waits_for_all_bytes_and_twice_stores_once(site: Site, tmp_path: Path) -> None:
    content = write(mammogram(rows=64, columns=48), tmp_path / "a.dcm").read_bytes()
    centre = site.centre()
    centre.begin({"a.dcm": content})
    answer = centre.finish()
    assert (answer.status_code, code(answer)) == (409, "incomplete")
    centre.put(1, 0, content)
    for _ in range(2):
        assert centre.finish().status_code == 202
        site.storer.store_all()
    assert centre.state()["status"] == "done"
    assert list(site.stored().values()) == [content]
    assert code(centre.put(1, 0, content)) == "not_receiving"


def test_too_much_is_refused_before_anything_is_sent(parts: Parts) -> None:
    small = replace(parts, settings=parts.settings.model_copy(update={"upload": _section(max_mib=1)}))
    site = Site(small)
    answer = site.centre().begin({"a": bytes((1 << 20) + 1)})
    assert (answer.status_code, code(answer)) == (413, "too_large")
    full = Site(replace(parts, settings=parts.settings.model_copy(update={"reserve_mib": 1 << 30})))
    answer = full.centre().begin({"a": b"1"})
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "disk_full", "30")
    site.intake.close()
    full.intake.close()


def test_a_program_gone_wild_is_stopped(site: Site) -> None:
    centre = site.centre()
    answers = [centre.begin({"a": b"1"}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409]
    assert code(answers[-1]) == "too_many_uploads"
    centre.upload_id = answers[0].json()["id"]
    assert centre.cancel().status_code == 204
    assert centre.begin({"a": b"1"}).status_code == 201


def test_what_is_cancelled_leaves_nothing(site: Site) -> None:
    centre = site.centre()
    centre.begin({"a": b"0123456789"}, NOTE)
    centre.put(1, 0, b"0123")
    assert site.left()
    assert centre.cancel().status_code == 204
    assert (site.left(), site.count(Upload), site.count(UploadFile)) == ([], 0, 0)
    assert code(centre.put(1, 4, b"4")) == "unknown_upload"


def test_uploads_that_nobody_goes_on_with_are_removed_and_no_others(site: Site, tmp_path: Path) -> None:
    content = write(mammogram(rows=64, columns=48), tmp_path / "a.dcm").read_bytes()
    keep = timedelta(hours=72)
    abandoned, going_on, waiting = site.centre(), site.centre(), site.centre()
    for centre in (abandoned, going_on, waiting):
        centre.begin({"a": content})
        centre.put(1, 0, content[:1000])
    waiting.put(1, 1000, content[1000:])
    waiting.finish()
    old = [abandoned.upload_id, waiting.upload_id]
    with site.parts.database.write() as session:
        session.execute(update(Upload).where(Upload.id.in_(old)).values(touched_at=now() - keep - timedelta(minutes=1)))
    (site.parts.folders.uploads / "of nobody").mkdir()
    Tidying(site.parts.database, site.parts.folders, keep).tidy()
    with site.parts.database.read() as session:
        assert set(session.scalars(select(Upload.id))) == {going_on.upload_id, waiting.upload_id}
    assert {path.name for path in site.parts.folders.uploads.iterdir()} == {going_on.upload_id, waiting.upload_id}
    site.storer.store_all()
    assert list(site.stored().values()) == [content]
    with site.parts.database.write() as session:
        session.execute(update(Upload).values(touched_at=now() - KEEP_DONE - timedelta(minutes=1)))
    Tidying(site.parts.database, site.parts.folders, keep).tidy()
    assert (site.count(Upload), site.left()) == (0, [])


def _section(**values: int) -> object:
    return Settings().upload.model_copy(update=values)

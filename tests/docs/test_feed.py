"""The feed's document against the routes and the rights of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast, get_args

from fastapi import APIRouter

from dicom_node.intake import Intake
from dicom_node.stow_router import build_stow_router
from gateway.uploads.desk import MAX_OPEN
from gateway.uploads.tidying import KEEP_DONE
from reporting.feed.access import ROLES, ROLES_WITH, Right
from reporting.feed.caller import require_upload
from reporting.feed.feedback_routes import build_feedback_router
from reporting.feed.feedback_store import FeedbackStore
from reporting.feed.image_schemas import ViewImage
from reporting.feed.metrics_route import METRICS_PATH
from reporting.feed.note_routes import build_note_router
from reporting.feed.push_routes import build_push_router
from reporting.feed.push_store import PushStore
from reporting.feed.schemas import Study
from reporting.feed.settings import ALWAYS_OPEN, FeedSettings
from reporting.feed.stores import AbsentCode
from reporting.feed.study_routes import MAX_LIMIT
from reporting.feed.upload_routes import MAX_LISTED, build_upload_router
from reporting.feed.upload_schemas import PIECE_BYTES, UploadState
from reporting.feed.upload_stores import NoteStore, RefusalCode, UploadDesk
from tests.docs.papers import ROOT, tables
from tests.reporting.feed.world import World

TEXT = (ROOT / "docs" / "feed.md").read_text("utf-8")
CALLS = {call: who for call, _, who in tables(TEXT)[("call", "answers", "who")]}


def _who_may(path: str) -> str:
    if path in ALWAYS_OPEN:
        return "open"
    if path == "/api/v1/auth/devices/all":
        return ", ".join(role for role in ROLES if role in ROLES_WITH[Right.ADMINISTER])
    if path.startswith("/api/v1/auth/") or path == "/api/v1/about":
        return "all roles"
    operating = "/operations/" in path or path == METRICS_PATH
    uploading = "dicom-web" in path or path.startswith("/api/v1/uploads")
    right = Right.OPERATE if operating else Right.UPLOAD if uploading else Right.READ_STUDIES
    return ", ".join(role for role in ROLES if role in ROLES_WITH[right])


def every_router() -> list[APIRouter]:
    """Those that the gateway adds to the feed."""
    return [
        build_stow_router(cast(Intake, None), require_upload),
        build_upload_router(cast(UploadDesk, None)),
        build_note_router(cast(NoteStore, None)),
        build_feedback_router(cast(FeedbackStore, None)),
        build_push_router(cast(PushStore, None)),
    ]


def test_the_calls_are_the_routes_and_each_says_who_may(tmp_path: Path) -> None:
    paths = World(tmp_path, routers=every_router()).app.openapi()["paths"]
    declared = {f"{method.upper()} {path}": _who_may(path) for path, methods in paths.items() for method in methods}
    assert declared == CALLS


def test_what_the_document_gives_to_some_roles_the_others_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path, routers=every_router())
    refused = 0
    for call, who in CALLS.items():
        method, path = call.split(" ")
        if who in ("open", "all roles") or path.startswith("/dicom-web/studies/"):
            continue
        for role in set(ROLES) - {name.strip() for name in who.split(",")}:
            answer = world.logged_in(role).request(method, re.sub(r"\{[^}]*\}", "1", path))
            assert answer.status_code == 403, (call, role)
            refused += 1
    assert refused > 30


def test_a_study_has_the_fields_that_are_listed() -> None:
    assert [row[0] for row in tables(TEXT)[("field", "is")]] == list(Study.model_fields)


def test_an_image_has_the_fields_that_are_listed() -> None:
    assert [row[0] for row in tables(TEXT)[("field of the image", "is")]] == list(ViewImage.model_fields)


def test_every_reason_for_no_image_is_listed() -> None:
    listed = {code for row in tables(TEXT)[("code", "means")] for code in re.findall(r"\w+", row[0])}
    assert listed == {*get_args(AbsentCode), "no_heat_map"}


def test_an_upload_has_the_fields_and_the_refusals_that_are_listed() -> None:
    assert [row[0] for row in tables(TEXT)[("field of the upload", "is")]] == list(UploadState.model_fields)
    listed = {code for row in tables(TEXT)[("code of the refusal", "means")] for code in re.findall(r"\w+", row[0])}
    of_the_routes = {"digest_missing", "damaged", "piece_too_large", "disconnected"}
    assert listed == {*get_args(RefusalCode), *of_the_routes}
    assert f"at most {PIECE_BYTES} bytes" in TEXT
    assert f"at most {MAX_LISTED} |" in TEXT
    assert f"| {MAX_OPEN} of yours are not finished |" in TEXT
    assert f"read for {KEEP_DONE.days} days" in TEXT


def test_the_figures_are_those_of_the_code() -> None:
    assert f"1 to {MAX_LIMIT}" in TEXT
    assert f"every {FeedSettings().heartbeat.seconds} seconds" in TEXT

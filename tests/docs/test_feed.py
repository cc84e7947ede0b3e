"""The feed's document against the routes and the rights of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast, get_args

from dicom_node.intake import Intake
from dicom_node.stow_router import build_stow_router
from reporting.feed.access import ROLES, ROLES_WITH, Right
from reporting.feed.caller import require_upload
from reporting.feed.feedback_routes import build_feedback_router
from reporting.feed.feedback_store import FeedbackStore
from reporting.feed.image_schemas import ViewImage
from reporting.feed.metrics_route import METRICS_PATH
from reporting.feed.push_routes import build_push_router
from reporting.feed.push_store import PushStore
from reporting.feed.schemas import Study
from reporting.feed.settings import ALWAYS_OPEN, FeedSettings
from reporting.feed.stores import AbsentCode
from reporting.feed.study_routes import MAX_LIMIT
from tests.docs.papers import ROOT, tables
from tests.reporting.feed.world import World

TEXT = (ROOT / "docs" / "feed.md").read_text("utf-8")
CALLS = {call: who for call, _, who in tables(TEXT)[("call", "answers", "who")]}


def _who_may(path: str) -> str:
    if path in ALWAYS_OPEN:
        return "open"
    if path.startswith("/api/v1/auth/"):
        return "all roles"
    operating = "/operations/" in path or path == METRICS_PATH
    right = Right.OPERATE if operating else Right.UPLOAD if "dicom-web" in path else Right.READ_STUDIES
    return ", ".join(role for role in ROLES if role in ROLES_WITH[right])


def test_the_calls_are_the_routes_and_each_says_who_may(tmp_path: Path) -> None:
    stow = build_stow_router(cast(Intake, None), require_upload)
    feedback = build_feedback_router(cast(FeedbackStore, None))
    push = build_push_router(cast(PushStore, None))
    paths = World(tmp_path, routers=[stow, feedback, push]).app.openapi()["paths"]
    declared = {f"{method.upper()} {path}": _who_may(path) for path, methods in paths.items() for method in methods}
    assert declared == CALLS


def test_a_study_has_the_fields_that_are_listed() -> None:
    assert [row[0] for row in tables(TEXT)[("field", "is")]] == list(Study.model_fields)


def test_an_image_has_the_fields_that_are_listed() -> None:
    assert [row[0] for row in tables(TEXT)[("field of the image", "is")]] == list(ViewImage.model_fields)


def test_every_reason_for_no_image_is_listed() -> None:
    listed = {code for row in tables(TEXT)[("code", "means")] for code in re.findall(r"\w+", row[0])}
    assert listed == {*get_args(AbsentCode), "no_heat_map"}


def test_the_figures_are_those_of_the_code() -> None:
    assert f"1 to {MAX_LIMIT}" in TEXT
    assert f"every {FeedSettings().heartbeat.seconds} seconds" in TEXT

"""The STOW-RS router in an application of its own, open to everybody."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from dicom_node.stow_router import StowSettings, build_stow_router
from tests.dicom_node.directory_intake import DirectoryIntake


def application(intake: DirectoryIntake, log: Any = None, **limits: int) -> FastAPI:
    app = FastAPI()
    app.include_router(build_stow_router(intake, lambda: "somebody", StowSettings(**limits), log))
    return app

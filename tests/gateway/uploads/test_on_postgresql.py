"""The same over PostgreSQL, whose locks and types are others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from config.settings import Settings
from gateway.database.columns import now
from gateway.database.models import Study
from gateway.database.upload_models import ClinicalNote, Upload, UploadItem
from gateway.forgetting import forget_study
from gateway.parts import open_parts
from gateway.uploads.tidying import Tidying
from tests.gateway.uploads.centre import NOTE, Site
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import mammogram, write

pytestmark = pytest.mark.system
MORE_THAN_32_BITS = (1 << 31) + 1


def test_an_upload_its_note_and_its_end_over_postgresql(tmp_path: Path) -> None:
    with running_postgresql(tmp_path / "postgresql") as server:
        url = server.url
        upload = Settings().upload.model_copy(update={"max_mib": 4096})
        parts = open_parts(Settings(data_dir=tmp_path / "data", database_url=url, reserve_mib=0, upload=upload))
        site = Site(parts)
        content = write(mammogram(rows=64, columns=48), tmp_path / "a.dcm").read_bytes()
        state = site.upload({"a.dcm": content, "b.txt": b"none"}, NOTE)
        assert [item["verdict"] for item in state["items"]] == ["stored", "refused"]
        assert list(site.stored().values()) == [content]
        assert (site.count(ClinicalNote), site.count(Study)) == (1, 1)
        large = site.centre().client.request(
            "PUT",
            "/api/v1/uploads/6a3c0d7e-0f6d-4c8e-9d1a-000000000001",
            json={"files": [{"name": "large", "size": MORE_THAN_32_BITS}]},
        )
        assert large.json()["files"][0]["size"] == MORE_THAN_32_BITS
        forget_study(parts.database, parts.folders, parts.jobs, site.study_uids()[0], "admin")
        assert [site.count(table) for table in (ClinicalNote, UploadItem, Upload)] == [0, 0, 1]
        with parts.database.write() as session:
            session.execute(update(Upload).values(touched_at=now() - timedelta(hours=2)))
        Tidying(parts.database, parts.folders, timedelta(hours=1)).tidy()
        assert site.count(Upload) == 0
        site.intake.close()
        parts.database.engine.dispose()

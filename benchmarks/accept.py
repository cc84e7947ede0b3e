"""How fast the durable intake accepts: objects of 0.5 MB that lie in the incoming folder, with one caller and several.

    .venv/bin/python -m benchmarks.accept [--objects 400] [--callers 1,4,16] [--folder DIR] [--database-url URL]

The files are written and synced beforehand, as a reader does that syncs what it has received. So what is measured is
the intake alone: header, rename, fsync of the folder, rows, job. DIR decides which disk that is.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from uuid import uuid4

import structlog
from pydicom.uid import UID

from config.settings import Settings, StudySettings
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.intake.durable import DurableIntake
from gateway.parts import open_parts
from tests.peers.synthetic import STANDARD_VIEWS, Exam, mammogram, write

_WARM = 40
"""Objects a caller that are not counted: statements are compiled, and SQLite's log grows to its lasting size."""
_ROWS, _COLUMNS = 640, 400


def prepare(intake: DurableIntake, objects: int) -> list[Path]:
    """Write so many objects, four a study."""
    views = {view: mammogram(*view, rows=_ROWS, columns=_COLUMNS) for view in STANDARD_VIEWS}
    paths = []
    exam = Exam()
    for number in range(objects):
        if number % len(STANDARD_VIEWS) == 0:
            exam = Exam()
        image = views[STANDARD_VIEWS[number % len(STANDARD_VIEWS)]]
        image.StudyInstanceUID, image.SeriesInstanceUID = exam.study_instance_uid, exam.series_instance_uid
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{uuid4().int}")
        paths.append(write(image, intake.new_file()))
    return paths


def measure(folder: Path, callers: int, objects: int, database_url: str | None) -> str:
    """Return a line with the figures of so many callers that share so many objects."""
    settings = {"data_dir": folder, "reserve_mib": 0, "study": StudySettings(settle_seconds=10, quiet_seconds=3600)}
    if database_url:
        settings["database_url"] = database_url
    parts = open_parts(Settings.model_validate(settings))
    intake = parts.intake("receive@bench")
    work = [prepare(intake, objects // callers + _WARM) for _ in range(callers)]
    os.sync()
    taken: list[float] = []
    warm, done = threading.Barrier(callers + 1), threading.Barrier(callers + 1)

    def send(paths: list[Path]) -> None:
        origin = Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
        for number, path in enumerate(paths):
            if number == _WARM:
                warm.wait()
            began = time.perf_counter()
            answer = intake.accept(path, AnnouncedInstance(None, None), origin)
            if number >= _WARM:
                taken.append(time.perf_counter() - began)
            if answer.verdict is not Verdict.STORED:
                raise RuntimeError(answer.comment)
        done.wait()

    threads = [threading.Thread(target=send, args=(paths,)) for paths in work]
    for thread in threads:
        thread.start()
    warm.wait()
    began, spent = time.perf_counter(), time.process_time()
    done.wait()
    wall, processor = time.perf_counter() - began, time.process_time() - spent
    intake.close()
    parts.database.engine.dispose()
    taken.sort()
    return (
        f"{callers:3} callers: median {statistics.median(taken) * 1e3:6.2f} ms, best tenth "
        f"{taken[len(taken) // 10] * 1e3:6.2f} ms, {len(taken) / wall:5.0f} objects/s, "
        f"{processor / len(taken) * 1e3:5.2f} ms of processor each\n"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--callers", default="1,4,16")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--database-url", default=None)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for callers in map(int, given.callers.split(",")):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            sys.stdout.write(measure(Path(folder), callers, given.objects, given.database_url))
            sys.stdout.flush()


if __name__ == "__main__":
    main()

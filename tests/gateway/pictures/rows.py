"""A gateway that holds read images, and what makes pictures of them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import numpy as np

from gateway.database.models import Reading
from gateway.feed.images import Images
from gateway.folders import write_durably
from gateway.parts import Parts
from gateway.pictures.making import Picturing
from gateway.reading.child import Child
from reporting.feed.stores import ServedImage
from tests.gateway.commitment.rows import Archive
from tests.gateway.retention.rows import Settled, rows_of
from tests.peers.synthetic import Exam

HEAT = np.linspace(0.0, 1.0, 12, dtype=np.float32).reshape(4, 3)
EXTENT = (-16.0, -8.5, 52.0, 70.0)


class SameProcess:
    """Takes the child's place where it does not matter; `meanwhile` happens when the work is done."""

    def __init__(self) -> None:
        self.calls = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.raises: Exception | None = None

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.calls += 1
        if self.raises is not None:
            raise self.raises
        done = function(*arguments)
        self.meanwhile()
        return done


@dataclass
class Read:
    """Reported studies of one image each, with readings and heat maps."""

    parts: Parts
    child: SameProcess = field(default_factory=SameProcess)
    archive: Archive = field(default_factory=Archive)
    reserve_bytes: int = 0

    @property
    def settled(self) -> Settled:
        return Settled(self.parts, cast(Child, self.child), self.archive)

    @property
    def picturing(self) -> Picturing:
        return Picturing(self.parts.database, self.parts.folders, cast(Child, self.child), self.reserve_bytes)

    def add(self, uid: str, **image: Any) -> Exam:
        """Receive the only image of a study, report it, and read it."""
        exam = self.settled.add(uid, **image)
        self.read(uid)
        return exam

    def read(self, uid: str, generation: int = 1, *, heat: bool = True) -> None:
        """Keep a reading; with another generation the study is reported in that one."""
        folders = self.parts.folders
        file = folders.readings / "1" / f"{uuid4().hex}.npz"
        if heat:
            packed = io.BytesIO()
            np.savez_compressed(packed, heat_map=HEAT, extent=np.asarray(EXTENT))
            write_durably(file, packed.getvalue())
        with self.parts.database.write() as session:
            study, instance = rows_of(session, uid)
            study.generation = generation
            session.add(
                Reading(
                    instance_id=instance.id,
                    study_id=study.id,
                    generation=generation,
                    result={},
                    model_version="m1",
                    heat_map_path=folders.relative(file) if heat else None,
                )
            )

    def make(self, uid: str) -> None:
        self.picturing.make(self.settled.instance(uid).id)

    def round(self) -> None:
        self.picturing.round(threading.Event())

    def served(self, exam: Exam, uid: str) -> ServedImage:
        return Images(self.parts.database, self.parts.folders).image(exam.study_instance_uid, uid)

    def files(self) -> list[Path]:
        """Every file of every picture, and what is left of one."""
        return sorted(path for path in self.parts.folders.pictures.rglob("*") if path.is_file())

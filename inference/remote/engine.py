"""The engine whose network runs on a server; decoding, preparing and finding stay here."""

from pathlib import Path
from typing import Final

from inference.card import read_model_info
from inference.remote.client import RemoteCells
from inference.remote.server import RemoteServer
from inference.remote.version import served_version
from inference.sweep import SweepModel
from inference.sweeping_engine import SweepingEngine

REMOTE: Final = "remote"


class RemoteEngine(SweepingEngine):
    """Reads images with the model of this version on a server; `read` may also raise RemoteUnusable."""

    def __init__(self, server: RemoteServer, model_dir: Path | None = None) -> None:
        """Read with the card in `model_dir` (the shipped one when None); connects at the first image.

        Raises ModelUnusable.
        """
        model = read_model_info(model_dir)
        cells = RemoteCells(server, served_version(model.version))
        super().__init__(REMOTE, model, SweepModel(source=cells))
        self._cells = cells

    def look(self) -> None:
        """Ask whether the server has the model, which also ends its rest. Raises RemoteUnusable."""
        self._cells.look()

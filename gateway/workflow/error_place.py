"""Where in the code an error came from: what the log may say of an error whose message may quote a patient."""

from __future__ import annotations

import traceback
from pathlib import Path


def place_of(error: BaseException) -> str:
    """Return the innermost places of an error, those of the last one where the workflow engine has wrapped several."""
    inner = getattr(error, "errors", None)
    if isinstance(inner, list) and inner:
        return place_of(inner[-1])
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)

"""Writing the model for other programs: ONNX, OpenVINO IR."""

import shutil
from pathlib import Path
from typing import Literal

import openvino

from inference.card import CARD_FILE, GRAPH_FILE, MODEL_DIR, read_model_info

Format = Literal["onnx", "openvino", "triton"]


class FormatUnavailable(Exception):
    """The format isn't built yet, or there is no such format."""


def export_model(out_dir: Path, format_: Format = "onnx", model_dir: Path | None = None) -> list[Path]:
    """Write the model and its card to `out_dir` (made when missing); returns the files written.

    "onnx": `model.onnx`; "openvino": `model.xml` and `model.bin`, float32. Raises FormatUnavailable, ModelUnusable.
    """
    if format_ not in ("onnx", "openvino"):
        raise FormatUnavailable(f"The format {format_!r} is not available yet; use onnx or openvino.")
    source = model_dir or MODEL_DIR
    read_model_info(source)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = [Path(shutil.copyfile(source / CARD_FILE, out_dir / CARD_FILE))]
    if format_ == "onnx":
        return [*written, Path(shutil.copyfile(source / GRAPH_FILE, out_dir / GRAPH_FILE))]
    # Not convert_model: that one reports its use to the vendor.
    graph = openvino.Core().read_model(str(source / GRAPH_FILE))
    openvino.save_model(graph, str(out_dir / "model.xml"), compress_to_fp16=False)
    return [*written, out_dir / "model.xml", out_dir / "model.bin"]

"""Writing the model for other programs: ONNX, OpenVINO IR, a model repository of Triton."""

import shutil
from pathlib import Path
from typing import Literal, get_args

import openvino

from inference.card import CARD_FILE, GRAPH_FILE, MODEL_DIR, read_model_info
from inference.triton_repository import write_repository

Format = Literal["onnx", "openvino", "triton"]


class FormatUnavailable(Exception):
    """There is no such format."""


def export_model(out_dir: Path, format_: Format = "onnx", model_dir: Path | None = None) -> list[Path]:
    """Write the model and its card to `out_dir` (made when missing); returns the files written.

    "onnx": `model.onnx`; "openvino": `model.xml` and `model.bin`, float32; "triton": a model repository, which holds
    nothing but the model's folder.

    Raises:
        FormatUnavailable: there is no such format.
        ModelUnusable: the model in `model_dir` can't be used.
        ModuleNotFoundError: triton needs the package onnx.

    """
    if format_ not in get_args(Format):
        raise FormatUnavailable(f"There is no format {format_!r}; use {', '.join(get_args(Format))}.")
    source = model_dir or MODEL_DIR
    model = read_model_info(source)
    out_dir.mkdir(parents=True, exist_ok=True)
    if format_ == "triton":
        return write_repository(out_dir, source / GRAPH_FILE, model)
    written = [Path(shutil.copyfile(source / CARD_FILE, out_dir / CARD_FILE))]
    if format_ == "onnx":
        return [*written, Path(shutil.copyfile(source / GRAPH_FILE, out_dir / GRAPH_FILE))]
    # Not convert_model: that one reports its use to the vendor.
    graph = openvino.Core().read_model(str(source / GRAPH_FILE))
    openvino.save_model(graph, str(out_dir / "model.xml"), compress_to_fp16=False)
    return [*written, out_dir / "model.xml", out_dir / "model.bin"]

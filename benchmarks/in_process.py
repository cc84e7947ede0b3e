"""The exported graph in process, for so many threads at once; runs in .venv-triton and imports nothing of ours.

python in_process.py GRAPH CLIENTS SECONDS SHAPE - prints when each evaluation ended (seconds, steady clock), as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def main() -> None:
    """Evaluate for SECONDS in each of CLIENTS threads."""
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # only .venv-triton has it

    graph, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    shape = tuple(map(int, sys.argv[4].split(",")))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(1).integers(0, 65536, shape, dtype=np.uint16)
    together = threading.Barrier(clients)

    def work() -> list[float]:
        session.run(["logits"], {"image": image})
        together.wait()
        ends, stop = [], time.monotonic() + seconds
        while time.monotonic() < stop:
            session.run(["logits"], {"image": image})
            ends.append(time.monotonic())
        return ends

    with ThreadPoolExecutor(clients) as pool:
        ends = [end for one in [pool.submit(work) for _ in range(clients)] for end in one.result()]
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main()

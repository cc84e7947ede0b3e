"""How many threads training takes."""

import os
from typing import Final

import cv2

THREADS: Final = 2


def limit_threads() -> None:
    """Keep to two threads where the environment names no other number; must run before TensorFlow starts."""
    cv2.setNumThreads(1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

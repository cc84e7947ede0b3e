"""`python -m tests.fuzz TARGET FOLDER SECONDS`: fuzz one target; the corpus grows in FOLDER, a crash ends it."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dicom_node", "gateway.intake", "preprocessing", "pydicom"]):
    from tests.fuzz.corpus import write_corpus
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    write_corpus(folder, name)
    options = [
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
        "-max_len=8192",
        f"-artifact_prefix={folder}-crash-",
    ]
    atheris.Setup([sys.argv[0], str(folder), *options], TARGETS[name])
    atheris.Fuzz()


main()

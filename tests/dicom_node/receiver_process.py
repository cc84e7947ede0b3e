"""A Storage SCP alone in a process, so that its memory can be measured: `python receiver_process.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import structlog

from dicom_node.storage_scp import ScpSettings, StorageScp
from tests.dicom_node.directory_intake import DirectoryIntake


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    intake = DirectoryIntake(Path(sys.argv[1]))
    scp = StorageScp(ScpSettings(port=0), intake, structlog.get_logger())
    scp.start()
    sys.stdout.write(f"{scp.port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test closes it
    scp.stop()


if __name__ == "__main__":
    main()

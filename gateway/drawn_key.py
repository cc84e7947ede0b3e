"""A secret key in a file of the data folder, drawn once by whoever needs it first."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.folders import sync_file, sync_folder

KEY_BYTES: Final = 32


class NoKeyInFile(Exception):
    """The file is there and holds no key."""


def drawn_key(path: Path) -> bytes:
    """Return the key at `path`; the first call draws it (32 random bytes, mode 0600).

    Raises:
        NoKeyInFile: the file is there and holds no key.
        OSError: it can't be read or written.

    """
    if not path.exists():
        drawn = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        sync_file(drawn)
        # A link, not a rename: of two processes that draw at once, both go on with the first one's key.
        with suppress(FileExistsError):
            path.hardlink_to(drawn)
        drawn.unlink()
        sync_folder(path.parent)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise NoKeyInFile(str(path))
    return key

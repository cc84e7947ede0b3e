"""The secret key that pseudonyms are made with: one for each installation, in the data folder, never exported."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from gateway.folders import Folders, sync_file, sync_folder
from reporting.deidentification.pseudonyms import KEY_BYTES


class KeyUnusable(Exception):
    """The file of the key is damaged; pseudonyms of earlier exports can't be made again without it."""


def secret_key(folders: Folders) -> bytes:
    """Return the key; the first call draws it (32 random bytes, mode 0600).

    Raises:
        KeyUnusable: the file is there and holds no key.

    """
    path = folders.deidentification_key
    if not path.exists():
        drawn = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        sync_file(drawn)
        # A link, not a rename: of two commands that draw at once, both go on with the first one's key.
        with suppress(FileExistsError):
            path.hardlink_to(drawn)
        drawn.unlink()
        sync_folder(folders.root)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KeyUnusable(
            f"{path} holds no key: put it back from a backup, or remove it if new pseudonyms for everybody will do"
        )
    return key

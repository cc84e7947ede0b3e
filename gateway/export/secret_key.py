"""The secret key that pseudonyms are made with: one for each installation, in the data folder, never exported."""

from __future__ import annotations

from gateway.drawn_key import NoKeyInFile, drawn_key
from gateway.folders import Folders


class KeyUnusable(Exception):
    """The file of the key is damaged; pseudonyms of earlier exports can't be made again without it."""


def secret_key(folders: Folders) -> bytes:
    """Return the key; the first call draws it (32 random bytes, mode 0600).

    Raises:
        KeyUnusable: the file is there and holds no key.

    """
    try:
        return drawn_key(folders.deidentification_key)
    except NoKeyInFile as damaged:
        raise KeyUnusable(
            f"{damaged} holds no key: put it back from a backup, or remove it if new pseudonyms for everybody will do"
        ) from None

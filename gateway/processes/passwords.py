"""The passwords of the servers that we log in to."""

from __future__ import annotations

from config.settings import HttpPeer
from gateway.processes.stopping import StartRefused


def read_password(item: HttpPeer) -> str | None:
    """Return the first line of the password file, or the password that stood in the URL; None without either.

    Raises:
        StartRefused: the file can't be read.

    """
    file = item.password_file
    if file is None:
        return item.password.get_secret_value() if item.password else None
    try:
        return file.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise StartRefused(
            f"the password file {file} can't be read ({error}): put the password on its first line"
        ) from None

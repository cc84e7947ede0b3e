"""The passwords of the servers that we log in to, and other secrets that lie in files."""

from __future__ import annotations

from pathlib import Path

from config.settings import HttpPeer
from gateway.processes.stopping import StartRefused


def read_password(item: HttpPeer) -> str | None:
    """Return the first line of the password file, or the password that stood in the URL; None without either.

    Raises:
        StartRefused: the file can't be read.

    """
    if item.password_file is None:
        return item.password.get_secret_value() if item.password else None
    return first_line(item.password_file, "the password")


def first_line(file: Path | None, what: str) -> str | None:
    """Return the first line of a file that holds a secret; None without a file.

    Raises:
        StartRefused: the file can't be read.

    """
    if file is None:
        return None
    try:
        return file.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        name = what.removeprefix("the ")
        raise StartRefused(f"the {name} file {file} can't be read ({error}): put {what} on its first line") from None

"""The listening socket that several receiving processes of one machine share.

It is opened once and inherited. A connection that nobody has accepted yet then belongs to all of them: when one of
the processes is killed, another accepts it. With a socket for each process (SO_REUSEPORT) the connections that wait at
the killed one would be reset.
"""

from __future__ import annotations

import errno
import socket

BACKLOG = 128
"""How many connections may wait to be accepted."""


class PortInUse(OSError):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            errno.EADDRINUSE,
            f"Port {port} on {host} is taken by another program; stop that one or set dicom.port to a free port.",
        )


class AddressUnavailable(OSError):
    def __init__(self, host: str, port: int, problem: OSError) -> None:
        super().__init__(
            problem.errno,
            f"Cannot listen on {host}:{port} ({problem.strerror or problem}); "
            "set dicom.host to an address of this machine and dicom.port to a port this user may use.",
        )


def cannot_listen(host: str, port: int, problem: OSError) -> PortInUse | AddressUnavailable:
    """Return the exception that says why the port can't be opened, and what to do."""
    if problem.errno == errno.EADDRINUSE:
        return PortInUse(host, port)
    return AddressUnavailable(host, port, problem)


def open_shared(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """Return a listening socket for several processes to accept from.

    It does not block: each of them wakes for a connection, and only one gets it.

    Raises:
        PortInUse: another program listens there.
        AddressUnavailable: the address is not this machine's, or the port not for this user.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(backlog)
        listening.setblocking(False)
    except OSError as problem:
        listening.close()
        raise cannot_listen(host, port, problem) from problem
    return listening

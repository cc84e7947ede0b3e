"""A box for a service, by bubblewrap: what the container would give it, and nothing more.

Its own process numbers, user without any capability, read-only file system with /tmp in memory, only its own volumes
and secrets. All boxes share one network namespace, whose loopback has their addresses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.docs.papers import ROOT
from tests.peers.programs import program
from tests.stack.composition import Service, python_folders

_ETC = ("ssl", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types")
_TOP = ("bin", "lib", "lib64", "sbin")


def boxed(service: Service, command: Sequence[str], etc: Path) -> list[str]:
    """Return the command line that runs `command` in the service's box; `etc` has its hosts, passwd and so on."""
    number = str(service.user)
    words = [program("bwrap"), "--unshare-user", "--uid", number, "--gid", number]
    words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"]
    words += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr"]
    for name in _TOP:
        top = Path("/") / name
        words += ["--symlink", str(top.readlink()), str(top)] if top.is_symlink() else ["--ro-bind", str(top), str(top)]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for folder in service.temporary:
        words += ["--tmpfs", folder]
    for folder in [*python_folders(), *_ours()]:
        words += ["--ro-bind", str(folder), str(folder)]
    for file in sorted(etc.iterdir()):
        words += ["--ro-bind", str(file), f"/etc/{file.name}"]
    for mount in service.mounts:
        words += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    words += ["--remount-ro", "/", "--chdir", "/"]
    return [*words, "--", *_with_its_environment(service, command)]


def entered(first: int, service: Service, command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` in the box whose program is process `first`, as `exec` would."""
    spaces = ["--user", "--mount", "--pid", "--ipc", "--uts", "--preserve-credentials"]
    return [program("nsenter"), "--target", str(first), *spaces, "--", *_with_its_environment(service, command)]


def _with_its_environment(service: Service, command: Sequence[str]) -> list[str]:
    path = f"{ROOT / '.venv' / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    given = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/tmp", **service.environment}  # noqa: S108 - the box's own
    return ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in given.items()), *command]


def _ours() -> list[Path]:
    """What `pip install` would have put into the image: the packages, and the virtual environment with its program."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    return [ROOT / ".venv", *(ROOT / name for name in wheel["packages"])]


def write_etc(folder: Path, service: Service, hosts: str) -> None:
    """Write the files of /etc that are a container's own."""
    folder.mkdir(parents=True, exist_ok=True)
    number, name = service.user, f"{service.name}-user"
    (folder / "hosts").write_text(hosts)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.11\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (folder / "passwd").write_text(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n")
    (folder / "group").write_text(f"{name}:x:{number}:\n")


def first_process_of_box(pid: int) -> int | None:
    """The process whose death ends everything in a box at once, of the box that was started as process `pid`."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def first_in_box(pid: int) -> int | None:
    """The service's own program in the box that was started as process `pid`; None while it isn't there."""
    first = first_process_of_box(pid)
    return None if first is None else first_process_of_box(first)

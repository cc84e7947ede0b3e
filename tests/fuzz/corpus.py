"""What fuzzing starts from: well-formed input of each kind, from which it strays."""

from __future__ import annotations

import struct
from pathlib import Path

from dicom_node.command_set import Command, response
from tests.dicom_node.raw_peer import pdu, pdv, store_command
from tests.peers.synthetic import mammogram, write

_MG = "1.2.840.10008.5.1.4.1.1.1.2"


def write_corpus(folder: Path, target: str) -> None:
    """Write the seeds of a target, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(_SEEDS[target](folder)):
        (folder / f"seed{number}").write_bytes(seed)


def _streams(_folder: Path) -> list[bytes]:
    command = store_command(_MG, "1.2.3")
    whole = pdu(4, pdv(1, 3, command) + pdv(1, 0, b"abc") + pdv(1, 2, b"")) + pdu(5, b"\0" * 4)
    # The first byte says in which portions the rest arrives.
    return [
        b"\x07" + whole,
        b"\xff" + whole,
        b"\x01" + pdu(7, b"\0\0\2\6"),
        b"\x10" + pdu(2, b""),
        b"\x03" + pdu(9, b"x"),
    ]


def _commands(_folder: Path) -> list[bytes]:
    request = store_command(_MG, "1.2.3")
    echo = request.replace(struct.pack("<HHIH", 0, 0x0100, 2, 1), struct.pack("<HHIH", 0, 0x0100, 2, 0x30))
    return [request, echo, response(Command(1, 7, True, _MG, "1.2.3"), 0xA700, "no space")]


def _headers(folder: Path) -> list[bytes]:
    syntaxes = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.80")
    seeds = []
    for syntax in syntaxes:
        path = write(mammogram(rows=4, columns=4, transfer_syntax=syntax), folder / "image.dcm")
        seeds.append(path.read_bytes())
        path.unlink()
    return seeds


_SEEDS = {"pdu_stream": _streams, "command_set": _commands, "header": _headers}

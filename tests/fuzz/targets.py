"""What is fuzzed: each target takes any bytes, and may raise only what its callers expect."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

from dicom_node.command_set import BadCommand, parse_command, response
from dicom_node.pdu_stream import Fragment, InvalidPdu, PduStream, UnexpectedPdu, UnknownPdu
from gateway.intake.header import HeaderUnreadable, read_header

warnings.simplefilter("ignore")  # pydicom warns of every value that breaks a rule: all of them do here
_FILE = Path(tempfile.gettempdir()) / f"mammogate-fuzz-{os.getpid()}.dcm"


def pdu_stream(data: bytes) -> None:
    """Cut a stream that arrives in portions; what is handed out never exceeds what came."""
    if not data:
        return
    portion, stream = max(1, data[0]), data[1:]
    parser, waiting, handed_out = PduStream(), b"", 0
    try:
        for at in range(0, len(stream), portion):
            view = waiting + stream[at : at + portion]
            for piece in parser.cut(memoryview(view)):
                handed_out += len(piece.data) if isinstance(piece, Fragment) else 0
            if not 0 <= parser.consumed <= len(view):
                raise AssertionError("it consumed what it was not given")
            waiting = view[parser.consumed :]
            if len(waiting) >= 10:
                raise AssertionError("it left more lying than the beginning of a PDU")
    except (UnknownPdu, UnexpectedPdu, InvalidPdu):
        pass
    if handed_out > len(stream):
        raise AssertionError("it handed out more than came")


def command_set(data: bytes) -> None:
    """Read a command, and answer it."""
    try:
        command = parse_command(data)
    except BadCommand:
        return
    parse_command(response(command, 0xA700, "out of resources"))


def header(data: bytes) -> None:
    """Read the header of a file as the intake does."""
    _FILE.write_bytes(data)
    try:
        found = read_header(_FILE)
    except HeaderUnreadable:
        return
    if not found.sop_instance_uid or len(found.sop_instance_uid) > 64:
        raise AssertionError("an instance without a usable UID was let in")


TARGETS = {"pdu_stream": pdu_stream, "command_set": command_set, "header": header}

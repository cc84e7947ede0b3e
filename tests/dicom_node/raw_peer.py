"""A C-STORE sender made of bytes, for what no decent library lets one send."""

from __future__ import annotations

import socket
import ssl
import struct
from types import TracebackType

from pydicom import Dataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(content)) + content


def pdv(context_id: int, flags: int, content: bytes) -> bytes:
    """Flags: 1 = command, 2 = last fragment."""
    return struct.pack(">IBB", len(content) + 2, context_id, flags) + content


def store_command(sop_class_uid: str, sop_instance_uid: str, *, data_set: bool = True) -> bytes:
    command = Dataset()
    command.AffectedSOPClassUID = sop_class_uid
    command.CommandField = 0x0001
    command.MessageID = 1
    command.Priority = 0
    command.CommandDataSetType = 0x0001 if data_set else 0x0101
    command.AffectedSOPInstanceUID = sop_instance_uid
    body = encode(command, True, True)
    assert body is not None
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


class RawPeer:
    """An established association with one presentation context, number 1."""

    def __init__(
        self,
        port: int,
        *,
        sop_class_uid: str = DigitalMammographyXRayImageStorageForPresentation,
        transfer_syntax_uid: str = ImplicitVRLittleEndian,
        called: str = "MAMMOGATE",
        calling: str = "RAWPEER",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        context = b"\x01\0\0\0" + _item(0x30, sop_class_uid.encode()) + _item(0x40, transfer_syntax_uid.encode())
        user = _item(0x51, struct.pack(">I", 16384)) + _item(0x52, b"1.2.3.4")
        body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode() + b"\0" * 32
        body += _item(0x10, _APPLICATION_CONTEXT) + _item(0x20, context) + _item(0x50, user)
        self.socket.sendall(pdu(1, body))
        self.answer = self.receive()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.socket.close()

    def send(self, *pdvs: bytes) -> None:
        self.socket.sendall(pdu(4, b"".join(pdvs)))

    def receive(self) -> tuple[int, bytes]:
        """Return the type and content of the next PDU; type 0 when the peer closed the connection."""
        header = self._exactly(6)
        if len(header) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxI", header)
        return kind, self._exactly(length)

    def status(self) -> int:
        """Return the status of the next response."""
        kind, content = self.receive()
        assert kind == 4, f"no response but a PDU of type {kind}"
        at = content.index(struct.pack("<HH", 0x0000, 0x0900))
        return int(struct.unpack("<H", content[at + 8 : at + 10])[0])

    def abort(self) -> None:
        self.socket.sendall(pdu(7, b"\0\0\0\0"))

    def release(self) -> int:
        self.socket.sendall(pdu(5, b"\0\0\0\0"))
        return self.receive()[0]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError:
                break
            if not more:
                break
            data += more
        return data

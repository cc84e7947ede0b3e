"""multipart/related bodies (RFC 2387) taken apart while they stream in; the parts go wherever the caller puts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

DICOM = b"application/dicom"
MAX_BOUNDARY_BYTES = 70  # RFC 2046 5.1.1


class UnsupportedMediaType(ValueError):
    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"The Content-Type {content_type[:120]!r} is not accepted; "
            'send multipart/related; type="application/dicom"; boundary=...'
        )


class MalformedMultipart(ValueError):
    def __init__(self, problem: str) -> None:
        super().__init__(f"The request is not a well-formed multipart/related message: {problem}.")


class PartSink(Protocol):
    """Where the bytes of one part go."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None:
        """The part is complete."""

    def abandon(self) -> None:
        """The part will never be complete."""


OpenPart = Callable[[Mapping[str, str]], PartSink]


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a `multipart/related; type="application/dicom"` message."""
    media_type, parameters = parse_options_header(content_type)
    if media_type.lower() != b"multipart/related":
        raise UnsupportedMediaType(content_type)
    # The type parameter is required (RFC 2387 3.1), and some clients leave it out all the same.
    if parameters.get(b"type", DICOM).lower() != DICOM:
        raise UnsupportedMediaType(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES or b"\r" in boundary or b"\n" in boundary:
        raise MalformedMultipart("the Content-Type has no boundary of 1 to 70 characters")
    return boundary


class RelatedParser:
    """Feeds the parts of a message to sinks, holding no more of it in memory than it is fed at a time."""

    def __init__(self, boundary: bytes, open_part: OpenPart) -> None:
        self._open_part = open_part
        self._part: PartSink | None = None
        self._headers: dict[str, str] = {}
        self._name = b""
        self._value = b""
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_begin": self._begin_header,
                "on_header_field": self._add_to_name,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._end_message,
            },
        )

    def feed(self, data: bytes) -> None:
        if self._ended:
            return  # an epilogue, which nobody reads
        try:
            self._parser.write(data)
        except FormParserError as problem:
            raise MalformedMultipart(str(problem)) from problem

    def finish(self) -> None:
        """Say that the body is over: it has to end with the closing boundary."""
        if not self._ended:
            raise MalformedMultipart("it ends before its closing boundary")

    def abandon(self) -> None:
        """Give up the part that is under way, if any."""
        if self._part is not None:
            self._part.abandon()
            self._part = None

    def _begin(self) -> None:
        self._headers = {}

    def _begin_header(self) -> None:
        self._name = self._value = b""

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()

    def _open(self) -> None:
        self._part = self._open_part(self._headers)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None:
            self._part.write(data[start:end])

    def _end(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.finish()

    def _end_message(self) -> None:
        self._ended = True

"""Cursors: a position in the reading list as text that clients hand back as it is."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter

from reporting.feed.errors import ApiError
from reporting.feed.schemas import ATTENTION_ORDER
from reporting.feed.stores import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Uid = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_FIELDS = TypeAdapter(tuple[Annotated[int, Field(strict=True, ge=0)], Annotated[int, Field(strict=True)], _Uid])


def encode(position: Position) -> str:
    """Return the cursor of the page behind `position`."""
    micros = (position.arrived_at - _EPOCH) // _MICROSECOND
    fields = [ATTENTION_ORDER.index(position.attention), micros, position.study_instance_uid]
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode(cursor: str) -> Position:
    """Return the position of a cursor. Raises `ApiError` (400) for anything that `encode` did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        rank, micros, uid = _FIELDS.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
        return Position(ATTENTION_ORDER[rank], _EPOCH + micros * _MICROSECOND, uid)
    except (ValueError, IndexError, OverflowError) as error:
        raise ApiError(400, "invalid_cursor", "Take the cursor from `next` of the page before.") from error

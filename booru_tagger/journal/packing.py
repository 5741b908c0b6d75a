"""How tags, results and kept files are packed into columns of the journal."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection
from typing import Any

from booru_tagger.journal.database import DamagedError
from booru_tagger.types import TagResult


def packed(result: TagResult) -> bytes:
    """A result as it was written."""
    return zlib.compress(_json(result.to_json()))


def packed_raw(result: TagResult) -> bytes:
    """A result as the tagger gave it, with its readings."""
    return zlib.compress(_json(result.to_raw_json()))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def packed_tags(tags: Collection[str]) -> bytes:
    return _json(sorted(tags))


def tags_of(column: bytes) -> frozenset[str]:
    try:
        return frozenset(map(str, json.loads(column)))
    except (ValueError, TypeError) as error:
        raise DamagedError(f"a list of tags cannot be read: {error}") from error


def unpacked(column: bytes | None) -> TagResult | None:
    """The result that :func:`packed` packed."""
    return _result(column, TagResult.from_json)


def unpacked_raw(column: bytes | None) -> TagResult | None:
    """The result that :func:`packed_raw` packed."""
    return _result(column, TagResult.from_raw_json)


def _result(column: bytes | None, made_of: Callable[[dict[str, Any]], TagResult]) -> TagResult | None:
    try:
        return None if column is None else made_of(json.loads(zlib.decompress(column)))
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"a result cannot be read: {error}") from error


def deflated(content: bytes | None) -> bytes | None:
    return None if content is None else zlib.compress(content)


def inflated(column: bytes | None) -> bytes | None:
    try:
        return None if column is None else zlib.decompress(column)
    except (zlib.error, TypeError) as error:
        raise DamagedError(f"kept bytes cannot be read: {error}") from error

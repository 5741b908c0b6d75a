"""Requests as pictures and wishes. No path and no address in a request is ever opened."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from booru_tagger.server.tagging.pool import RequestLimits

THRESHOLD, LIMIT = 0.1, 50
"""What danbooru/autotagger does unless it is told otherwise."""
_OF_URLS = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Upload:
    """An encoded picture; ``name`` is for messages and answers alone."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Which tags to tell of each picture, and in which form."""

    uploads: tuple[Upload, ...]
    threshold: float = THRESHOLD
    limit: int = LIMIT
    form: str = "html"


async def read_form(request: Request, bounds: RequestLimits, form: str = "html") -> AnswerOptions:
    """A multipart form with ``file`` (repeatable), ``threshold``, ``limit`` and ``format``.

    Raises HTTPException 400 that says what is wrong, 413 for too many files.
    """
    async with _form(request, bounds) as fields:
        uploads = await _uploads(fields)
        wishes = _wishes(fields, uploads, form)
    if not uploads:
        raise HTTPException(400, "no picture: send it as the field 'file' of a multipart form")
    return wishes


@asynccontextmanager
async def _form(request: Request, bounds: RequestLimits) -> AsyncIterator[FormData]:
    try:
        fields = await request.form(max_files=bounds.files, max_fields=100)
    except HTTPException as error:  # what Starlette makes of all that its parser refuses
        if error.detail.startswith("Too many files"):
            raise HTTPException(413, f"a request may have {bounds.files} pictures at most") from error
        raise HTTPException(400, f"not a form: {error.detail}") from error
    try:
        yield fields
    finally:
        await fields.close()


async def _uploads(fields: FormData) -> tuple[Upload, ...]:
    found = [value for value in fields.getlist("file") if isinstance(value, UploadFile)]
    return tuple([Upload(_bare(item.filename or ""), await item.read()) for item in found if item.filename])


def _wishes(fields: FormData, uploads: tuple[Upload, ...], form: str) -> AnswerOptions:
    texts: Mapping[str, str] = {name: value for name, value in fields.items() if isinstance(value, str)}
    chosen = texts.get("format", form) or form
    if chosen not in ("json", "html"):
        raise HTTPException(400, "format: must be json or html")
    threshold = _number(texts.get("threshold") or THRESHOLD, "threshold", 0, 1)
    return AnswerOptions(
        uploads, threshold, int(_number(texts.get("limit") or LIMIT, "limit", 0, 10_000)), chosen
    )


async def read_json(request: Request) -> Mapping[str, Any]:
    """The body as a JSON object. Raises HTTPException 400."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def read_encoded(body: Mapping[str, Any]) -> AnswerOptions:
    """``image`` in base64 and ``threshold``; a data URL will do, as will the alphabet of URLs and an end
    without padding. Raises HTTPException 400."""
    text = body.get("image")
    if not isinstance(text, str) or not text:
        raise HTTPException(400, "image: must be the picture in base64")
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    plain = "".join(text.split()).translate(_OF_URLS).rstrip("=")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, "image: not base64; paths and addresses are never opened") from error
    threshold = body.get("threshold", 0.0)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise HTTPException(400, "threshold: must be a number from 0 to 1")
    return AnswerOptions((Upload("image", data),), _number(threshold, "threshold", 0, 1))


def _number(value: str | float, name: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{name}: must be a number from {low:g} to {high:g}") from error
    if not (math.isfinite(number) and low <= number <= high):
        raise HTTPException(400, f"{name}: must be a number from {low:g} to {high:g}")
    return number


def _bare(name: str) -> str:
    """The last part of a file's name, whichever system it is from, without what could garble a log."""
    last = PurePosixPath(PureWindowsPath(name).name).name
    return "".join(letter for letter in last if letter.isprintable())[:255] or "file"

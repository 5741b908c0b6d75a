"""Cast lists: who appears when in moving pictures, as JSON and as a page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from booru_tagger.drawing.contact_sheet import cut_face, longest_needed
from booru_tagger.drawing.marked import has_text_mark
from booru_tagger.drawing.templates import Markup, Pieces
from booru_tagger.errors import BooruTaggerError, counted
from booru_tagger.imaging import Limits
from booru_tagger.moving import read_frames
from booru_tagger.review.face_cache import EXPAND, jpeg_of
from booru_tagger.review.verdicts import SOURCE
from booru_tagger.types import PERSON, FaceResult, TagResult, TimeRange
from booru_tagger.vocab import to_spaces

MARK = "booru-tagger cast list"
"""Tells our own files from others, which are never written over."""
SCHEMA = 1
MAX_STRANGERS = 24
"""Strangers of a film that the page shows, those who are there longest."""
PORTRAIT = 112
TICKS = 8
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)

_fill = Pieces("booru_tagger.reporting", "cast.html").fill


def cast_json(films: Sequence[TagResult]) -> str:
    """The cast of each film: whoever is there longest first, ``character`` null for strangers."""
    data = {"kind": MARK, "schema": SCHEMA, "films": [_film_json(film) for film in films]}
    return json.dumps(data, indent=2) + "\n"


def _film_json(film: TagResult) -> dict[str, Any]:
    assert film.moving is not None
    return {"path": film.path, **film.moving.to_json(), "cast": [_person_json(face) for face in _cast(film)]}


def _person_json(face: FaceResult) -> dict[str, Any]:
    shown = face.to_json()
    who = shown["character"] or {"tag": None, "score": None, "source": None}
    return {
        "character": who["tag"],
        "score": who["score"],
        "source": who["source"],
        "seconds": round(face.seconds, 3),
        **{key: shown[key] for key in ("times", "at", "box", "hair_color", "eye_color")},
    }


def _cast(film: TagResult) -> list[FaceResult]:
    """Those with a name first, and of each whoever is there longest."""
    return sorted(
        (face for face in film.faces if face.times),
        key=lambda face: (face.character is None, -face.seconds, face.times),
    )


def is_cast_list(path: Path) -> bool:
    """Whether the file is a cast list that was made here (and may be replaced by a newer one)."""
    return has_text_mark(path, MARK)


def cast_page(films: Sequence[TagResult], limits: Limits) -> str:
    """The same as a page that needs nothing else. The films are read again for the faces."""
    sections = [_film(film, limits) for film in films] or _fill("nothing")
    return _fill("page", mark=MARK, sections=sections)


def _film(film: TagResult, limits: Limits) -> Markup:
    assert film.moving is not None
    length, cast = film.moving.duration, _cast(film)
    named = [face for face in cast if face.character is not None]
    strangers = cast[len(named) :]
    shown = [*named, *strangers[:MAX_STRANGERS]]
    portraits = _portraits(film, shown, limits)
    rows = [
        _person(face, number, length, portraits.get(face))
        for number, face in enumerate(shown, 1 - len(named))
    ]
    every = length / max(1, film.moving.frames)
    return _fill(
        "film",
        name=Path(film.path).name,
        length=clock(length),
        named=counted(len(named), "character"),
        strangers=counted(len(strangers), "stranger"),
        frames=counted(film.moving.frames, "frame"),
        every=f"{every:.1f}",
        ticks=[_fill("tick", left=_percent(at, length), time=clock(at)) for at in _ticks(length)],
        rows=rows or _fill("nobody"),
        more=_fill("more", count=len(strangers) - MAX_STRANGERS) if len(strangers) > MAX_STRANGERS else None,
    )


def _person(face: FaceResult, number: int, length: float, portrait: str | None) -> Markup:
    who = face.character
    name = to_spaces(who.tag) if who is not None else f"Stranger {number}"
    score = f" · {who.score:.2f}" if who is not None and who.source not in (SOURCE, PERSON) else ""
    return _fill(
        "person",
        portrait=_fill("portrait", data=portrait, name=name) if portrait else _fill("no_portrait"),
        kind="named" if who is not None else "stranger",
        name=name,
        total=clock(face.seconds),
        score=score,
        times=", ".join(_span(time) for time in face.times),
        spans=[
            _fill(
                "span",
                left=_percent(time.start, length),
                width=_percent(time.end - time.start, length),
                time=_span(time),
            )
            for time in face.times
        ],
    )


def _portraits(film: TagResult, faces: Sequence[FaceResult], limits: Limits) -> dict[FaceResult, str]:
    """The faces as JPEG files in base64; none where the film cannot be read any more."""
    found: dict[FaceResult, str] = {}
    if not faces:
        return found
    longest = longest_needed(film, faces, PORTRAIT, EXPAND)
    times = sorted({face.at for face in faces if face.at is not None})
    try:
        for at, picture in read_frames(Path(film.path), times, longest=longest, limits=limits):
            for face in faces:
                if face.at == at:
                    shown = Image.fromarray(cut_face(picture, face.box, PORTRAIT, EXPAND))
                    found[face] = base64.b64encode(jpeg_of(shown)).decode("ascii")
    except BooruTaggerError:
        return found
    return found


def _ticks(length: float) -> Iterator[float]:
    """Round times for the scale."""
    step = next((step for step in _STEPS if length / step <= TICKS), max(3_600.0, length / TICKS))
    for count in range(math.floor(length / step) + 1):
        if count * step < 0.97 * length or count == 0:
            yield count * step


def _percent(seconds: float, length: float) -> str:
    return f"{100 * seconds / length if length > 0 else 0:.2f}"


def _span(time: TimeRange) -> str:
    return f"{clock(time.start)}–{clock(time.end)}"


def clock(seconds: float) -> str:
    """``0:07.5``, ``2:03``, ``1:02:03``: tenths where they are not zero and it is less than a minute."""
    tenths = round(seconds * 10)
    if tenths < 600 and tenths % 10:
        return f"0:{tenths // 10:02}.{tenths % 10}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

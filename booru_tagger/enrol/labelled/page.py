"""What would be learned from a library, as one HTML file to be looked through and approved."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from booru_tagger.drawing.contact_sheet import cut_face
from booru_tagger.drawing.marked import has_text_mark
from booru_tagger.drawing.templates import Markup, Pieces
from booru_tagger.enrol.labelled.approval import KIND
from booru_tagger.enrol.labelled.lesson import DoubtfulName, LearnedCharacter, Lesson
from booru_tagger.enrol.reviewed import NamedFace
from booru_tagger.enrol.seen_faces import Viewed
from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging import Limits, decode_picture
from booru_tagger.review.face_cache import EXPAND, jpeg_of
from booru_tagger.types import FaceResult
from booru_tagger.vocab import to_spaces

MARK = '<meta name="generator" content="booru-tagger lesson">'
"""Tells our own pages from others, which are never written over."""
SHOWN = 16
"""Faces of a character that are shown: the least typical ones, for these are worth a look."""
SIDE = 96

_fill = Pieces("booru_tagger.enrol.labelled", "page.html").fill


def page(lesson: Lesson, viewed: Mapping[str, Viewed], limits: Limits) -> str:
    """The page. ``viewed`` are the pictures, which are read again to cut the faces out."""
    cutter = _Cutter(viewed, limits)
    doubts: dict[str, list[DoubtfulName]] = defaultdict(list)
    for doubt in lesson.doubts:
        doubts[doubt.tag].append(doubt)
    sections = [_character(one, doubts.pop(one.tag, []), cutter) for one in lesson.characters]
    few = [
        _fill("few", name=to_spaces(tag), count=lesson.too_few.get(tag, 0), faces=_doubtful(left, cutter))
        for tag, left in sorted(doubts.items())
    ]
    return _fill(
        "page",
        mark=Markup(MARK),
        kind=Markup(json.dumps(KIND)),
        characters=f"{len(lesson.characters):,}",
        faces=f"{lesson.faces:,}",
        doubtful=f"{len(lesson.doubts):,}",
        sections=sections,
        few=_fill("few_section", rows=few) if few else None,
    )


def is_page(path: Path) -> bool:
    """Whether the file is such a page (and may be replaced by a newer one)."""
    return has_text_mark(path, MARK)


class _Cutter:
    def __init__(self, viewed: Mapping[str, Viewed], limits: Limits) -> None:
        self._viewed, self._limits = viewed, limits

    def image(self, picture: str, face: FaceResult | None) -> Markup | None:
        """The face as an image; ``None`` where there is none, or the picture cannot be read any more."""
        if face is None:
            return None
        longer = max(1.0, face.box.longer)
        try:
            decoded = decode_picture(
                self._viewed[picture].read(),
                picture,
                longest=lambda width, height: max(width, height) * SIDE / (EXPAND * longer),
                limits=self._limits,
            )
        except BooruTaggerError:
            return None
        jpeg = jpeg_of(Image.fromarray(cut_face(decoded, face.box, SIDE, EXPAND)))
        return _fill("image", data=base64.b64encode(jpeg).decode("ascii"))


def _character(one: LearnedCharacter, doubts: Sequence[DoubtfulName], cutter: _Cutter) -> Markup:
    shown = list(zip(one.faces, one.likeness, strict=True))[-SHOWN:][::-1]
    more = len(one.faces) - len(shown)
    return _fill(
        "character",
        tag=one.tag,
        name=to_spaces(one.tag),
        count=f"{len(one.faces):,}",
        twin=_fill("twin", other=to_spaces(one.twin)) if one.twin else None,
        faces=[_learned(one.tag, face, like, cutter) for face, like in shown],
        more=_fill("more", count=f"{more:,}") if more else None,
        doubts=_fill("doubts", faces=_doubtful(doubts, cutter)) if doubts else None,
    )


def _learned(tag: str, face: NamedFace, likeness: float, cutter: _Cutter) -> Markup:
    return _fill(
        "learned",
        image=cutter.image(face.picture, face.face) or Markup("?"),
        key=json.dumps([face.picture, tag]),
        title=f"{Path(face.picture).name} ({likeness:.2f})",
    )


def _doubtful(doubts: Sequence[DoubtfulName], cutter: _Cutter) -> list[Markup]:
    return [
        _fill(
            "doubtful",
            image=cutter.image(doubt.picture, doubt.face) or Markup("?"),
            key=json.dumps([doubt.picture, doubt.tag]),
            title=doubt.picture,
            reason=doubt,
        )
        for doubt in doubts
    ]

"""A sheet of heads whose labelled hair or eye color is not the one told: wrong answers and wrong labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from booru_export.evaluation.evaluate import SeenScene, ToldColor, told_colors
from booru_tagger.drawing.contact_sheet import Caption, ContactSheet
from booru_tagger.types import FaceResult, TagResult


def disputed_colors(seen: Iterable[SeenScene], threshold: float) -> list[ToldColor]:
    """Colors that were told otherwise than labelled, the surest answer first.

    Heads that were not found, and colors that were not told, are no answers and not among them.
    """
    wrong = [one for one in told_colors(seen, threshold) if one.told is not None and not one.is_right]
    return sorted(wrong, key=_score, reverse=True)


def _score(color: ToldColor) -> float:
    return color.told.score if color.told is not None else 0.0


def color_sheet(disputed: Sequence[ToldColor]) -> bytes:
    """A PNG file with the head of each: its label, the answer with its score, and the file's name."""
    sheet = ContactSheet()
    for color in disputed:

        def caption(_: FaceResult, file_name: str, color: ToldColor = color) -> Caption:
            told = color.told.tag if color.told is not None else "nothing"
            return [
                (f"label: {color.wanted}", False),
                (f"told: {told} {_score(color):.2f}", False),
                (file_name, True),
            ]

        scene, head = color.scene, FaceResult(color.box, 1.0)
        sheet.add(TagResult(str(scene.path), scene.width, scene.height, (head,)), caption=caption)
    return sheet.png()

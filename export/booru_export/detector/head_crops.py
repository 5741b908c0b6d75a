"""Crops of heads as scenes of their own: art of more hands than whole pictures with boxes are at hand of."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator

from PIL import Image

from booru_export.data.tables import FaceItem, Scene
from booru_tagger.types import Box

SOURCE = "head-crops"


def scenes_of_crops(
    items: Iterable[FaceItem], most: int, *, without: Iterable[str] = (), seed: int = 0
) -> Iterator[Scene]:
    """At most ``most`` of the crops whose head box is known, as evenly from all sources as these suffice.

    None is of a source named in ``without``: sources of pictures that judge a detector, say. Boxes are cut at
    the crop's border. Colors are not told.
    """
    unwanted = set(without)
    by_source: dict[str, list[FaceItem]] = defaultdict(list)
    for item in items:
        if item.head is not None and item.source not in unwanted:
            by_source[item.source].append(item)
    rng = random.Random(seed)
    for source in sorted(by_source):
        rng.shuffle(by_source[source])
    for item in _in_turn([by_source[source] for source in sorted(by_source)], most):
        assert item.head is not None
        with Image.open(item.path) as image:
            width, height = image.size
        x0, y0, x1, y1 = item.head
        head = Box(max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
        yield Scene(item.path, width, height, SOURCE, item.label, (head,), (), ("unclear",), ("unclear",))


def _in_turn(parts: list[list[FaceItem]], most: int) -> list[FaceItem]:
    """One of each part after the other, until there are enough or none is left."""
    longest = max(map(len, parts), default=0)
    return [part[row] for row in range(longest) for part in parts if row < len(part)][:most]

"""Draw the example pictures and write down the truth about them.

    python examples/draw_examples.py [FOLDER]

Writes eight illustrations and ``truth.jsonl`` (head boxes and colors, in the form of a ``boxes.jsonl``) into
FOLDER, ``examples/pictures`` if none is named. Nothing in them is anybody's artwork: code draws every line.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from booru_export.data.tables import Scene, write_scenes
from booru_export.drawn import draw_scene

PICTURES = Path(__file__).parent / "pictures"
TRUTH = "truth.jsonl"


class Example(NamedTuple):
    """One picture: its file and what :func:`booru_export.drawn.draw_scene` is asked for."""

    file: str
    seed: int
    size: tuple[int, int]
    style: str
    characters: int


EXAMPLES = (
    Example("classmates.jpg", 2030, (800, 600), "cel", 2),
    Example("knight.webp", 2031, (600, 800), "painterly", 1),
    Example("trio.png", 2022, (900, 600), "flat", 3),
    Example("chibi.png", 2033, (900, 560), "chibi", 4),
    Example("cat_ears.jpg", 2024, (640, 640), "pastel", 1),
    Example("twintails.jpg", 2045, (600, 800), "cel", 1),
    Example("friends.webp", 2026, (800, 640), "painterly", 2),
    Example("night.png", 2047, (512, 512), "flat", 1),
)


def draw(example: Example, folder: Path) -> Scene:
    """Draw one example into the folder and return the truth about it."""
    drawing = draw_scene(example.seed, size=example.size, style=example.style, characters=example.characters)
    path = folder / example.file
    drawing.image.save(path, quality=90, optimize=True)
    return Scene(
        path=path,
        width=example.size[0],
        height=example.size[1],
        source="drawn",
        label="",
        boxes=tuple(head.box for head in drawing.heads),
        ignore=(),
        hair=tuple(head.hair for head in drawing.heads),
        eyes=tuple(head.eyes for head in drawing.heads),
    )


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_scenes(folder / TRUTH, [draw(example, folder) for example in EXAMPLES])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)

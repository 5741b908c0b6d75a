"""Text in pictures: names in any script, on one line, no wider than there is room."""

from __future__ import annotations

from functools import cache

from PIL import ImageDraw, ImageFont

_FALLBACK_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "DroidSansFallbackFull.ttf",
    "ipag.ttf",
    "YuGothM.ttc",
    "msgothic.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
    "DejaVuSans.ttf",
)
"""Fonts with more letters than Pillow's own, where the system has one."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_line(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    ink: tuple[int, int, int],
    width: float,
    size: int,
    *,
    anchor: str = "la",
) -> None:
    """Write one line in letters ``size`` pixels high; ``anchor`` is Pillow's word for what lies at ``place``.

    Where it is wider than ``width`` it is shortened in the middle.
    """
    shown = fitted(draw, text, width, size)
    draw.text(place, shown, fill=ink, font=font_for(shown, size), anchor=anchor)


def fitted(draw: ImageDraw.ImageDraw, text: str, width: float, size: int) -> str:
    """The text as :func:`write_line` writes it."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    font = font_for(text, size)
    shown, keep = text, len(text)
    while keep > 2 and draw.textlength(shown, font=font) > width:
        keep -= 1
        shown = f"{text[: keep - keep // 2]}…{text[-(keep // 2) :]}"
    return shown


def font_for(text: str, size: int) -> _Font:
    """A font that has the letters of ``text``, as far as the system has one."""
    return _font(text.replace("…", "").isascii(), size)


@cache
def _font(ascii_only: bool, size: int) -> _Font:
    if not ascii_only:
        for name in _FALLBACK_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)

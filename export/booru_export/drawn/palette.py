"""Colors: what a booru color name looks like, and how light and shade change it."""

from __future__ import annotations

import colorsys
import random
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

RGB: TypeAlias = tuple[int, int, int]


class _Range(NamedTuple):
    """Hue in degrees, saturation and value from 0 to 1, each with its bounds."""

    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]


_HAIR = MappingProxyType(
    {
        "black": _Range((200, 280), (0.0, 0.3), (0.13, 0.24)),
        "brown": _Range((15, 30), (0.42, 0.62), (0.34, 0.58)),
        "blonde": _Range((42, 52), (0.35, 0.62), (0.9, 1.0)),
        "red": _Range((352, 364), (0.68, 0.85), (0.62, 0.85)),
        "orange": _Range((20, 30), (0.65, 0.82), (0.9, 1.0)),
        "pink": _Range((335, 350), (0.25, 0.48), (0.93, 1.0)),
        "purple": _Range((258, 285), (0.36, 0.62), (0.5, 0.8)),
        "blue": _Range((212, 232), (0.5, 0.75), (0.6, 0.95)),
        "aqua": _Range((176, 190), (0.45, 0.7), (0.72, 0.92)),
        "green": _Range((100, 145), (0.38, 0.65), (0.5, 0.82)),
        "grey": _Range((200, 260), (0.02, 0.08), (0.52, 0.66)),
        "white": _Range((210, 260), (0.01, 0.05), (0.94, 1.0)),
    }
)
_EYES = MappingProxyType(
    {
        "black": _Range((220, 260), (0.05, 0.2), (0.1, 0.18)),
        "brown": _Range((14, 28), (0.55, 0.75), (0.38, 0.58)),
        "yellow": _Range((44, 54), (0.7, 0.9), (0.9, 1.0)),
        "red": _Range((352, 362), (0.75, 0.92), (0.78, 0.95)),
        "orange": _Range((22, 31), (0.8, 0.95), (0.92, 1.0)),
        "pink": _Range((328, 345), (0.45, 0.65), (0.9, 1.0)),
        "purple": _Range((260, 285), (0.5, 0.75), (0.6, 0.85)),
        "blue": _Range((208, 228), (0.65, 0.9), (0.75, 0.98)),
        "aqua": _Range((174, 188), (0.55, 0.8), (0.78, 0.95)),
        "green": _Range((105, 148), (0.55, 0.8), (0.55, 0.82)),
        "grey": _Range((210, 240), (0.03, 0.1), (0.5, 0.62)),
    }
)
HAIR_COLORS = tuple(_HAIR)
EYE_COLORS = tuple(_EYES)

_SKINS: tuple[RGB, ...] = (
    (255, 232, 216),
    (255, 224, 204),
    (254, 236, 228),
    (248, 214, 188),
    (224, 172, 132),
    (176, 120, 86),
)
_SKIN_WEIGHTS = (6, 6, 5, 4, 2, 1)


def hair_color(name: str, rng: random.Random) -> RGB:
    return _pick(_HAIR[name], rng)


def eye_color(name: str, rng: random.Random) -> RGB:
    return _pick(_EYES[name], rng)


def skin_color(rng: random.Random) -> RGB:
    return rng.choices(_SKINS, _SKIN_WEIGHTS)[0]


def any_color(
    rng: random.Random,
    saturation: tuple[float, float] = (0.2, 0.8),
    value: tuple[float, float] = (0.3, 1.0),
) -> RGB:
    """A color of any hue, for clothes and backgrounds."""
    return _pick(_Range((0, 360), saturation, value), rng)


def _pick(bounds: _Range, rng: random.Random) -> RGB:
    hue, saturation, value = (rng.uniform(*pair) for pair in bounds)
    return _from_hsv(hue / 360, saturation, value)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """``first`` moved towards ``second`` by ``share``, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(color: RGB, amount: float) -> RGB:
    """The color in shadow: darker, a little more saturated, its hue moved towards blue as painters do."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
    darker = _from_hsv(hue, min(1.0, saturation * (1 + 0.4 * amount)), value * (1 - amount))
    return mix(darker, (70, 60, 130), amount * 0.18)


def light(color: RGB, amount: float) -> RGB:
    return mix(color, (255, 255, 250), amount)


def skin_shade(skin: RGB, amount: float = 0.16) -> RGB:
    """Skin in shadow is warmer, not bluer."""
    return mix(skin, (188, 92, 84), amount * 1.6)


def luminance(color: RGB) -> float:
    """Perceived lightness, 0 to 1 (ITU-R BT.601)."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255


def _from_hsv(hue: float, saturation: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)

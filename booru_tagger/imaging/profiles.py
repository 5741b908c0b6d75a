"""Colors as a picture's ICC profile means them, as sRGB."""

from __future__ import annotations

import functools
import io
import logging
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageCms

_log = logging.getLogger("booru_tagger.imaging")

MAX_PROFILE_BYTES = 4 << 20
"""Of a larger profile no use is made. Those of printing presses have one to three million bytes."""
CLOSE = 2
"""A profile that moves no color by more than this, of 255, is as good as sRGB."""

_SPACES = MappingProxyType({b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"})
_GREY = ("L", "LA", "La")
_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_STEPS = 9
"""Along each channel, to see what a profile does."""


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, where it has a profile that says something else; as it is where not.

    A profile that is broken, too large or not for pictures of this kind is ignored: viewers do so, too.
    Grey pictures stay grey.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image
    space = _SPACES.get(profile[16:20])
    if len(profile) > MAX_PROFILE_BYTES or space is None or not _suits(space, image.mode):
        _log.debug("ignored an ICC profile: %s, of %d bytes, for %s", space, len(profile), image.mode)
        return image
    try:
        transform = _transform(profile, space)
        return image if transform is None else _applied(transform, image, space)
    except Exception as error:  # a broken profile, or a Pillow that was built without LittleCMS
        _log.debug("ignored an ICC profile: %s", error)
        return image


def _suits(space: str, mode: str) -> bool:
    if space == "RGB":
        return mode in ("RGB", "RGBA", "RGBa", "P", "PA")
    return mode in _GREY if space == "L" else mode == "CMYK"


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, space: str) -> ImageCms.ImageCmsTransform | None:
    """What turns pixels of a space (``RGB``, ``L`` or ``CMYK``) into sRGB; ``None`` where they are that."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        _srgb(),
        space,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if space == "CMYK":
        return transform
    steps = np.linspace(0, 255, _STEPS if space == "RGB" else 256).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * len(space)), axis=-1).reshape(1, -1, len(space))
    after = ImageCms.applyTransform(
        Image.fromarray(grid.squeeze(axis=-1) if space == "L" else grid), transform
    )
    moved = np.abs(np.asarray(after, dtype=np.int16) - grid).max()
    return None if moved <= CLOSE else transform


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image, space: str) -> Image.Image:
    alpha = None
    if image.mode in _ALPHA or "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
    plain = image if image.mode == space else image.convert(space)
    converted = ImageCms.applyTransform(plain, transform)
    assert converted is not None  # as it would be where the picture itself were changed
    if alpha is not None:
        converted.putalpha(alpha)
    return converted

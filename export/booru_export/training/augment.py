"""Damage that pictures suffer in the wild, on single pictures (numpy) and on whole batches (torch).

What works on batches draws its chances on the CPU, so that a seed gives the same run on every device, and
computes where the batch lies.
"""

from __future__ import annotations

import functools
import io
import math

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from booru_export.training.inputs import normalised, to_bytes
from booru_tagger.imaging import Pixels

GREY = (0.299, 0.587, 0.114)


def photometric(pixels: Pixels, rng: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Brightness, contrast, channel gains, and sometimes grey, darkness, blur or JPEG damage."""
    values = pixels.astype(np.float32)
    values *= np.exp(rng.normal(0, 0.12 * strength)) * np.exp(rng.normal(0, 0.06 * strength, 3)).astype(
        np.float32
    )
    values += rng.normal(0, 12 * strength)
    if rng.random() < 0.08 * strength:
        values = np.repeat((values @ np.asarray(GREY, dtype=np.float32))[..., None], 3, axis=2)
    if rng.random() < 0.06 * strength:
        values *= rng.uniform(0.3, 0.7)
    result = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.25 * strength:
        result = jpeg(result, int(rng.integers(25, 80)))
    if rng.random() < 0.06 * strength:
        result = np.asarray(
            Image.fromarray(result).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.6))))
        )
    return result


def tone(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture in strange light: another gamma, less contrast, often one tint for its colors."""
    values = (pixels.astype(np.float32) / 255) ** np.exp(rng.normal(0, 0.55))
    grey = (values @ np.asarray(GREY, dtype=np.float32))[..., None]
    if rng.random() < 0.6:
        tint = rng.uniform(0.3, 1.0, 3).astype(np.float32) if rng.random() < 0.6 else np.float32(1.0)
        share = np.float32(rng.uniform(0.6, 1.0))
        values = values * (1 - share) + grey * tint * share
    low, high = rng.uniform(0, 0.3), rng.uniform(0.55, 1.0)
    return np.asarray((np.clip(low + values * (high - low), 0, 1) * 255).astype(np.uint8))


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """The picture after being saved as a JPEG of this quality (1 to 95)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def warp(
    batch: Tensor,
    size: int,
    zoom: tuple[float, float],
    generator: torch.Generator,
    *,
    expand: float = 1.0,
    any_turn: float = 0.0,
) -> Tensor:
    """Cut randomly turned, shifted, stretched and mirrored squares out of ``(N, 3, S, S)`` floats.

    ``zoom`` bounds the side of the cut as a share of the head's, and the picture's is ``expand`` times that;
    what reaches out of the picture is grey. A share ``any_turn`` is turned by any angle.
    """
    count = len(batch)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    side = torch.exp(uniform(math.log(zoom[0]), math.log(zoom[1]))) / expand
    stretch = torch.exp(uniform(-0.08, 0.08))
    angle = torch.randn(count, generator=generator) * 0.16
    if any_turn:
        turned = torch.rand(count, generator=generator) < any_turn
        angle = torch.where(turned, uniform(-math.pi, math.pi), angle)
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * 2 - 1
    room = ((1 - side * expand).abs() * 0.6 + 0.05) / expand
    shift_x, shift_y = uniform(-1, 1) * room, uniform(-1, 1) * room
    cosine, sine = torch.cos(angle) * side, torch.sin(angle) * side
    theta = torch.stack(
        [
            torch.stack([cosine * stretch * mirror, -sine, shift_x], 1),
            torch.stack([sine * stretch * mirror, cosine, shift_y], 1),
        ],
        1,
    ).to(batch.device)
    grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    source = batch
    if batch.shape[-1] > 1.5 * size:  # grid_sample does not antialias
        source = F.interpolate(batch, size=(round(1.25 * size),) * 2, mode="bilinear", antialias=True)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _chosen(count: int, share: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """Indices of a random ``share`` of ``count`` pictures."""
    return torch.nonzero(torch.rand(count, generator=generator) < share).flatten().to(device)


def blur_some(batch: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Take detail out of some pictures, as if their faces had been small: down to 24-80 px and up again."""
    chosen = _chosen(len(batch), share, generator, batch.device)
    size = batch.shape[-1]
    low = int(torch.randint(24, 81, (1,), generator=generator))
    if low >= size or not len(chosen):
        return batch
    small = F.interpolate(batch[chosen], size=(low, low), mode="bilinear", antialias=True)
    large = F.interpolate(small, size=(size, size), mode="bilinear")
    return batch.index_copy(0, chosen, large)


def erase_some(batch: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Cover a random rectangle of some pictures (Zhong et al., "Random erasing", 2017)."""
    count, size = len(batch), batch.shape[-1]
    sides = torch.rand(count, 2, generator=generator) * 0.3 + 0.08
    starts = torch.rand(count, 2, generator=generator) * (1 - sides)
    sides[torch.rand(count, generator=generator) >= share] = 0
    color = (torch.rand(count, 3, 1, 1, generator=generator) * 2 - 1).to(batch.device)
    starts, ends = (starts * size).to(batch.device), ((starts + sides) * size).to(batch.device)
    axis = torch.arange(size, device=batch.device).expand(count, size)
    down = (axis >= starts[:, :1]) & (axis < ends[:, :1])
    across = (axis >= starts[:, 1:]) & (axis < ends[:, 1:])
    return torch.where(down[:, None, :, None] & across[:, None, None, :], color, batch)


def cover_corners(
    batch: Tensor, candidates: Tensor, generator: torch.Generator, share: float = 0.5
) -> Tensor:
    """Cover a corner of a ``share`` of the ``candidates (N,)``: where thumbnails have a badge or a frame."""
    if not share:
        return batch
    count, size = len(batch), batch.shape[-1]
    side = torch.rand(count, 2, generator=generator) * 0.22 + 0.1
    at_end = torch.rand(count, 2, generator=generator) < 0.5
    hit = (torch.rand(count, generator=generator) < share) & candidates
    side[~hit] = 0
    color = (torch.rand(count, 3, 1, 1, generator=generator) * 2 - 1).to(batch.device)
    start = torch.where(at_end, 1 - side, torch.zeros(())) * size
    start, end = start.to(batch.device), (start + side * size).to(batch.device)
    axis = torch.arange(size, device=batch.device).expand(count, size)
    down = (axis >= start[:, :1]) & (axis < end[:, :1])
    across = (axis >= start[:, 1:]) & (axis < end[:, 1:])
    return torch.where(down[:, None, :, None] & across[:, None, None, :], color, batch)


_BLOCK = 8
_LUMA_QUANTA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Table K.1 of ITU-T T.81; chroma, at half the resolution, is quantised by the same table, which is close."""


@functools.cache
def _cosines() -> Tensor:
    """The orthonormal DCT-II matrix ``(8, 8)``."""
    index = torch.arange(_BLOCK, dtype=torch.float32)
    matrix = torch.cos(math.pi / _BLOCK * (index[None] + 0.5) * index[:, None]) * math.sqrt(2 / _BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix


def _quantise(channel: Tensor, quanta: Tensor) -> Tensor:
    """``(N, C, H, W)`` in 0 to 255 through 8x8 cosine transforms rounded to ``quanta (N, 8, 8)``."""
    count, planes, height, width = channel.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    cosines = _cosines().to(channel.device)
    blocks = channel.reshape(count, planes, rows, _BLOCK, columns, _BLOCK).transpose(3, 4) - 128
    steps = quanta[:, None, None, None]
    rounded = torch.round(cosines @ blocks @ cosines.T / steps) * steps
    return (cosines.T @ rounded @ cosines + 128).transpose(3, 4).reshape(channel.shape)


def jpeg_some(batch: Tensor, generator: torch.Generator, share: float = 0.2) -> Tensor:
    """JPEG damage of qualities 25 to 80 on some pictures of values from -1 to 1, without leaving the device.

    The side must be a multiple of 16. As libjpeg does it, with chroma at half the resolution.
    """
    chosen = _chosen(len(batch), share, generator, batch.device)
    if not len(chosen):
        return batch
    quality = torch.randint(25, 81, (len(chosen), 1, 1), generator=generator).float()
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    quanta = (torch.tensor(_LUMA_QUANTA) * scale).round().clamp(min=1).to(batch.device)
    pictures = to_bytes(batch[chosen])
    red, _, blue = pictures.unbind(1)
    luma = _luma(pictures)
    chroma = torch.stack([(blue - luma) * 0.564 + 128, (red - luma) * 0.713 + 128], 1)
    luma = _quantise(luma[:, None], quanta)[:, 0]
    chroma = F.interpolate(_quantise(F.avg_pool2d(chroma, 2), quanta), scale_factor=2.0, mode="bilinear")
    blue, red = (chroma[:, 0] - 128) / 0.564 + luma, (chroma[:, 1] - 128) / 0.713 + luma
    green = (luma - GREY[0] * red - GREY[2] * blue) / GREY[1]
    damaged = normalised(torch.stack([red, green, blue], 1)).clamp(-1, 1)
    return batch.index_copy(0, chosen, damaged.to(batch.dtype))


def light(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and gentle channel gains on values from -1 to 1; hues stay what they were."""
    count = len(batch)

    def normal(spread: float, channels: int = 1) -> Tensor:
        return torch.randn(count, channels, 1, 1, generator=generator) * spread

    gain, shift = torch.exp(normal(0.10) + normal(0.045, 3)), normal(0.06) - 1
    return ((batch + 1) * gain.to(batch.device) + shift.to(batch.device)).clamp(-1, 1)


def _luma(batch: Tensor) -> Tensor:
    return GREY[0] * batch[:, 0] + GREY[1] * batch[:, 1] + GREY[2] * batch[:, 2]


def to_grey(batch: Tensor, chosen: Tensor) -> Tensor:
    """Take the color out of the chosen pictures."""
    grey = _luma(batch)[:, None].expand_as(batch)
    return torch.where(chosen.to(batch.device).view(-1, 1, 1, 1), grey, batch)


TURNS = (1.75, math.pi, 4.53)
"""Angles, in radians, by which :func:`turn_hue` makes somebody else of a face."""


def turn_hue(batch: Tensor, turns: Tensor, generator: torch.Generator) -> Tensor:
    """Make somebody else of faces: turn all hues but those of skin, by ``TURNS[turns]`` and a little chance.

    ``turns`` holds an index for each face, -1 to leave it alone. Hair and eye color say who an anime
    character is; with others, the same drawing shows a stranger.
    """
    chosen = torch.nonzero(turns >= 0).flatten()
    if not len(chosen):
        return batch
    angle = torch.tensor(TURNS)[turns[chosen]] + torch.randn(len(chosen), generator=generator) * 0.15
    chosen, angle = chosen.to(batch.device), angle.to(batch.device)
    faces = (batch[chosen] + 1) / 2
    red, green, blue = faces.unbind(1)
    luma = _luma(faces)
    chroma_u, chroma_v = blue - luma, red - luma
    cosine, sine = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    turned_u, turned_v = cosine * chroma_u - sine * chroma_v, sine * chroma_u + cosine * chroma_v
    turned_red, turned_blue = luma + turned_v, luma + turned_u
    turned_green = (luma - GREY[0] * turned_red - GREY[2] * turned_blue) / GREY[1]
    turned = torch.stack([turned_red, turned_green, turned_blue], 1)
    skin = ((red > green) & (green > blue * 0.95) & (red > 0.55) & (red - blue < 0.38)).float().unsqueeze(1)
    skin = F.avg_pool2d(skin, 5, 1, 2)
    return batch.index_copy(0, chosen, (skin * faces + (1 - skin) * turned).clamp(0, 1) * 2 - 1)

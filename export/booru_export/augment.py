"""Damage that pictures suffer in the wild, on single pictures (numpy) and on whole batches (torch)."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

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


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """The picture after being saved as a JPEG of this quality (1 to 95)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def warp(batch: Tensor, size: int, zoom: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Cut randomly turned, shifted, stretched and mirrored squares out of ``(N, 3, S, S)`` floats.

    ``zoom`` bounds the side of the cut as a share of the picture's; above 1 the picture gets a grey border.
    """
    count = len(batch)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    side = torch.exp(uniform(math.log(zoom[0]), math.log(zoom[1])))
    stretch = torch.exp(uniform(-0.08, 0.08))
    angle = torch.randn(count, generator=generator) * 0.16
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * 2 - 1
    room = (1 - side).abs() * 0.6 + 0.05
    shift_x, shift_y = uniform(-1, 1) * room, uniform(-1, 1) * room
    cosine, sine = torch.cos(angle) * side, torch.sin(angle) * side
    theta = torch.stack(
        [
            torch.stack([cosine * stretch * mirror, -sine, shift_x], 1),
            torch.stack([sine * stretch * mirror, cosine, shift_y], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    source = batch
    if batch.shape[-1] > 1.5 * size:  # grid_sample does not antialias
        source = F.interpolate(batch, size=(round(1.25 * size),) * 2, mode="bilinear", antialias=True)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def blur_some(batch: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Take detail out of some pictures, as if their faces had been small: down to 24-80 px and up again."""
    chosen = torch.rand(len(batch), generator=generator) < share
    if not chosen.any():
        return batch
    size = batch.shape[-1]
    low = int(torch.randint(24, 81, (1,), generator=generator))
    if low >= size:
        return batch
    small = F.interpolate(batch[chosen], size=(low, low), mode="bilinear", antialias=True)
    batch = batch.clone()
    batch[chosen] = F.interpolate(small, size=(size, size), mode="bilinear")
    return batch


def erase_some(batch: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Cover a random rectangle of some pictures (Zhong et al., "Random erasing", 2017)."""
    size = batch.shape[-1]
    for index in torch.nonzero(torch.rand(len(batch), generator=generator) < share).flatten().tolist():
        height, width = (torch.rand(2, generator=generator) * 0.3 * size + 0.08 * size).int().tolist()
        top = int(torch.rand((), generator=generator) * (size - height))
        left = int(torch.rand((), generator=generator) * (size - width))
        colour = torch.rand(3, 1, 1, generator=generator) * 2 - 1
        batch[index, :, top : top + height, left : left + width] = colour
    return batch


def light(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and gentle channel gains on values from -1 to 1; hues stay what they were."""
    count = len(batch)

    def normal(spread: float, channels: int = 1) -> Tensor:
        return torch.randn(count, channels, 1, 1, generator=generator) * spread

    return ((batch + 1) * torch.exp(normal(0.10) + normal(0.045, 3)) - 1 + normal(0.06)).clamp(-1, 1)


def to_grey(batch: Tensor, chosen: Tensor) -> Tensor:
    """Take the colour out of the chosen pictures."""
    weights = torch.tensor(GREY).view(1, 3, 1, 1)
    grey = (batch * weights).sum(1, keepdim=True).expand_as(batch)
    return torch.where(chosen.view(-1, 1, 1, 1), grey, batch)


TURNS = (1.75, math.pi, 4.53)
"""Angles, in radians, by which :func:`turn_hue` makes somebody else of a face."""


def turn_hue(batch: Tensor, turns: Tensor, generator: torch.Generator) -> Tensor:
    """Make somebody else of faces: turn all hues but those of skin, by ``TURNS[turns]`` and a little chance.

    ``turns`` holds an index for each face, -1 to leave it alone. Hair and eye colour say who an anime
    character is; with others, the same drawing shows a stranger.
    """
    chosen = turns >= 0
    if not chosen.any():
        return batch
    faces = (batch[chosen] + 1) / 2
    angle = torch.tensor(TURNS)[turns[chosen]] + torch.randn(len(faces), generator=generator) * 0.15
    red, green, blue = faces.unbind(1)
    luma = (faces * torch.tensor(GREY).view(1, 3, 1, 1)).sum(1)
    chroma_u, chroma_v = blue - luma, red - luma
    cosine, sine = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    turned_u, turned_v = cosine * chroma_u - sine * chroma_v, sine * chroma_u + cosine * chroma_v
    turned_red, turned_blue = luma + turned_v, luma + turned_u
    turned_green = (luma - GREY[0] * turned_red - GREY[2] * turned_blue) / GREY[1]
    turned = torch.stack([turned_red, turned_green, turned_blue], 1)
    skin = ((red > green) & (green > blue * 0.95) & (red > 0.55) & (red - blue < 0.38)).float().unsqueeze(1)
    skin = F.avg_pool2d(skin, 5, 1, 2)
    result = batch.clone()
    result[chosen] = (skin * faces + (1 - skin) * turned).clamp(0, 1) * 2 - 1
    return result

"""What the detector is asked for, and how far it is from that."""

from __future__ import annotations

import torch
from torch import Tensor

from booru_export.training.nets import STRIDE

SPREAD = 0.16
"""Standard deviation of a head's blob on the heat map, as a share of the head's mean side."""
CENTRE = 0.4
"""Cells where the blob is at least this high learn the distances to the sides."""


def targets(boxes: list[Tensor], ignore: list[Tensor], size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Heat ``(N, S, S)``, distances ``(N, 4, S, S)``, their weights and the mask of cells that count.

    ``boxes`` and ``ignore`` hold one ``(K, 4)`` tensor for each picture, in pixels of a ``size`` square.
    """
    cells = size // STRIDE
    axis = (torch.arange(cells) + 0.5) * STRIDE
    x, y = axis[None, :].expand(cells, cells), axis[:, None].expand(cells, cells)
    count = len(boxes)
    heat, weight = torch.zeros(count, cells, cells), torch.zeros(count, cells, cells)
    sides, mask = torch.ones(count, 4, cells, cells), torch.ones(count, cells, cells)
    for index in range(count):
        for x0, y0, x1, y1 in ignore[index].tolist():
            mask[index][(x > x0) & (x < x1) & (y > y0) & (y < y1)] = 0
        areas = (boxes[index][:, 2] - boxes[index][:, 0]) * (boxes[index][:, 3] - boxes[index][:, 1])
        for number in areas.argsort(descending=True).tolist():  # small heads are drawn last, over large ones
            x0, y0, x1, y1 = boxes[index][number].tolist()
            centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
            spread_x = max(SPREAD * (x1 - x0), 0.35 * STRIDE)
            spread_y = max(SPREAD * (y1 - y0), 0.35 * STRIDE)
            blob = torch.exp(
                -((x - centre_x) ** 2) / (2 * spread_x**2) - (y - centre_y) ** 2 / (2 * spread_y**2)
            )
            column = min(cells - 1, max(0, int(centre_x / STRIDE)))
            row = min(cells - 1, max(0, int(centre_y / STRIDE)))
            blob[row, column] = 1.0
            heat[index] = torch.maximum(heat[index], blob)
            mask[index][blob > CENTRE] = 1
            inner = (blob >= CENTRE) & (x > x0) & (x < x1) & (y > y0) & (y < y1)
            inner[row, column] = True
            distances = torch.stack([x - x0, y - y0, x1 - x, y1 - y]).clamp(min=1.0)
            sides[index][:, inner] = distances[:, inner]
            weight[index][inner] = (blob / blob[inner].sum())[inner]
    return heat, sides, weight, mask


def focal(logits: Tensor, heat: Tensor, mask: Tensor) -> Tensor:
    """Penalty-reduced focal loss (Law & Deng, "CornerNet", 2018), averaged over heads."""
    probability = logits.sigmoid().clamp(1e-5, 1 - 1e-5)
    peak = (heat >= 0.999).float()
    positive = -torch.log(probability) * (1 - probability) ** 2 * peak
    negative = -torch.log(1 - probability) * probability**2 * (1 - heat) ** 4 * (1 - peak)
    return ((positive + negative) * mask).sum() / peak.sum().clamp(min=1.0)


def giou(predicted: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Generalised IoU loss (Rezatofighi et al., 2019) of boxes given by distances, weighted by cell."""
    inner_width = torch.minimum(predicted[:, 0], wanted[:, 0]) + torch.minimum(predicted[:, 2], wanted[:, 2])
    inner_height = torch.minimum(predicted[:, 1], wanted[:, 1]) + torch.minimum(predicted[:, 3], wanted[:, 3])
    shared = inner_width.clamp(min=0) * inner_height.clamp(min=0)
    area = (predicted[:, 0] + predicted[:, 2]) * (predicted[:, 1] + predicted[:, 3])
    area_wanted = (wanted[:, 0] + wanted[:, 2]) * (wanted[:, 1] + wanted[:, 3])
    union = area + area_wanted - shared
    outer_width = torch.maximum(predicted[:, 0], wanted[:, 0]) + torch.maximum(predicted[:, 2], wanted[:, 2])
    outer_height = torch.maximum(predicted[:, 1], wanted[:, 1]) + torch.maximum(predicted[:, 3], wanted[:, 3])
    outer = outer_width * outer_height
    loss = 1 - shared / union + (outer - union) / outer
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)


def detector_loss(
    output: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor, Tensor, Tensor]
) -> dict[str, Tensor]:
    """The parts of the loss by name; their sum is what is minimised."""
    logits, sides = output
    heat, distances, weight, mask = wanted
    return {"heat": focal(logits[:, 0], heat, mask), "box": 1.5 * giou(sides, distances, weight)}

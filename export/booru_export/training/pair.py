"""Two recognisers of the same characters as one net: what one of them mistakes, the other often knows.

Their embeddings are put side by side (Hansen & Salamon, "Neural network ensembles", 1990). These would be
twice as long, but most of what they say is the same, so they are turned into the directions in which
characters differ most (principal components of the prototypes), of which the first ones are kept. Norms,
weights and turn are all linear, so each trunk needs one matrix.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from booru_export.training.nets import FaceNet, positions

NUMBERS = 160
"""Of a pair's embedding: of two with 256 numbers each, this loses hardly what can be measured."""


class _Member(nn.Module):
    """One of the two: its part of the embedding ``(N, D)``, and its logits of hair and eye colors."""

    def __init__(self, net: FaceNet, turn: Tensor) -> None:
        super().__init__()
        self.trunk, self.colours = net.trunk, net.colours
        weight, bias = _folded(net)
        self.embed = nn.Linear(weight.shape[1], turn.shape[1])
        self.embed.weight.data = turn.T @ weight
        self.embed.bias.data = turn.T @ bias

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.trunk(x)[-len(self.colours.where) :]
        return (self.embed(positions(maps[-1]).mean(1)), *self.colours(maps))


class FacePair(nn.Module):
    """Two trained nets of the same characters, ready to be exported; it is not for training.

    Answers like :class:`~.nets.FaceNet`. ``prototypes`` are unit vectors ``(characters, D)``, ``D`` being at
    most :data:`NUMBERS`. Of the cosine of two faces, ``share`` is what the second net says. The first net
    looks at faces that were shrunk to ``first_size`` pixels, where that is given.
    """

    prototypes: Tensor

    def __init__(
        self,
        first: FaceNet,
        second: FaceNet,
        characters: int,
        share: float = 0.5,
        first_size: int | None = None,
    ) -> None:
        super().__init__()
        self.first_size = first_size
        lengths = (math.sqrt(1 - share), math.sqrt(share))
        own = [
            F.normalize(net.prototypes.detach()[:characters], dim=1) * length
            for net, length in zip((first, second), lengths, strict=True)
        ]
        both = torch.cat(own, 1)
        turn = torch.linalg.svd(both, full_matrices=True)[2][:NUMBERS].T
        self.register_buffer("prototypes", F.normalize(both @ turn, dim=1))
        halves = turn.split([part.shape[1] for part in own])
        nets = (copy.deepcopy(net).eval() for net in (first, second))
        self.first, self.second = (
            _Member(net, half * length) for net, half, length in zip(nets, halves, lengths, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(N, 3, S, S)`` to unit embeddings ``(N, D)`` and logits of hair and eye colors."""
        (one, hair, eyes), (other, more_hair, more_eyes) = self.first(self._shrunk(x)), self.second(x)
        embedding = one + other
        embedding = embedding / embedding.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return embedding, (hair + more_hair) / 2, (eyes + more_eyes) / 2

    def _shrunk(self, x: Tensor) -> Tensor:
        """Without antialiasing: from 128 to 96 pixels every pixel counts anyway, in half the time."""
        if self.first_size is None or self.first_size == x.shape[3]:
            return x
        return F.interpolate(x, scale_factor=self.first_size / x.shape[3], mode="bilinear")


@torch.no_grad()
def _folded(net: FaceNet) -> tuple[Tensor, Tensor]:
    """Weight and bias of a net's embedding with its norm in them, of length 1 as a rule.

    The norm leaves each number with a known mean and spread, which tell how long embeddings are.
    """
    norm = net.norm
    assert norm.running_mean is not None and norm.running_var is not None
    length = (norm.weight.square() + norm.bias.square()).sum().sqrt()
    slope = norm.weight / (norm.running_var + norm.eps).sqrt()
    return slope[:, None] * net.embed.weight / length, (norm.bias - slope * norm.running_mean) / length

"""The networks: plain 3x3 convolutions, since those use a CPU best (see docs/performance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

STRIDE = 8
"""Pixels between neighbouring cells of the detector's output."""


class ConvNorm(nn.Sequential):
    """3x3 (or ``size``) convolution, batch norm, ReLU: one fused operation in onnxruntime."""

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, size: int = 3, *, act: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if act:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3x3 convolutions and a short cut (He et al., "Deep residual learning", 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride)
        self.second = ConvNorm(outputs, outputs, act=False)
        norm = self.second[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)  # begin as the identity
        same = inputs == outputs and stride == 1
        self.short: nn.Module = nn.Identity() if same else ConvNorm(inputs, outputs, stride, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.short(x))


class Trunk(nn.Module):
    """Feature maps at strides 4, 8, 16 and 32 with ``widths`` channels and ``blocks`` residual blocks."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, widths[0] // 2, 2), ConvNorm(widths[0] // 2, widths[0], 2))
        stages, inputs = [], widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers = [Residual(inputs, width, 1 if index == 0 else 2)]
            layers += [Residual(width, width) for _ in range(count - 1)]
            stages.append(nn.Sequential(*layers))
            inputs = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class HeadDetector(nn.Module):
    """A centre-point detector (Zhou et al., "Objects as points", 2019) with distances to the four sides.

    Input ``(N, 3, H, W)`` with sides that are multiples of 32; output: heat as logits ``(N, 1, H/8, W/8)``
    and distances to left, top, right, bottom in pixels ``(N, 4, H/8, W/8)``.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], neck: int) -> None:
        super().__init__()
        self.trunk = Trunk(widths, blocks)
        self.lateral = nn.ModuleList([ConvNorm(width, neck, size=1) for width in widths[1:]])
        self.merge = nn.ModuleList([ConvNorm(neck, neck) for _ in widths[1:]])
        self.tower = ConvNorm(neck, neck)
        self.heat = nn.Conv2d(neck, 1, 1)
        self.sides = nn.Conv2d(neck, 4, 1)
        # few cells hold a head: start there
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]
        nn.init.constant_(self.sides.bias, 1.2)  # type: ignore[arg-type]
        nn.init.normal_(self.sides.weight, std=0.01)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.trunk(x)[1:]
        top: Tensor | None = None
        for features, lateral, merge in reversed(list(zip(maps, self.lateral, self.merge, strict=True))):
            here = lateral(features)
            top = merge(here if top is None else here + F.interpolate(top, scale_factor=2.0, mode="nearest"))
        assert top is not None
        top = self.tower(top)
        sides = torch.exp(self.sides(top).float().clamp(-3.0, 4.5)) * STRIDE
        return self.heat(top).float(), sides


def positions(features: Tensor) -> Tensor:
    """Maps ``(N, C, H, W)`` as numbers at each position ``(N, H * W, C)``: so 8-bit kernels leave them."""
    return features.float().permute(0, 2, 3, 1).flatten(1, 2)


class ColorHead(nn.Module):
    """Tells a color from where it is: each feature map is averaged with weights that it gives itself.

    A plain mean over the face drowns the eyes, which are a twentieth of it. Maps ``(N, C, H, W)`` in; logits
    of hair ``(N, hair)`` and eyes ``(N, eyes)`` out.
    """

    def __init__(self, channels: Sequence[int], hair: int, eyes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.where = nn.ModuleList([nn.Conv2d(width, 2, 1) for width in channels])
        self.hair = nn.Linear(2 * sum(channels), hair)
        self.eyes = nn.Linear(2 * sum(channels), eyes)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        hair, eyes = [], []
        for features, where in zip(maps, self.where, strict=True):
            weights = where(features).float().flatten(2).softmax(2)
            flat = positions(features)
            means = weights @ flat
            plain = flat.mean(1)
            hair += [plain, means[:, 0]]
            eyes += [plain, means[:, 1]]
        return self.hair(self.drop(torch.cat(hair, 1))), self.eyes(self.drop(torch.cat(eyes, 1)))


@dataclass(frozen=True, slots=True)
class Outputs:
    """How many numbers each answer of a :class:`FaceNet` has; ``dropout`` is a share of what they see."""

    embedding: int
    characters: int
    extra: int
    hair: int
    eyes: int
    dropout: float = 0.0


class FaceNet(nn.Module):
    """One trunk, four answers: embedding, characters, hair color, eye color.

    Characters are compared by the cosine between the face's embedding and one learned prototype each, beside
    ``extra`` prototypes of made-up people and one learned level for "somebody else"; see
    :mod:`booru_export.recogniser.loss`.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], outputs: Outputs) -> None:
        super().__init__()
        self.trunk: nn.Module = self._trunk(widths, blocks)
        channels = self._channels(widths)
        self.drop = nn.Dropout(outputs.dropout)
        self.embed = nn.Linear(channels[-1], outputs.embedding, bias=False)
        self.norm = nn.BatchNorm1d(outputs.embedding)
        prototypes = torch.randn(outputs.characters + outputs.extra, outputs.embedding)
        self.prototypes = nn.Parameter(prototypes * 0.05)
        self.stranger = nn.Parameter(torch.tensor(0.3))
        self.colours = ColorHead(channels, outputs.hair, outputs.eyes, outputs.dropout)

    def _trunk(self, widths: Sequence[int], blocks: Sequence[int]) -> nn.Module:
        return Trunk(widths, blocks)

    def _channels(self, widths: Sequence[int]) -> tuple[int, ...]:
        """Channels of the trunk's maps that are looked at, coarsest last."""
        return tuple(widths[1:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(N, 3, S, S)`` to unit embeddings ``(N, D)`` and logits of hair and eye colors."""
        embedding, hair, eyes = self.raw(x)
        return F.normalize(embedding, dim=1), hair, eyes

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same with embeddings of any length: the more a face is like known ones, the longer."""
        maps = self.trunk(x)[-len(self.colours.where) :]
        features = maps[-1].float().mean((2, 3))
        return (self.norm(self.embed(self.drop(features))), *self.colours(maps))

    def cosines(self, embedding: Tensor) -> Tensor:
        """Cosine of each embedding with each prototype, characters first: ``(N, characters + extra)``."""
        return embedding @ F.normalize(self.prototypes, dim=1).T


class Widened(nn.Module):
    """An inverted residual (Sandler et al., "MobileNetV2", 2018): few weights for what it sees."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, factor: int = 3) -> None:
        super().__init__()
        wide = inputs * factor
        self.widen = ConvNorm(inputs, wide, size=1)
        self.look = nn.Sequential(
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        )
        self.narrow = ConvNorm(wide, outputs, size=1, act=False)
        self.short = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(self.look(self.widen(x)))
        return x + y if self.short else y


ROLL_BINS = 24
"""Angles that :class:`RollNet` tells apart, evenly around the circle, the first upright."""
_SEEN = 12
"""Channels that the last layer sees at each of 3 by 3 places."""


class RollNet(nn.Module):
    """How far a head is turned: logits ``(N, ROLL_BINS)`` of squares ``(N, 3, size, size)`` around heads.

    It sees the disc that the square holds, and nothing of the corners, whose form would tell how a picture
    was turned. ``size`` is a multiple of 24 (and for training of 16).
    """

    axis: Tensor

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], size: int) -> None:
        super().__init__()
        self.register_buffer("axis", (torch.arange(size) + 0.5) / (size / 2) - 1, persistent=False)
        self.stem = ConvNorm(3, widths[0], 2)
        layers: list[nn.Module] = []
        inputs = widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for number in range(count):
                layers.append(Widened(inputs, width, 2 if index and number == 0 else 1, 3 if index else 2))
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.last = ConvNorm(inputs, _SEEN, size=1)
        self.angles = nn.Linear(9 * _SEEN, ROLL_BINS)
        self.pool = size // 24

    def forward(self, x: Tensor) -> Tensor:
        disc = (self.axis.square()[:, None] + self.axis.square()[None] <= 1).float()
        maps = self.last(self.layers(self.stem(x * disc)))
        logits: Tensor = self.angles(F.avg_pool2d(maps, self.pool).float().flatten(1))
        return logits


def directions(logits: Tensor) -> Tensor:
    """The mean of the directions ``(cosine, sine)`` that a :class:`RollNet` holds for likely, ``(N, 2)``.

    The surer it is, the nearer its length is to 1; degrees count clockwise.
    """
    bins = torch.arange(ROLL_BINS, device=logits.device) * (2 * torch.pi / ROLL_BINS)
    return logits.softmax(1) @ torch.stack([bins.cos(), bins.sin()], 1)

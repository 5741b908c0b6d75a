"""The known networks that a recogniser may stand on: facts alone, which need no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network up to its last feature map, which has ``channels``."""

    channels: int
    parts: tuple[str, ...]
    """Names of the modules that make the feature map, in order."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Of the values from 0 to 1 that the network was made for; ImageNet's as a rule."""


LITE = "efficientnet_lite0"
"""Not one of torchvision's; see :mod:`.efficientnet_lite`."""

BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "resnet18": Backbone(
            512, ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        ),
        "mobilenet_v3_small": Backbone(576, ("features",)),
        "mobilenet_v3_large": Backbone(960, ("features",)),
        "efficientnet_b0": Backbone(1280, ("features",)),
        LITE: Backbone(1280, ("features",), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        "convnext_tiny": Backbone(768, ("features", "classifier.0")),
    }
)

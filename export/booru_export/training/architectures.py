"""The networks of torchvision that a recogniser may stand on: facts alone, which need no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network of torchvision up to its last feature map, which has ``channels``."""

    channels: int
    parts: tuple[str, ...]
    """Names of the modules that make the feature map, in order."""


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "resnet18": Backbone(
            512, ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        ),
        "mobilenet_v3_small": Backbone(576, ("features",)),
        "mobilenet_v3_large": Backbone(960, ("features",)),
        "efficientnet_b0": Backbone(1280, ("features",)),
        "convnext_tiny": Backbone(768, ("features", "classifier.0")),
    }
)

"""Recognisers on known networks, from nothing or from weights trained on ImageNet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from booru_export.training.architectures import BACKBONES, LITE, Backbone
from booru_export.training.checkpoint import load_tensors
from booru_export.training.efficientnet_lite import EfficientNetLite0, packaged_weights, renamed
from booru_export.training.nets import FaceNet, Outputs
from booru_export.training.torch_setup import load_torchvision
from booru_tagger.errors import DataError

IMAGENET = "imagenet"
"""Initial weights that torchvision downloads, or that a package holds."""

_HEADS = re.compile(r"^(?:fc|classifier|head|heads)\.")
_MOST_NAMES = 4


class BackboneTrunk(nn.Module):
    """Values from -1 to 1 in; out, as of :class:`~.nets.Trunk`, a list: the last feature map."""

    mean: Tensor
    std: Tensor

    def __init__(self, arch: str) -> None:
        super().__init__()
        known = backbone(arch)
        self.body = _body(arch)
        self.register_buffer("mean", torch.tensor(known.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(known.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.body((x * 0.5 + 0.5 - self.mean) / self.std)]


class BackboneNet(FaceNet):
    """A :class:`~.nets.FaceNet` whose trunk is one of ``BACKBONES``; all else is the same."""

    def __init__(self, arch: str, outputs: Outputs) -> None:
        backbone(arch)  # or complain
        self.arch = arch
        super().__init__((), (), outputs)

    def _trunk(self, widths: Sequence[int], blocks: Sequence[int]) -> nn.Module:
        return BackboneTrunk(self.arch)

    def _channels(self, widths: Sequence[int]) -> tuple[int, ...]:
        return (backbone(self.arch).channels,)


def backbone(arch: str) -> Backbone:
    """Raises :class:`DataError` for a name that is not in ``BACKBONES``."""
    if arch not in BACKBONES:
        raise DataError(f"unknown backbone {arch!r}; known: {', '.join(BACKBONES)}")
    return BACKBONES[arch]


def _whole_net(arch: str) -> nn.Module:
    if arch == LITE:
        return EfficientNetLite0()
    net = load_torchvision().models.get_model(arch, weights=None)
    assert isinstance(net, nn.Module)
    return net


def _body(arch: str) -> nn.Sequential:
    net = _whole_net(arch)
    return nn.Sequential(*(net.get_submodule(part) for part in backbone(arch).parts))


def start_from(net: BackboneNet, initial: str) -> None:
    """Give the trunk of ``net`` weights: ``imagenet``, or the path of a state dict of the whole network.

    Raises :class:`DataError` where they cannot be had or belong to another network.
    """
    state: Mapping[str, Any]
    if initial == IMAGENET:
        state, name = _imagenet(net.arch), f"{net.arch}'s ImageNet weights"
    else:
        state, name = read_state(Path(initial)), initial
    if net.arch == LITE:
        state = renamed(state)
    whole = _whole_net(net.arch)
    _load_trunk(whole, state, f"{name}: not the weights of a {net.arch}")
    parts = [whole.get_submodule(part) for part in backbone(net.arch).parts]
    net.trunk.body.load_state_dict(nn.Sequential(*parts).state_dict())  # type: ignore[union-attr]


def _imagenet(arch: str) -> Mapping[str, Any]:
    if arch == LITE:
        return read_state(packaged_weights())
    weights = load_torchvision().models.get_model_weights(arch).DEFAULT
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; a wrong hash is a RuntimeError
        raise DataError(
            f"the ImageNet weights of {arch} cannot be downloaded ({error}). Fetch {weights.url} on a "
            "machine that is online and give the file with --weights, or train without: --pretrained none"
        ) from error
    assert isinstance(state, Mapping)
    return state


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, taken out of the wrappings that training programs put around it.

    Only tensors are loaded, no code. Raises :class:`DataError`.
    """
    state = load_tensors(path, "a file of weights that is safe to load")
    for key in ("state_dict", "model", "net"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    tensors = {str(name): value for name, value in _items(state) if isinstance(value, Tensor)}
    if not tensors:
        raise DataError(f"{path}: holds no state dict")
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def _items(state: object) -> list[tuple[Any, Any]]:
    return list(state.items()) if isinstance(state, Mapping) else []


def _load_trunk(net: nn.Module, state: Mapping[str, Any], complaint: str) -> None:
    """Load all but the classifier, whose size depends on what the weights were trained for."""
    wanted = {name: value for name, value in net.state_dict().items()}
    missing = [name for name in wanted if name not in state and not _HEADS.match(name)]
    if missing:
        raise DataError(f"{complaint} (it lacks {_few(missing)})")
    fitting = {name: state[name] for name in wanted if name in state}
    for name, value in list(fitting.items()):
        if value.shape != wanted[name].shape:
            if not _HEADS.match(name):
                shapes = f"{tuple(value.shape)}, expected {tuple(wanted[name].shape)}"
                raise DataError(f"{complaint} ({name} has the shape {shapes})")
            del fitting[name]
    net.load_state_dict(fitting, strict=False)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more

"""Where training computes, and how precisely."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from booru_tagger.errors import DataError

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Device:
    """A place to compute. With ``half``, networks run in bfloat16 where that is safe (AMP)."""

    place: torch.device
    half: bool = False

    def precision(self) -> AbstractContextManager[object]:
        """Wrap a network's forward pass in this; losses are computed outside of it, in full precision."""
        return torch.autocast(self.place.type, torch.bfloat16, enabled=self.half)


CPU = Device(torch.device("cpu"))


def device_named(name: str = AUTO, half: bool | None = None) -> Device:
    """The device ``cpu``, ``cuda``, ``cuda:1``, …; ``auto`` is an accelerator where there is one.

    ``half`` is on for accelerators, unless told. Raises :class:`DataError` where the device is not there.
    """
    cuda = torch.cuda.is_available()
    if name == AUTO:
        name = "cuda" if cuda else "cpu"
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise DataError(f"unknown device {name!r}: use auto, cpu, cuda or cuda:1") from error
    if place.type == "cuda" and not cuda:
        raise DataError("no CUDA device here: use --device cpu, or install a build of torch that knows yours")
    return Device(place, place.type != "cpu" if half is None else half)

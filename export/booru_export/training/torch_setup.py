"""torchvision, made to load where its compiled operators cannot.

The torchvision of the package index may be built against another torch than the one installed (a CPU build of
torch is the common case). Its compiled library then does not load, and importing the package fails with
``RuntimeError: operator torchvision::nms does not exist``. Networks, weights and transforms are plain Python
and need none of those operators; declaring the two that are looked up at import is enough for them. Where the
real operators load, nothing is done.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

from booru_tagger.errors import MissingExtraError

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_INSTALL = (
    "install builds that belong together: "
    "pip install -c constraints/cpu.txt 'booru-tagger[export]', or see pytorch.org for your GPU"
)


@cache
def load_torchvision() -> ModuleType:
    """The package torchvision. Raises :class:`MissingExtraError` with what to install."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"this needs torchvision; {_INSTALL}")
    _declare_operators(Path(spec.origin).parent)
    try:
        return importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:
        raise MissingExtraError(f"torchvision does not load ({error}); {_INSTALL}") from error


_DECLARED: list[torch.library.Library] = []
"""Operators go when the object that declared them does, so it is kept."""


def _declare_operators(folder: Path) -> None:
    for library in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return
    if hasattr(torch.ops.torchvision, "nms"):
        return
    declared = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        declared.define(name + _SCHEMA)  # type: ignore[no-untyped-call]
    _DECLARED.append(declared)

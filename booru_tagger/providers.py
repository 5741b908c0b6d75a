"""What onnxruntime can compute on, by our own names: which package brings it, and what suits it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Provider(NamedTuple):
    """One execution provider.

    ``onnx``: onnxruntime's name of it. ``package``: the build of onnxruntime that has it. ``batch``: pictures
    that it is given at once where that many wait. A processor is fastest with one (its caches hold it, and
    there is a core for each picture); a graphics card idles between small runs. ``systems``: values of
    ``sys.platform`` that the package exists for; empty means all.
    """

    onnx: str
    package: str
    batch: int = 1
    systems: tuple[str, ...] = ()

    @property
    def install(self) -> str:
        """How to get it. The builds share one folder, so whichever is there has to go first."""
        if self.systems and sys.platform not in self.systems:
            names = {"win32": "Windows", "darwin": "macOS", "linux": "Linux"}
            return f"it exists on {' and '.join(names[system] for system in self.systems)} only"
        stale = " ".join(dict.fromkeys(("onnxruntime", self.package)))
        return f"install it with: pip uninstall -y {stale} && pip install {self.package}"


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "cpu": Provider("CPUExecutionProvider", "onnxruntime"),
        "cuda": Provider("CUDAExecutionProvider", "onnxruntime-gpu", 16, ("linux", "win32")),
        "tensorrt": Provider("TensorrtExecutionProvider", "onnxruntime-gpu", 16, ("linux", "win32")),
        "directml": Provider("DmlExecutionProvider", "onnxruntime-directml", 8, ("win32",)),
        "coreml": Provider("CoreMLExecutionProvider", "onnxruntime", 4, ("darwin",)),
        "openvino": Provider("OpenVINOExecutionProvider", "onnxruntime-openvino", 1, ("linux", "win32")),
    }
)
"""Our name of each execution provider -> what there is to know of it."""

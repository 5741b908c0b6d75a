"""The trial that tells whether 8-bit products come out right, and what a session does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booru_tagger.models import int8_check
from booru_tagger.models.session import Session
from tests.support.bundles import detector_model


class Clipping:
    """An onnxruntime whose products are clipped, as on a processor without VNNI."""

    class SessionOptions:
        pass

    class InferenceSession:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            pass

        def run(self, names: object, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            assert feeds["a"].max() == 255 and feeds["b"].max() == 127
            return [np.full((1, 16), 64 // 2 * 32767, np.int32)]


def test_clipped_products_are_noticed() -> None:
    assert int8_check.overflows(Clipping)


def test_the_trial_runs_on_the_real_runtime() -> None:
    import onnxruntime

    assert int8_check.overflows(onnxruntime) in (True, False)


def test_a_model_in_8_bits_is_told_from_others(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    for content, answer in ((b"..Conv..", False), (b"..QuantizeLinear..", True)):
        model.write_bytes(content)
        assert int8_check.is_quantised(content) is int8_check.is_quantised(str(model)) is answer


def test_only_a_model_in_8_bits_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def overflows(module: object) -> bool:
        tried.append(module)
        return True

    monkeypatch.setattr(int8_check, "overflows", overflows)
    assert "boxes" in Session(detector_model()).outputs
    assert not tried
    # The mark as a harmless part of the file: the model runs, with the exact products.
    monkeypatch.setattr(int8_check, "is_quantised", lambda model: True)
    assert "boxes" in Session(detector_model()).outputs
    assert len(tried) == 1

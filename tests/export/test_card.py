"""The model card says what a bundle was trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from booru_export.evaluation.card import Judged, model_card

from booru_tagger.models.bundle import Bundle


def trained(steps: int, **more: Any) -> dict[str, Any]:
    run = {"steps": steps, "minutes": 3, "pictures": {"faces": 40}, "recipe": {"schedule": {"batch": 8}}}
    return run | more


def card(folder: Path, training: dict[str, Any]) -> str:
    return model_card(Bundle.load(folder), {"training": training}, Judged("test", {}, (), ()))


def test_a_second_recogniser_has_a_line_with_its_share(tiny_bundle: Path) -> None:
    alone = card(tiny_bundle, {"recogniser": trained(100)})
    assert "- **Recogniser**: 100 steps of 8, 3 minutes; 40 faces." in alone and "Second" not in alone
    pair = card(tiny_bundle, {"recogniser": trained(100), "beside": trained(200, share=0.3)})
    assert "- **Recogniser**: 100 steps of 8" in pair
    line = "- **Second recogniser, whose share in how alike two faces are is 30%**: 200 steps of 8, 3 minutes"
    assert line in pair
    earlier = card(tiny_bundle, {"recogniser": trained(100), "beside": trained(200)})
    assert "is 50%**: 200 steps" in earlier, "bundles made before there was a share"

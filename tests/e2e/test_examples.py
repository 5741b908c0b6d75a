"""The model that ships finds the faces in the drawn examples, and their colors."""

from __future__ import annotations

from pathlib import Path

import pytest
from booru_export.data.tables import Scene, read_scenes

from booru_tagger import Tagger
from booru_tagger.models.store.local import SHIPPED
from booru_tagger.types import FaceResult

PICTURES = Path(__file__).parents[2] / "examples" / "pictures"

pytestmark = pytest.mark.skipif(not (SHIPPED / "manifest.json").exists(), reason="no model is shipped yet")

Found = list[tuple[Scene, tuple[FaceResult, ...]]]


@pytest.fixture(scope="module")
def found() -> Found:
    tagger = Tagger()
    return [(scene, tagger.tag(scene.path).faces) for scene in read_scenes(PICTURES / "truth.jsonl")]


def matches(scene: Scene, faces: tuple[FaceResult, ...]) -> list[FaceResult | None]:
    """For each head of the scene the face that covers it best, where that is well enough."""
    best = [max(faces, key=lambda face: face.box.iou(box), default=None) for box in scene.boxes]
    return [
        face if face is not None and face.box.iou(box) >= 0.5 else None
        for face, box in zip(best, scene.boxes, strict=True)
    ]


def test_every_head_is_found(found: Found) -> None:
    missed = [
        f"{scene.path.name} {box.rounded()}"
        for scene, faces in found
        for box, face in zip(scene.boxes, matches(scene, faces), strict=True)
        if face is None
    ]
    assert missed == []


def test_hardly_anything_else_is_taken_for_a_head(found: Found) -> None:
    heads = sum(len(scene.boxes) for scene, _ in found)
    assert sum(len(faces) for _, faces in found) <= heads + 2


@pytest.mark.parametrize("part", ["hair", "eyes"])
def test_most_colors_are_right(found: Found, part: str) -> None:
    told: list[tuple[str, str | None]] = []
    for scene, faces in found:
        for name, face in zip(getattr(scene, part), matches(scene, faces), strict=True):
            measured = getattr(face, "hair_color" if part == "hair" else "eye_color") if face else None
            told.append((f"{name}_{part}", measured.tag if measured else None))
    right = sum(expected == measured for expected, measured in told)
    assert right > len(told) / 2, told

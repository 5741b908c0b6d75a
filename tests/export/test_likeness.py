"""What is measured of similarities when a bundle is calibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="likeness is measured with the extra [export]")

from booru_export.bundles.likeness import (
    STRICTEST,
    Likeness,
    coincidence_of,
    fit_likeness,
    one_character_bound,
)
from booru_export.data.tables import FaceItem
from booru_export.evaluation.embedding import EmbeddedFace

from booru_tagger.models.manifest import ONE_CHARACTER
from booru_tagger.models.recogniser import Recognition
from booru_tagger.types import Box, Face


def people(count: int, each: int, shared: float) -> list[EmbeddedFace]:
    """Faces of some people of one source; ``shared`` is how alike the people are."""
    chance = np.random.default_rng(0)
    common = np.eye(64)[0]
    seen = []
    for who in range(count):
        centre = chance.normal(size=64)
        centre = np.sqrt(shared) * common + np.sqrt(1 - shared) * centre / np.linalg.norm(centre)
        for number in range(each):
            vector = centre + 0.05 * chance.normal(size=64)
            vector = (vector / np.linalg.norm(vector)).astype(np.float32)
            item = FaceItem(Path(f"{who}/{number}.png"), f"who{who}", "s", f"{who} {number}")
            answer = Recognition(np.empty(0, np.float32), vector)
            seen.append(EmbeddedFace(item, Face(Box(0, 0, 9, 9), 1.0), answer, True))
    return seen


def test_the_bound_of_mixtures_follows_how_alike_people_are() -> None:
    apart, closer = (one_character_bound(people(12, 8, shared)) for shared in (0.0, 0.8))
    assert apart == ONE_CHARACTER and closer == STRICTEST


def test_too_few_people_leave_what_was_known() -> None:
    before = Likeness(0.2, 0.8, 0.5)
    assert fit_likeness([], [], before) == before
    assert fit_likeness(people(3, 8, 0.0), [], before).one_character == 0.5
    assert coincidence_of(people(3, 8, 0.0)) is None


def test_coincidences_are_of_different_people() -> None:
    found = coincidence_of(people(90, 8, 0.0))
    assert found is not None
    assert 0.2 < found.once_in_1_000 < found.once_in_100_000 < 0.75

"""Which scores become tags: thresholds by category, MCut, the likeliest rating."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.models.formats import TagLabel
from booru_tagger.models.formats.thresholds import Columns, ThresholdChoice, mcut
from booru_tagger.types import Tag

LABELS = (
    TagLabel("general", "rating"),
    TagLabel("explicit", "rating"),
    TagLabel("1girl", "general"),
    TagLabel("smile", "general"),
    TagLabel(None, ""),
    TagLabel("hatsune_miku", "character"),
    TagLabel("vocaloid", "copyright"),
)
COLUMNS = Columns(LABELS)
CUSTOMARY = {"general": 0.35, "character": 0.85}


def names(scores: list[float], choice: ThresholdChoice) -> list[tuple[str, str]]:
    found = COLUMNS.tags(np.asarray(scores, dtype=np.float32), choice)
    return [(tag.tag, tag.category) for tag in found]


def test_each_category_has_its_threshold_and_one_without_is_left_out() -> None:
    scores = [0.2, 0.1, 0.35, 0.34, 1.0, 0.85, 0.99]
    assert names(scores, ThresholdChoice(CUSTOMARY)) == [
        ("1girl", "general"),
        ("hatsune_miku", "character"),
        ("general", "rating"),
    ]
    assert ("vocaloid", "copyright") in names(scores, ThresholdChoice({**CUSTOMARY, "copyright": 0.5}))
    assert ("hatsune_miku", "character") not in names(
        scores, ThresholdChoice({**CUSTOMARY, "character": 0.9})
    )


def test_the_rating_is_the_likeliest_however_unlikely() -> None:
    assert names([0.001, 0.002, 0, 0, 0, 0, 0], ThresholdChoice({"general": 0.9})) == [("explicit", "rating")]
    (tag,) = COLUMNS.tags(np.asarray([0.25, 0.125, 0, 0, 0, 0, 0], dtype=np.float32), ThresholdChoice({}))
    assert tag == Tag("general", "rating", 0.25, "tagger")


def test_a_tag_with_two_columns_is_given_once() -> None:
    columns = Columns([TagLabel("smile", "general"), TagLabel("smile", "general")])
    found = columns.tags(np.asarray([0.5, 0.75], dtype=np.float32), ThresholdChoice({"general": 0.1}))
    assert found == (Tag("smile", "general", 0.75, "tagger"),)


@pytest.mark.parametrize(
    ("scores", "cut"),
    [([0.9, 0.8, 0.2, 0.1], 0.5), ([0.1, 0.9], 0.5), ([0.5, 0.5], 0.5), ([0.7], 1.0), ([], 1.0)],
)
def test_mcut_is_the_middle_of_the_widest_gap(scores: list[float], cut: float) -> None:
    assert mcut(np.asarray(scores, dtype=np.float32)) == pytest.approx(cut)


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30))
def test_mcut_parts_the_scores_at_a_gap_as_wide_as_any(scores: list[float]) -> None:
    values = np.asarray(scores, dtype=np.float32)
    cut = mcut(values)
    ranked = sorted(scores)
    widest = max(after - before for before, after in pairwise(ranked))
    above, below = [s for s in scores if s >= cut], [s for s in scores if s < cut]
    if widest > 1e-6:
        assert min(above) - max(below) == pytest.approx(widest, abs=1e-6)


def test_a_cut_among_characters_has_a_floor() -> None:
    labels = [TagLabel(name, "character") for name in "abc"]
    few = np.asarray([0.12, 0.01, 0.0], dtype=np.float32)
    choice = ThresholdChoice({"character": 0.85}, {"character"})
    assert choice.threshold("character", few) == 0.15
    assert Columns(labels).tags(few, choice) == ()
    many = np.asarray([0.7, 0.6, 0.1], dtype=np.float32)
    assert [tag.tag for tag in Columns(labels).tags(many, choice)] == ["a", "b"]
    assert ThresholdChoice({}, {"general"}).threshold("general", few) == pytest.approx(0.065)


def test_what_a_tagger_knows() -> None:
    assert "smile" in COLUMNS and "explicit" not in COLUMNS and "cirno" not in COLUMNS
    assert COLUMNS.score("smile", np.arange(7, dtype=np.float32)) == 3.0

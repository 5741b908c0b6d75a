"""Two looks at the same heads say one thing together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.models.found import Found, averaged, overlaps, suppress
from booru_tagger.types import Box

corner = st.integers(0, 60)
side = st.integers(4, 60)
score = st.floats(0.0625, 1, width=32)
boxes = st.lists(st.tuples(corner, corner, side, side, score), max_size=8)


def found(rows: list[tuple[int, int, int, int, float]]) -> Found:
    """Boxes of the rows x, y, width, height and score, one for each head."""
    table = np.asarray(rows, dtype=np.float32).reshape(-1, 5)
    every = Found(np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1), table[:, 4])
    return every.where(suppress(every, 0.5))


@given(boxes, boxes)
def test_nothing_is_lost_and_no_score_is_made_up(
    one: list[tuple[int, ...]], other: list[tuple[int, ...]]
) -> None:
    first, second = found(one), found(other)  # type: ignore[arg-type]
    both = averaged(first, second, 0.5)
    assert both.scores.sum() == pytest.approx((first.scores.sum() + second.scores.sum()) / 2, rel=1e-4)
    assert max(len(first.scores), len(second.scores)) <= len(both.scores)
    for box in (*first.boxes, *second.boxes):
        assert overlaps(box, both.boxes).max() > 0.3


@given(boxes)
def test_a_look_agrees_with_itself(rows: list[tuple[int, ...]]) -> None:
    look = found(rows)  # type: ignore[arg-type]
    both = averaged(look, look, 0.5)
    assert np.allclose(both.boxes, look.boxes, atol=1e-3) and np.allclose(both.scores, look.scores)


@given(boxes.filter(bool))
def test_overlaps_are_those_of_boxes(rows: list[tuple[int, ...]]) -> None:
    look = found(rows)  # type: ignore[arg-type]
    shares = overlaps(look.boxes[0], look.boxes)
    first = Box(*look.boxes[0].tolist())
    assert shares == pytest.approx([first.iou(Box(*box.tolist())) for box in look.boxes], abs=1e-5)

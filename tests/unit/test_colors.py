"""Color labels become Danbooru tags; canon and measurement are weighed."""

from __future__ import annotations

import pytest

from booru_tagger.colors import (
    COLORS,
    CONFUSABLE,
    MIXED,
    Color,
    ColorDecision,
    Part,
    color_of,
    confusable,
    reconcile,
    tag_for,
)
from booru_tagger.types import ScoredTag
from booru_tagger.vocab import problem

SURE = 0.8


@pytest.mark.parametrize(
    ("part", "label", "tag"),
    [
        (Part.HAIR, "black", "black_hair"),
        (Part.HAIR, "yellow", "blonde_hair"),
        (Part.HAIR, "Blond", "blonde_hair"),
        (Part.HAIR, "gray", "grey_hair"),
        (Part.HAIR, "silver", "grey_hair"),
        (Part.HAIR, "multicolored", "multicolored_hair"),
        (Part.HAIR, "light blue", "light_blue_hair"),
        (Part.HAIR, "pink_hair", "pink_hair"),
        (Part.HAIR, "unclear", None),
        (Part.HAIR, "heterochromia", None),
        (Part.EYES, "aqua", "aqua_eyes"),
        (Part.EYES, "blonde", "yellow_eyes"),
        (Part.EYES, "yellow", "yellow_eyes"),
        (Part.EYES, "heterochromia", "heterochromia"),
        (Part.EYES, "closed", "closed_eyes"),
        (Part.EYES, "closed_eyes", "closed_eyes"),
        (Part.EYES, "unclear", None),
        (Part.EYES, "", None),
    ],
)
def test_labels_become_tags(part: Part, label: str, tag: str | None) -> None:
    assert tag_for(part, label) == tag


@pytest.mark.parametrize(
    ("tag", "color"),
    [
        ("aqua_hair", Color(Part.HAIR, "aqua")),
        ("light_blue_hair", Color(Part.HAIR, "blue")),
        ("silver_hair", Color(Part.HAIR, "grey")),
        ("dark_green_eyes", Color(Part.EYES, "green")),
        ("amber_eyes", Color(Part.EYES, "yellow")),
        ("long_hair", None),
        ("multicolored_hair", None),
        ("heterochromia", None),
        ("closed_eyes", None),
        ("twintails", None),
        ("hair", None),
        ("blue_dress", None),
    ],
)
def test_tags_tell_their_color(tag: str, color: Color | None) -> None:
    assert color_of(tag) == color


def test_the_tables_agree_with_each_other() -> None:
    assert all(len(pair) == 2 and pair <= COLORS for pair in CONFUSABLE)
    assert all(problem(tag) is None and color_of(tag) is None for tag in MIXED)
    for part in Part:
        for name in COLORS:
            tag = tag_for(part, name)
            assert tag is not None
            color = color_of(tag)
            assert color is not None and tag_for(part, color.name) == tag


@pytest.mark.parametrize(
    "pair",
    [
        "aqua blue",
        "aqua green",
        "brown yellow",
        "purple pink",
        "blonde orange",
        "blonde brown",
        "white grey",
        "black purple",
        "black brown",
        "black blue",
        "red pink",
        "red brown",
        "red orange",
    ],
)
def test_pairs_that_people_mix_up(pair: str) -> None:
    first, second = pair.split()
    assert confusable(first, second) and confusable(second, first)


def test_colors_that_nobody_mixes_up() -> None:
    assert confusable("red", "red")
    assert not confusable("red", "green") and not confusable("blonde", "blue")


def seen(tag: str, score: float = 0.9) -> ScoredTag:
    return ScoredTag(tag, score)


def test_nothing_measured_refutes_nothing() -> None:
    assert reconcile(Part.HAIR, None, ["aqua_hair"], sure=SURE) == ColorDecision(None)


def test_without_a_canon_the_measurement_stands() -> None:
    canon = ["twintails", "red_eyes", "long_hair"]
    assert reconcile(Part.HAIR, seen("pink_hair"), canon, sure=SURE) == ColorDecision(seen("pink_hair"))


def test_agreement() -> None:
    canon = ["green_hair", "aqua_hair"]
    assert reconcile(Part.HAIR, seen("aqua_hair"), canon, sure=SURE) == ColorDecision(seen("aqua_hair"))


def test_a_mistakable_color_yields_to_the_canon() -> None:
    verdict = reconcile(Part.HAIR, seen("blue_hair", 0.95), ["aqua_hair"], sure=SURE)
    assert verdict == ColorDecision(seen("aqua_hair", 0.95))


def test_the_canons_shade_of_the_same_color_comes_before_a_neighbour() -> None:
    verdict = reconcile(Part.HAIR, seen("blue_hair"), ["aqua_hair", "light_blue_hair"], sure=SURE)
    assert verdict == ColorDecision(seen("light_blue_hair"))


def test_a_sure_measurement_refutes_the_canon() -> None:
    verdict = reconcile(Part.EYES, seen("red_eyes", SURE), ["aqua_eyes", "aqua_hair"], sure=SURE)
    assert verdict == ColorDecision(seen("red_eyes", SURE), ("aqua_eyes",))


def test_where_an_unsure_measurement_contradicts_neither_is_said() -> None:
    verdict = reconcile(Part.EYES, seen("red_eyes", 0.79), ["aqua_eyes"], sure=SURE)
    assert verdict == ColorDecision(None, ("aqua_eyes",))


def test_several_colors_agree_with_each() -> None:
    mixed = seen("multicolored_hair")
    assert reconcile(Part.HAIR, mixed, ["aqua_hair"], sure=SURE) == ColorDecision(mixed)
    red = seen("red_hair")
    assert reconcile(Part.HAIR, red, ["streaked_hair", "black_hair"], sure=SURE) == ColorDecision(red)
    # that the hair has several colors says nothing of the eyes
    verdict = reconcile(Part.EYES, seen("red_eyes"), ["streaked_hair", "green_eyes"], sure=SURE)
    assert verdict.refuted == ("green_eyes",)


def test_closed_eyes_show_no_color() -> None:
    closed = seen("closed_eyes", 0.6)
    assert reconcile(Part.EYES, closed, ["blue_eyes"], sure=SURE) == ColorDecision(closed, ("blue_eyes",))

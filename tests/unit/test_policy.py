"""The tag policy: what is written, under which name, in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.errors import ConfigError
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import Tag

MIKU = Tag("hatsune_miku", "character", 0.97, "recogniser")
RIN = Tag("kagamine_rin", "character", 0.99, "recogniser")
SERIES = Tag("vocaloid", "copyright", 0.97, "implied")
HAIR = Tag("aqua_hair", "general", 0.9, "measured")
EYES = Tag("aqua_eyes", "general", 0.4, "measured")
TAGS = (HAIR, EYES, MIKU, SERIES, RIN)


def names(policy: Policy, tags: tuple[Tag, ...] = TAGS) -> list[str]:
    return [tag.tag for tag in policy.apply(tags)]


def test_the_default_keeps_all_characters_first_and_best_first() -> None:
    assert names(Policy()) == ["kagamine_rin", "hatsune_miku", "vocaloid", "aqua_hair", "aqua_eyes"]


@pytest.mark.parametrize(
    ("order", "first"), [("score", "kagamine_rin"), ("name", "aqua_eyes"), ("category", "kagamine_rin")]
)
def test_order(order: Any, first: str) -> None:
    assert names(Policy(order=order))[0] == first
    assert sorted(names(Policy(order=order))) == sorted(tag.tag for tag in TAGS)


def test_equal_scores_are_ordered_by_name_so_that_runs_agree() -> None:
    same = tuple(Tag(name, "general", 0.5, "measured") for name in ("b", "c", "a"))
    for order in ("category", "score", "name"):
        assert names(Policy(order=order), same) == ["a", "b", "c"]


def test_allow_and_deny_take_wildcards_and_deny_wins() -> None:
    assert names(Policy(allow=("aqua_*", "vocaloid"))) == ["vocaloid", "aqua_hair", "aqua_eyes"]
    assert names(Policy(deny=("*_eyes", "hatsune_mik?"))) == ["kagamine_rin", "vocaloid", "aqua_hair"]
    assert names(Policy(allow=("aqua_*",), deny=("*_hair",))) == ["aqua_eyes"]
    assert names(Policy(allow=("Aqua_*",))) == []


def test_thresholds_by_category_are_inclusive() -> None:
    assert names(Policy(thresholds={"general": 0.9})) == [
        "kagamine_rin",
        "hatsune_miku",
        "vocaloid",
        "aqua_hair",
    ]
    assert "aqua_hair" not in names(Policy(thresholds={"general": 0.91}))


def test_a_renamed_tag_is_judged_by_its_new_name() -> None:
    assert "miku" in names(Policy(rename={"hatsune_miku": "miku"}))
    assert "miku" not in names(Policy(rename={"hatsune_miku": "miku"}, deny=("miku",)))
    assert "miku" in names(Policy(rename={"hatsune_miku": "miku"}, deny=("hatsune_*",)))


def test_two_tags_made_one_keep_the_better_score() -> None:
    got = Policy(rename={"hatsune_miku": "singer", "kagamine_rin": "singer"}).apply(TAGS)
    assert [(tag.tag, tag.score) for tag in got if tag.category == "character"] == [("singer", 0.99)]


def test_prefix_and_suffix_are_on_every_picture_and_stand_once() -> None:
    policy = Policy(prefix=("my style", "vocaloid", "my style"), suffix=("end", "vocaloid"), deny=("*",))
    assert names(policy) == ["my style", "vocaloid", "end"]
    assert names(policy, ()) == ["my style", "vocaloid", "end"]
    assert names(Policy(prefix=("aqua_hair",)))[0] == "aqua_hair"
    assert names(Policy(prefix=("aqua_hair",))).count("aqua_hair") == 1
    sources = [tag.source for tag in Policy(prefix=("x",), suffix=("y",)).apply(())]
    assert sources == ["prefix", "suffix"]


@pytest.mark.parametrize("bad", ["", "  ", "a,b", "a\nb", "a\x00b"])
def test_a_name_that_no_caption_could_hold_is_refused(bad: str) -> None:
    for settings in ({"prefix": (bad,)}, {"suffix": (bad,)}, {"rename": {"x": bad}}):
        with pytest.raises(ConfigError, match=next(iter(settings))):
            Policy(**settings)


tags = st.builds(
    Tag,
    st.sampled_from(["a", "b", "c_d", "e_(f)"]),
    st.sampled_from(["general", "character", "copyright", "meta", "rating", "artist"]),
    st.floats(0, 1),
    st.just("measured"),
)


@given(st.lists(tags), st.sampled_from(["category", "score", "name"]))
def test_no_tag_twice_and_the_same_whatever_the_order_they_come_in(found: list[Tag], order: Any) -> None:
    policy = Policy(order=order)
    got = policy.apply(found)
    assert len({tag.tag for tag in got}) == len(got)
    assert {tag.tag for tag in got} == {tag.tag for tag in found}
    assert policy.apply(got) == got

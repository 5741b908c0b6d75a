"""The rule by which all writers merge, and the lists that follow it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.writers.layout import ListLayout
from booru_tagger.writers.merge import MergedTag, PinnedTags, meaning, merge, take_out

TAGS = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(existing=TAGS, ours=TAGS, owned=TAGS, deleted=TAGS)
def test_the_rule(existing: list[str], ours: list[str], owned: list[str], deleted: list[str]) -> None:
    merged = merge(existing, ours, owned, deleted)
    person = [tag for tag in existing if tag not in owned]
    gone = set(deleted) | (set(owned) - set(existing))
    assert [tag for tag in merged.tags if tag in person] == person
    assert merged.deleted == gone
    assert merged.owned == set(ours) - set(person) - gone
    assert set(merged.tags) == set(person) | merged.owned
    assert len(set(merged.tags)) == len(merged.tags)


@given(existing=TAGS, ours=TAGS, owned=TAGS, deleted=TAGS)
def test_merging_again_changes_nothing(
    existing: list[str], ours: list[str], owned: list[str], deleted: list[str]
) -> None:
    first = merge(existing, ours, owned, deleted)
    second = merge(first.tags, ours, first.owned, first.deleted)
    assert second.entries == tuple(MergedTag(index, tag) for index, tag in enumerate(first.tags))
    assert (second.owned, second.deleted) == (first.owned, first.deleted)


@given(existing=TAGS, ours=TAGS)
def test_taking_out_undoes(existing: list[str], ours: list[str]) -> None:
    merged = merge(existing, ours)
    assert list(take_out(merged.tags, merged.owned).tags) == existing


@given(existing=TAGS, ours=TAGS, owned=TAGS)
def test_nothing_that_stays_is_moved(existing: list[str], ours: list[str], owned: list[str]) -> None:
    places = [entry.place for entry in merge(existing, ours, owned).entries if entry.place is not None]
    assert places == sorted(places)


@given(existing=TAGS, ours=TAGS, owned=TAGS, deleted=TAGS, ends=TAGS, cut=st.integers(0, 8))
def test_ends_stand_at_the_ends(
    existing: list[str], ours: list[str], owned: list[str], deleted: list[str], ends: list[str], cut: int
) -> None:
    wanted = PinnedTags(tuple(ends[:cut]), tuple(ends[cut:]))
    merged = merge(existing, [*ours, *ends], owned, deleted, ends=wanted)
    first, last = ([tag for tag in end if tag not in merged.deleted] for end in (wanted.first, wanted.last))
    assert list(merged.tags[: len(first)]) == first
    assert list(merged.tags[len(merged.tags) - len(last) :]) == last
    assert set(merged.tags) - merged.owned == set(existing) - set(owned)
    again = merge(merged.tags, [*ours, *ends], merged.owned, merged.deleted, ends=wanted)
    assert again.entries == tuple(MergedTag(index, tag) for index, tag in enumerate(merged.tags))
    assert (again.owned, again.deleted) == (merged.owned, merged.deleted)


def test_an_end_is_literal() -> None:
    merged = merge(["my trigger", "x"], ["My_Trigger", "my_trigger"], ends=PinnedTags(("my_trigger",)))
    assert merged.tags == ("my_trigger", "my trigger", "x")


def test_our_order_is_kept_around_a_persons_tags() -> None:
    merged = merge(["x", "b", "y"], ["a", "b", "c", "d"], owned=["b"])
    assert merged.tags == ("x", "a", "b", "c", "d", "y")


def test_nothing_of_ours_standing_means_the_end() -> None:
    assert merge(["x", "y"], ["b", "a"]).tags == ("x", "y", "b", "a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Blonde Hair", "blonde_hair"),
        (r"saber \(fate\)", "saber_(fate)"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        (" aqua  hair ", "aqua_hair"),
    ],
)
def test_spellings_of_one_tag(one: str, other: str) -> None:
    assert meaning(one) == meaning(other)
    assert merge([one], [other]).tags == (one,)
    assert merge([], [other], deleted=[one]).tags == ()


def test_our_own_tag_is_respelled_in_place() -> None:
    merged = merge(["x", "aqua hair", "y"], ["aqua_hair"], owned=["aqua hair"])
    assert merged.tags == ("x", "aqua_hair", "y")
    assert merged.owned == {"aqua_hair"}
    assert not merged.deleted


GAPS = st.sampled_from([", ", ",", "\n", " ,\t"])


@st.composite
def layouts(draw: st.DrawFn) -> ListLayout:
    items = draw(TAGS)
    gaps = [draw(GAPS) for _ in items[1:]]
    return ListLayout(draw(GAPS), items, gaps, draw(GAPS))


@given(layout=layouts(), first=TAGS, second=TAGS)
def test_lists_are_given_back_to_the_byte(layout: ListLayout, first: list[str], second: list[str]) -> None:
    """Whatever we write into a person's list, once or twice, taking it out restores every gap."""
    before = str(layout)
    owned: frozenset[str] = frozenset()
    for ours in (first, second):
        merged = merge(layout.items, ours, owned)
        layout.follow(merged.entries, "; ", merged.tags)
        assert layout.items == list(merged.tags)
        owned = merged.owned
    left = take_out(layout.items, owned)
    layout.follow(left.entries, "; ", left.tags)
    assert str(layout) == before


@given(layout=layouts(), order=st.randoms())
def test_items_can_change_places(layout: ListLayout, order: Random) -> None:
    entries = [MergedTag(place, item) for place, item in enumerate(layout.items)]
    order.shuffle(entries)
    ends = layout.before, layout.behind
    layout.follow(entries, "; ", [entry.text for entry in entries])
    assert layout.items == [entry.text for entry in entries]
    assert (layout.before, layout.behind) == ends
    assert len(layout.gaps) == max(0, len(entries) - 1)


def test_most_common_gap() -> None:
    assert ListLayout("", ["a", "b", "c"], [",", ","], "").gap(", ") == ","
    assert ListLayout("", ["a"], [], "").gap(", ") == ", "

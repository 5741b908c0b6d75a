"""Tags are spelled as Danbooru spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.vocab import (
    CATEGORIES,
    KAOMOJI,
    MAX_LENGTH,
    escape,
    normalise,
    problem,
    to_spaces,
    unescape,
)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Hatsune Miku", "hatsune_miku"),
        ("  blonde   hair\t", "blonde_hair"),
        ("saber_(fate)", "saber_(fate)"),
        ("Re:Zero", "re:zero"),
        ("_a__b_", "a_b"),
        ("Cafe\u0301", "caf\u00e9"),
        ("初音 ミク", "初音_ミク"),
        ("^_^", "^_^"),
        ("||_||", "||_||"),
        (">_O", ">_o"),
        ("", ""),
    ],
)
def test_normalise(text: str, tag: str) -> None:
    assert normalise(text) == tag


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8))
def test_visible_ascii_is_held_to_every_rule(text: str) -> None:
    wrong = text != normalise(text) or "," in text or "*" in text or text[0] in "-~_`%){}]/"
    assert (problem(text) is not None) is (wrong and text not in KAOMOJI)


@given(st.text(max_size=30))
def test_what_is_no_problem_is_in_normal_form(text: str) -> None:
    if problem(text) is None:
        assert normalise(text) == text and text


@pytest.mark.parametrize(
    "tag", ["hatsune_miku", "1girl", "re:zero", "初音ミク", "x-men", "k/da_(lol)", *sorted(KAOMOJI)]
)
def test_good_tags(tag: str) -> None:
    assert problem(tag) is None


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("", "empty"),
        ("___", "empty"),
        ("a" * (MAX_LENGTH + 1), "longer than 170"),
        ("a*", "asterisk"),
        ("a,b", "comma"),
        ("-a", "begins with '-'"),
        ("_a", "begins with '_'"),
        ("a_", "ends with an underscore"),
        ("a__b", "two underscores"),
        ("a b", "space"),
        ("a\x07b", "unprintable"),
        ("Miku", "normal form, which is 'miku'"),
    ],
)
def test_bad_tags_say_why(tag: str, reason: str) -> None:
    assert reason in (problem(tag) or "")


def test_spaces_for_captions_spare_kaomoji() -> None:
    assert to_spaces("long_blonde_hair") == "long blonde hair"
    assert all(to_spaces(face) == face for face in KAOMOJI)


def test_brackets_for_prompts() -> None:
    assert escape("saber_(fate)") == r"saber_\(fate\)"
    assert escape(r"\||/") == r"\\||/"
    assert escape("plain") == "plain"


@given(st.text(alphabet=r"ab_()\ ", max_size=20))
def test_unescaping_undoes_escaping(tag: str) -> None:
    assert unescape(escape(tag)) == tag


def test_categories_have_danboorus_numbers() -> None:
    assert dict(CATEGORIES) == {
        "general": 0,
        "artist": 1,
        "copyright": 3,
        "character": 4,
        "meta": 5,
        "rating": 9,
    }

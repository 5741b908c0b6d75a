"""The same tags in several keyword fields of one target: flat lists, trees with one separator or another.

A person's programs don't all know all fields. So ownership is kept for each field by itself, but a keyword
that a person has taken out of one of them is taken out of the others too, unless it was put back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from booru_tagger.types import Tag
from booru_tagger.writers.base import MARK
from booru_tagger.writers.merge import Merged, ends_of, meaning, merge, take_out
from booru_tagger.writers.naming import WriterOptions

SUBJECT, DIGIKAM, LIGHTROOM = "subject", "digikam", "lightroom"
"""The fields of an XMP packet: flat names, and the two usual trees."""
IPTC, WINDOWS = "iptc", "windows"
"""Flat names again, where older programs look for them inside a picture; IPTC allows 64 bytes to each."""

_TREES = {DIGIKAM: "/", LIGHTROOM: "|"}
# A field's separator within a tag is full-width: fate/stay_night is not a path, ;) is not two keywords.
_STAND_INS = {DIGIKAM: ("/", "／"), LIGHTROOM: ("|", "｜"), WINDOWS: (";", "；")}
_LONGEST_IPTC = 64
# Some programs edit one of these, and don't know the main field: Immich the tree of digiKam, old ones IPTC.
# Whatever else edits one of the other fields edits the main one with it.
_EDITED_ALONE = ({DIGIKAM}, {IPTC})
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class MergedFields:
    """What shall stand in each field, whose it is, and which tags are not refused by a person."""

    fields: dict[str, Merged]
    owned: frozenset[str]
    deleted: frozenset[str]
    tags: tuple[Tag, ...] = ()


def form(tag: Tag, field: str, options: WriterOptions) -> str:
    """The tag as it stands in a field; in trees, below its category."""
    text = _in_field(_ILLEGAL_IN_XML.sub("\ufffd", options.spell(tag)), field)
    return f"{tag.category}{_TREES[field]}{text}" if field in _TREES else text


def _in_field(text: str, field: str) -> str:
    return text.replace(*_STAND_INS[field]) if field in _STAND_INS else text


def _fits(text: str, field: str) -> bool:
    return field != IPTC or len(text.encode()) <= _LONGEST_IPTC


def note(field: str, text: str) -> str:
    """The entry of ``owned`` for a keyword in a field: the keyword itself for the main one."""
    return text if field == SUBJECT else f"{MARK}{field}={text}"


def _noted(field: str, owned: Collection[str]) -> frozenset[str]:
    if field == SUBJECT:
        return frozenset(text for text in owned if not text.startswith(MARK))
    start = f"{MARK}{field}="
    return frozenset(text.removeprefix(start) for text in owned if text.startswith(start))


def merge_fields(
    existing: Fields,
    tags: Sequence[Tag],
    owned: Collection[str],
    deleted: Collection[str],
    options: WriterOptions,
) -> MergedFields:
    """Merge ``tags`` into every field. ``owned`` and ``deleted`` hold entries as :func:`note` makes them."""
    gone = {field: _noted(field, deleted) | texts for field, texts in _taken_out(existing, owned).items()}
    refused = {field: set(map(meaning, texts)) for field, texts in gone.items()}

    def is_refused(tag: Tag, field: str) -> bool:
        text = form(tag, field, options)
        return text in gone[field] if tag.is_literal else meaning(text) in refused[field]

    kept = tuple(tag for tag in tags if not any(is_refused(tag, field) for field in existing))
    flat = _persons(existing, owned)
    merged = {}
    for field, texts in existing.items():
        forms = [(form(tag, field, options), tag) for tag in kept]
        if field not in _TREES:
            forms = [
                (text, tag) for text, tag in forms if _fits(text, field) and _is_free(text, tag, texts, flat)
            ]
        merged[field] = merge(
            texts,
            [text for text, _ in forms],
            _noted(field, owned) & set(texts),
            gone[field],
            ends=ends_of([text for text, _ in forms], [tag for _, tag in forms]),
        )
    return MergedFields(
        merged,
        frozenset(note(field, text) for field, result in merged.items() for text in result.owned),
        frozenset(deleted)
        | {note(field, text) for field, result in merged.items() for text in result.deleted},
        kept,
    )


def _persons(existing: Fields, owned: Collection[str]) -> dict[str, str]:
    """What a person has in any of the flat fields, with its meaning: to their programs those are one list."""
    return {
        text: meaning(text)
        for field, texts in existing.items()
        if field not in _TREES
        for text in set(texts) - _noted(field, owned)
    }


def _is_free(text: str, tag: Tag, here: Sequence[str], flat: Mapping[str, str]) -> bool:
    """Whether no person has it in another flat field; what is literal counts in the same letters alone."""
    if tag.is_literal:
        return text in here or text not in flat
    return meaning(text) not in flat.values()


def _taken_out(existing: Fields, owned: Collection[str]) -> dict[str, frozenset[str]]:
    """Keywords of ours that a person took out of each field and did not put back. An empty field other than
    the main one tells nothing: some program may have dropped it that does not know it."""
    missing = {field: _noted(field, owned) - set(texts) for field, texts in existing.items()}
    back = _put_back(_noted(SUBJECT, owned) - missing[SUBJECT], missing)
    return {
        field: texts - back[field] if existing[field] or field == SUBJECT else frozenset()
        for field, texts in missing.items()
    }


def _put_back(standing: Collection[str], missing: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """What is ``missing`` from fields because it was taken out of all that a program knows, and then typed
    again into the main one, where it is ``standing``."""
    back: dict[str, set[str]] = {field: set() for field in missing}
    for name in standing:
        copies = {
            field: {text for text in texts if _leaf(text, field) == _in_field(name, field)}
            for field, texts in missing.items()
        }
        if {field for field, texts in copies.items() if texts} not in _EDITED_ALONE:
            for field, texts in copies.items():
                back[field] |= texts
    return back


def _leaf(text: str, field: str) -> str:
    """A field's keyword without its category."""
    return text.partition(_TREES[field])[2] if field in _TREES else text


def take_out_fields(existing: Fields, owned: Collection[str]) -> MergedFields:
    """Every field without the keywords in ``owned``."""
    merged = {field: take_out(texts, _noted(field, owned)) for field, texts in existing.items()}
    gone = frozenset(
        note(field, text) for field, texts in _taken_out(existing, owned).items() for text in texts
    )
    return MergedFields(merged, frozenset(), gone)

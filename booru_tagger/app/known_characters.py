"""Whom a model, and the user's gallery, can name, and what is known of each."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booru_tagger.app.characters import gallery_file
from booru_tagger.config import TaggingSettings
from booru_tagger.enrol import read
from booru_tagger.errors import DataError, nearest
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.models.bundle import Bundle, Label
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.identity import Identity
from booru_tagger.models.store.local import open_model
from booru_tagger.tagging.implications import Implication, completed, extended, read_implications
from booru_tagger.vocab import CHARACTER, normalise

TRAINED, BY_FACES, ENROLLED = "trained", "by faces", "enrolled"
"""How a character is known: the network learned it, the model compares faces with some of it, the user
enrolled it."""
_TABLE, _CARD = "characters.csv", "MODEL_CARD.md"
"""Files beside a manifest with figures of each character: `booru-tagger evaluate --characters` writes
the first, cards of models up to default 4 have such a table."""
_MAX_BYTES = 8_000_000
_CARD_ROW = re.compile(r"^\| `([^`]+)` \| (\d+) \| (\d\.\d+) \| (\d\.\d+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Figures:
    """How a character did in the model's test: faces looked at, the share whose likeliest name was right, and
    the share that was given a name."""

    faces: int
    right: float
    named: float


@dataclass(frozen=True, slots=True)
class KnownCharacter:
    """A character that a face can be named as.

    ``pictures``: those that what is known of it rests on, ``None`` where the model does not tell.
    ``threshold``: score from which it is named.
    """

    tag: str
    series: str
    implied: tuple[str, ...]
    how: str = TRAINED
    pictures: int | None = None
    threshold: float | None = None
    figures: Figures | None = None

    def to_json(self) -> dict[str, Any]:
        figures = self.figures
        return {
            "tag": self.tag,
            "series": self.series,
            "implied": list(self.implied),
            "known": self.how,
            "pictures": self.pictures,
            "threshold": self.threshold,
            "test": {"faces": figures.faces, "right": figures.right, "named": figures.named}
            if figures
            else None,
        }


def known_characters(tagging: TaggingSettings, *, enrolled_only: bool = False) -> list[KnownCharacter]:
    """The characters of the model and of the gallery that the settings name, by name.

    A character that is in both is listed as the user enrolled it. Raises BooruTaggerError.
    """
    table = read_implications(tagging.implications) if tagging.implications is not None else {}
    opened = open_model(tagging.model)
    known = {} if enrolled_only else {each.tag: each for each in _of_model(opened, table)}
    gallery = None if tagging.gallery is False else read(gallery_file(tagging))
    if gallery:
        labels = opened.labels if isinstance(opened, Bundle) else ()
        known |= {each.tag: each for each in _of_gallery(gallery, labels, table)}
    return sorted(known.values(), key=lambda each: each.tag)


def _of_model(opened: Bundle | ForeignTagger, table: Mapping[str, Implication]) -> Iterator[KnownCharacter]:
    if isinstance(opened, Bundle):
        yield from _of_bundle(opened, extended(opened.labels, table))
        return
    for label in opened.columns.labels:
        if label.category == CHARACTER and label.tag:
            yield KnownCharacter(label.tag, "", ())


def _of_bundle(bundle: Bundle, labels: Sequence[Label]) -> Iterator[KnownCharacter]:
    identity = Identity.of(bundle)
    counts = identity.people.counts.tolist() if identity is not None else [None] * len(labels)
    trained = len(identity.people.learned) if identity is not None else len(labels)
    lowest = bundle.recogniser.character_threshold if bundle.recogniser is not None else None
    figures = _figures(bundle.folder)
    for index, (label, pictures) in enumerate(zip(labels, counts, strict=True)):
        if label.category != CHARACTER:
            continue
        yield KnownCharacter(
            label.tag,
            label.series,
            label.implied,
            TRAINED if index < trained else BY_FACES,
            pictures,
            lowest if label.threshold is None else label.threshold,
            figures.get(label.tag),
        )


def _of_gallery(
    gallery: Gallery, model: Sequence[Label], table: Mapping[str, Implication]
) -> Iterator[KnownCharacter]:
    labels = extended(completed((enrolled.label for enrolled in gallery), model), table)
    for enrolled, label in zip(gallery, labels, strict=True):
        yield KnownCharacter(label.tag, label.series, label.implied, ENROLLED, len(enrolled.faces))


def _figures(folder: Path) -> dict[str, Figures]:
    """What is told beside a bundle of each character; nothing where nothing that can be read is there."""
    rows = csv.DictReader(io.StringIO(_text(folder / _TABLE)))
    try:
        found = {row["tag"]: (int(row["faces"]), int(row["right"]), int(row["named"])) for row in rows}
    except (KeyError, TypeError, ValueError, csv.Error):
        found = {}
    if found:
        return {
            tag: Figures(faces, right / max(1, faces), named / max(1, faces))
            for tag, (faces, right, named) in found.items()
        }
    listed = _CARD_ROW.findall(_text(folder / _CARD))
    return {tag: Figures(int(faces), float(right), float(named)) for tag, faces, right, named in listed}


def _text(path: Path) -> str:
    try:
        return read_regular(path, _MAX_BYTES).decode("utf-8", "replace")
    except (OSError, OversizeFileError):
        return ""


def matching(characters: Iterable[KnownCharacter], word: str = "", series: str = "") -> list[KnownCharacter]:
    """Those whose name holds ``word`` and whose series holds ``series``, however these are spelled."""
    word, series = normalise(word), normalise(series)
    return [each for each in characters if word in each.tag and series in each.series]


def series_counts(characters: Iterable[KnownCharacter]) -> list[tuple[str, int]]:
    """Each series with the number of its characters, the largest first."""
    return Counter(each.series for each in characters if each.series).most_common()


def find_enrolled(name: str, tagging: TaggingSettings) -> tuple[Gallery, Enrolled] | None:
    """An enrolled character with its gallery; ``None`` where nobody of that name is enrolled."""
    gallery = None if tagging.gallery is False else read(gallery_file(tagging))
    enrolled = gallery.find(normalise(name)) if gallery else None
    return None if gallery is None or enrolled is None else (gallery, enrolled)


def find_known(name: str, tagging: TaggingSettings) -> KnownCharacter:
    """One of them by its name. Raises :class:`DataError` for a name that nobody knows."""
    known = {each.tag: each for each in known_characters(tagging)}
    found = known.get(normalise(name))
    if found is None:
        near = nearest(normalise(name), known)
        hint = f"did you mean {near!r}?" if near else "it can be enrolled: booru-tagger characters add"
        raise DataError(f"{name!r} is neither known nor enrolled; {hint}")
    return found

"""Which of the words beside a picture are names of characters."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from booru_tagger.errors import ConfigError
from booru_tagger.files.text import open_text
from booru_tagger.models.bundle import Label
from booru_tagger.vocab import normalise, problem, unescape

NO_SERIES = frozenset(
    {
        *("animal", "anime", "armor", "artist", "artwork", "bird", "body", "building", "card"),
        *("character", "circle", "clothes", "clothing", "color", "company", "cosplay"),
        *("costume", "creature", "dance", "deity", "drink", "emoji", "event", "fashion", "film"),
        *("fish", "flower", "food", "fruit", "game", "gesture", "group", "hair", "hairstyle"),
        *("holiday", "idol", "instrument", "jewelry", "language", "manga", "material"),
        *("medium", "meme", "movie", "music", "novel", "object", "ornament", "place", "plant"),
        *("pose", "position", "series", "shape", "software", "song", "species", "sport"),
        *("structure", "style", "symbol", "team", "technique", "texture", "tool", "toy"),
        *("vehicle", "voice", "weapon", "website"),
    }
)
"""What stands in brackets behind a tag that is no character of a series: `bow_(weapon)`, `miku_(cosplay)`."""
CHARACTER_WORDS = frozenset({"character", "characters", "person", "people", "4"})
"""What programs call the category of characters, in front of a tag."""
OTHER_WORDS = frozenset(
    {
        *("artist", "copyright", "creator", "general", "genre", "group", "language", "medium"),
        *("meta", "page", "parody", "rating", "series", "site", "source", "species", "studio"),
        *("style", "subject", "system", "title", "uploader", "year"),
    }
)

_QUALIFIER = re.compile(r"_\(([^()]+)\)$")
_NAMED = re.compile(r"^(?P<word>[a-z0-9 _]+)[:|/](?P<name>.+)$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\d{2,4}_(?=\D)")
_SEVERAL = re.compile(r"\s*(?:,|&|\+)\s*")


class CharacterNames:
    """Tells characters from other tags. ``known`` are the labels of the model and of what is enrolled,
    ``listed`` names that a person gave."""

    def __init__(self, known: Iterable[Label] = (), listed: Collection[str] = ()) -> None:
        labels = list(known)
        self._names = {label.tag for label in labels} | set(listed)
        self._series = {label.series for label in labels if label.series}

    def marked(self, text: str) -> str | None:
        """The tag that stands where only characters do; ``None`` for what names nobody who is there."""
        tag = normalise(unescape(text))
        return None if problem(tag) or tag.endswith("_(cosplay)") else tag

    def found(self, text: str) -> str | None:
        """The tag if it is a character, among tags of all kinds: it says so (``character:``), or is known, or
        has a series in brackets."""
        named = _NAMED.match(unescape(text).strip())
        word = named["word"].strip().lower() if named else ""
        if named and word in CHARACTER_WORDS:
            return self.marked(re.split(r"[|/]", named["name"])[-1])
        if word in OTHER_WORDS:
            return None
        tag = self.marked(text)
        return tag if tag is not None and (tag in self._names or self._has_series(tag)) else None

    def of_folder(self, name: str, *, all_of_them: bool = False) -> list[str]:
        """The characters after whom a folder is called: those that are known, or all whom it may name."""
        tags = [self.marked(part) for part in _SEVERAL.split(_NUMBERED.sub("", name))]
        named = [tag for tag in tags if tag is not None]
        return named if all_of_them else [tag for tag in named if tag in self._names or self._has_series(tag)]

    def series_of(self, tag: str) -> str:
        """The series that a name tells, spelled as the model spells it; ``""`` where it tells none."""
        qualifier = _QUALIFIER.search(tag)
        if qualifier is None:
            return ""
        spellings = (qualifier[1], f"{qualifier[1]}_(series)")
        return next((each for each in spellings if each in self._series), "")

    def _has_series(self, tag: str) -> bool:
        qualifier = _QUALIFIER.search(tag)
        return qualifier is not None and qualifier[1].rpartition("_")[2] not in NO_SERIES


def read_names(path: Path) -> list[str]:
    """Names of characters in a file: one a line, or a table of tags whose third column or column ``category``
    says which are characters (4, ``character``). Raises :class:`ConfigError`."""
    try:
        with open_text(path, newline="") as handle:
            rows = [row for row in csv.reader(handle) if row and not row[0].startswith("#")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: the names cannot be read: {error}") from error
    if not rows:
        raise ConfigError(f"{path}: there are no names in it")
    head = [cell.strip().lower() for cell in rows[0]]
    name = next((head.index(word) for word in ("name", "tag", "label") if word in head), None)
    if name is None:  # no table, or one without a head, as programs for prompts have it: name, category, ...
        has_category = all(len(row) > 1 and row[1].strip().isdecimal() for row in rows)
        chosen = [row[0] for row in rows if not has_category or row[1].strip() == "4"]
    else:
        category = head.index("category") if "category" in head else None
        chosen = [
            row[name]
            for row in rows[1:]
            if len(row) == len(head) and (category is None or row[category] in ("4", "character"))
        ]
    tags = [normalise(unescape(text)) for text in chosen]
    return [tag for tag in tags if problem(tag) is None]

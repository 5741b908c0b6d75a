"""Who is told badly, and whom they are taken for: character by character, series by series, pair by pair."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from booru_export.evaluation.faces import SeenFace


@dataclass(frozen=True, slots=True)
class CharacterRow:
    """How one character was told: faces looked at, how many are right, named, and named wrongly.

    ``pictures``: how many the bundle knows it by. ``taken_for``: whom most of the wrong ones were taken for.
    """

    tag: str
    series: str
    pictures: int
    faces: int
    right: int
    named: int
    named_wrongly: int
    taken_for: str

    @property
    def top1(self) -> float:
        return self.right / self.faces


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two characters: how many faces of each were taken for the other, of how many looked at."""

    first: str
    second: str
    mistakes: tuple[int, int]
    faces: tuple[int, int]

    @property
    def total(self) -> int:
        return sum(self.mistakes)

    def __str__(self) -> str:
        (one, other), (faces, more) = self.mistakes, self.faces
        text = f"{self.first} taken for {self.second}: {one} of {faces} faces"
        return f"{text}; the other way round: {other} of {more}" if more else text


def by_character(seen: Sequence[SeenFace], series: Mapping[str, str]) -> list[CharacterRow]:
    """One row for each known character with faces, by name; ``series`` of each tag, where it is known."""
    of_label: dict[str, list[SeenFace]] = defaultdict(list)
    for item in seen:
        if item.label:
            of_label[item.label].append(item)
    rows = []
    for label, faces in sorted(of_label.items()):
        named = [item for item in faces if item.is_named]
        wrong = Counter(item.best.tag for item in faces if not item.is_right)
        right = sum(item.is_right for item in faces)
        named_wrongly = sum(not item.is_right for item in named)
        taken = wrong.most_common(1)[0][0] if wrong else ""
        counts = (len(faces), right, len(named), named_wrongly)
        rows.append(CharacterRow(label, series.get(label, ""), faces[0].pictures, *counts, taken))
    return rows


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """How the characters of one series were told; ``within``: wrong faces taken for another one of it."""

    series: str
    characters: int
    faces: int
    right: int
    within: int
    named: int
    named_wrongly: int


def by_series(
    seen: Sequence[SeenFace], series: Mapping[str, str], rows: Iterable[CharacterRow]
) -> list[SeriesRow]:
    """One row for each series, that with most faces first."""
    within = Counter(
        series.get(item.label, "")
        for item in seen
        if item.label and not item.is_right and series.get(item.best.tag, "") == series.get(item.label, "")
    )
    of_series: dict[str, list[CharacterRow]] = defaultdict(list)
    for row in rows:
        of_series[row.series].append(row)
    found = [
        SeriesRow(
            name,
            len(own),
            sum(row.faces for row in own),
            sum(row.right for row in own),
            within[name],
            sum(row.named for row in own),
            sum(row.named_wrongly for row in own),
        )
        for name, own in of_series.items()
    ]
    return sorted(found, key=lambda row: (-row.faces, row.series))


def confused_pairs(seen: Sequence[SeenFace], max_pairs: int = 10) -> list[ConfusedPair]:
    """The characters most often taken for each other, those with most mistakes first."""
    faces = Counter(item.label for item in seen if item.label)
    taken = Counter((item.label, item.best.tag) for item in seen if item.label and not item.is_right)
    pairs = {tuple(sorted(pair)) for pair in taken}
    found = []
    for one, other in pairs:
        first, second = sorted((one, other), key=lambda tag: -taken[tag, one if tag == other else other])
        mistakes = (taken[first, second], taken[second, first])
        found.append(ConfusedPair(first, second, mistakes, (faces[first], faces[second])))
    return sorted(found, key=lambda pair: (-pair.total, sum(pair.faces), pair.first))[:max_pairs]


def table_bytes(rows: Sequence[CharacterRow]) -> bytes:
    """A CSV file of all characters."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([one.name for one in fields(CharacterRow)])
    writer.writerows(astuple(row) for row in rows)
    return stream.getvalue().encode()


def worst(rows: Iterable[CharacterRow], count: int, min_faces: int) -> list[CharacterRow]:
    """Those told worst, of the characters with enough faces to say so."""
    enough = [row for row in rows if row.faces >= min_faces and row.right < row.faces]
    return sorted(enough, key=lambda row: (row.top1, -row.faces))[:count]

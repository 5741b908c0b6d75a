"""What `booru-tagger characters list` and `show` print."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from booru_tagger.app.known_characters import (
    BY_FACES,
    ENROLLED,
    Figures,
    KnownCharacter,
    series_counts,
)
from booru_tagger.cli.columns import Cell, Row, header, print_rows
from booru_tagger.cli.printing import console, is_listing, printable
from booru_tagger.errors import counted, nearest
from booru_tagger.models.gallery import Enrolled, Gallery

_SHRINKING = ((-1, 14), (1, 14), (0, 28), (1, 8), (-1, 1))
"""First what is implied gives way, the last column, then the series and the name."""
_STYLES = {ENROLLED: "green", BY_FACES: "yellow"}


def print_json(characters: Sequence[KnownCharacter]) -> None:
    for each in characters:
        click.echo(json.dumps(each.to_json(), ensure_ascii=False))


def print_table(characters: Sequence[KnownCharacter]) -> None:
    """A line for each, that is not wrapped: name, series (where there are several), how it is known, from how
    many pictures, what it implies."""
    several = is_listing() or len({each.series for each in characters}) > 1
    names = ("character", *(["series"] if several else []), "known", "pictures", "implies")
    rows = [header(*names), *(_row(each, several) for each in characters)]
    out = console()
    shrinking = _SHRINKING if several else ((-1, 24), (0, 28), (-1, 1))
    print_rows(out, rows, None if is_listing() else out.width, shrinking)


def _row(each: KnownCharacter, with_series: bool) -> Row:
    series = (Cell(printable(each.series or "-"), cut=True),) if with_series else ()
    return (
        Cell(printable(each.tag)),
        *series,
        Cell(each.how, _STYLES.get(each.how, "")),
        Cell("" if each.pictures is None else f"{each.pictures:>8,}"),
        Cell(printable(", ".join(each.implied)), "dim", cut=True),
    )


def summary(characters: Sequence[KnownCharacter], known: bool) -> str:
    """How many those are, and what becomes of all others."""
    many = counted(len(characters), "character")
    if not known:
        return f"{many} enrolled; those of the model: booru-tagger characters list --known"
    counts = series_counts(characters)
    series = counts[0][0] if len(counts) == 1 else f"{len(counts):,} series"
    return f"{many} of {series}; enrol your own: booru-tagger characters add --help"


def nobody(word: str, everybody: Sequence[KnownCharacter], known: bool) -> str:
    """Why the list is empty, and where to look."""
    if not everybody:
        return "no characters are enrolled; those of the model: booru-tagger characters list --known"
    words = {each.tag for each in everybody} | {each.series for each in everybody}
    near = nearest(word, words)
    hint = f"did you mean {near!r}?" if near else "" if known else "--known looks among the model's, too"
    whom = "known" if known else "enrolled"
    return f"nobody {whom} has {word!r} in the name, or in that of the series{'; ' if hint else ''}{hint}"


def print_known(known: KnownCharacter) -> None:
    """All that the model tells of one character."""
    basis = {BY_FACES: "by some of its faces, the network was not trained on it"}.get(known.how, known.how)
    facts = [
        ("name", known.tag),
        ("series", known.series or "-"),
        ("implies", ", ".join(known.implied) or "-"),
    ]
    facts += [("known", basis)]
    facts += [("pictures", f"{known.pictures:,}")] if known.pictures is not None else []
    facts += [("named", f"from a score of {known.threshold:g} on")] if known.threshold is not None else []
    facts += [("tested", _tested(known.figures))] if known.figures is not None else []
    for name, fact in facts:
        click.echo(printable(f"{name + ':':10} {fact}"))


def _tested(figures: Figures) -> str:
    faces = counted(figures.faces, "face")
    return (
        f"{faces} that it was not trained on: likeliest name right for {figures.right:.0%}, "
        f"{figures.named:.0%} named"
    )


def print_enrolled(gallery: Gallery, enrolled: Enrolled) -> None:
    """All that the gallery holds of one character."""
    label = enrolled.label
    added, model = enrolled.added or "-", gallery.model or gallery.recogniser[:12]
    click.echo(f"name:      {label.tag}")
    click.echo(f"series:    {label.series or '-'}")
    click.echo(f"implies:   {', '.join(label.implied) or '-'}")
    click.echo(f"enrolled:  {added}, with the model {model}")
    click.echo(f"faces:     {len(enrolled.faces)}, each with its similarity to the rest")
    similarities = enrolled.similarities.tolist() or [1.0]
    pictures = enrolled.pictures or ("-",) * len(enrolled.faces)
    for similarity, picture in sorted(zip(similarities, pictures, strict=True)):
        click.echo(printable(f"  {similarity:.3f}  {picture}"))

"""What the commands of `booru-tagger characters` do, put together from the parts for enrolment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import click

from booru_tagger.app import make_limits, tagger_options
from booru_tagger.cli.printing import counted, printable
from booru_tagger.cli.progress import looking
from booru_tagger.colors import Part
from booru_tagger.config import Settings
from booru_tagger.enrol import Details, Enrolment, adding, edit, enrol, importing, read, refuse_taken
from booru_tagger.enrol.enrolling import checked_name
from booru_tagger.errors import EXIT_SOME_FAILED, ConfigError, DataError, OutputError, nearest
from booru_tagger.files.replace import replace_file
from booru_tagger.models.gallery import Enrolled, Gallery, default_path, dump, load
from booru_tagger.sources.listed import Walk, from_paths
from booru_tagger.tagging.implications import colour_tag
from booru_tagger.tagging.tagger import Tagger

NO_COLOUR = "none"


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of `characters add` asks for, besides the settings."""

    name: str
    pictures: tuple[Path, ...]
    series: str = ""
    hair: tuple[str, ...] = ()
    eyes: tuple[str, ...] = ()
    imply: tuple[str, ...] = ()
    replace: bool = False
    keep_outliers: bool = False
    dry_run: bool = False


def add_character(request: Request, settings: Settings) -> int:
    """Enrol a character, say what came of it, and return the exit code."""
    tag, details, path = checked_name(request.name), _details(request), _gallery_file(settings)
    others = read(path)
    if not request.replace:  # before minutes are spent on pictures
        refuse_taken({tag}, others)
    options = tagger_options(settings.tagging, make_limits(settings.reading))
    tagger = Tagger(replace(options, gallery=None, implications=None, faces=True))
    empty = Gallery(tagger.bundle.recogniser_sha256 or "", model=tagger.model)
    comparable = others if others and others.recogniser == empty.recogniser else None
    pictures, failures = _pictures(request.pictures)
    with looking(len(pictures), "looking at the pictures") as step:
        enrolment = enrol(
            tagger,
            tag,
            pictures,
            details=details,
            others=comparable,
            keep_outliers=request.keep_outliers,
            step=step,
        )
    change = adding(enrolment.enrolled, empty, replaces=request.replace)
    gallery = change(others) if request.dry_run else edit(path, change)
    _report(enrolment, gallery, len(pictures), None if request.dry_run else path)
    failures += [str(error) for error in enrolment.failures]
    for failure in failures:
        click.echo(printable(failure), err=True)
    return EXIT_SOME_FAILED if failures else 0


def _details(request: Request) -> Details:
    return Details(
        series=checked_name(request.series) if request.series else "",
        hair=_colours(Part.HAIR, request.hair),
        eyes=_colours(Part.EYES, request.eyes),
        implied=tuple(checked_name(word) for word in _words(request.imply)),
    )


def _colours(part: Part, given: Sequence[str]) -> tuple[str, ...] | None:
    words = _words(given)
    if NO_COLOUR in words:
        return ()
    try:
        return tuple(colour_tag(part, word) for word in words) if words else None
    except ValueError as error:
        raise ConfigError(f"--{part}: {error}, and {NO_COLOUR} for no tag at all") from error


def _words(given: Sequence[str]) -> list[str]:
    """What a repeated flag holds, each time one word or several with commas between."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def _gallery_file(settings: Settings) -> Path:
    if settings.tagging.gallery is False:
        raise ConfigError(
            "the gallery is switched off (gallery = false, or --no-gallery); name one: --gallery"
        )
    return settings.tagging.gallery if isinstance(settings.tagging.gallery, Path) else default_path()


def _pictures(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The pictures named, those in folders named, and what is wrong with the rest."""
    items = list(from_paths(paths, Walk(recursive=False)))
    failures = [item.error.message for item in items if not isinstance(item, Path) and item.error]
    return [item for item in items if isinstance(item, Path)], failures


def _report(enrolment: Enrolment, gallery: Gallery, pictures: int, path: Path | None) -> None:
    enrolled = enrolment.enrolled
    for warning in enrolment.warnings:
        click.echo(printable(f"booru-tagger: warning: {warning}"), err=True)
    label = enrolled.label
    click.echo(
        f"{label.tag}: {counted(len(enrolled.faces), 'face')} from {counted(pictures, 'picture')}; "
        f"from a similarity of {gallery.threshold_of(label.tag):.2f} on, a face is taken for this character"
    )
    click.echo(f"implies: {_implied(enrolled) or 'nothing'}")
    place = "nothing written (dry run)" if path is None else f"written to {path}"
    click.echo(printable(f"booru-tagger: {counted(len(gallery), 'character')} enrolled; {place}"), err=True)


def _implied(enrolled: Enrolled) -> str:
    label = enrolled.label
    return ", ".join([*([label.series] if label.series else []), *label.implied])


def list_characters(settings: Settings) -> None:
    """Print a line for each enrolled character."""
    gallery = read(_gallery_file(settings))
    if not gallery:
        click.echo("booru-tagger: no characters are enrolled", err=True)
        return
    width = max(len(tag) for tag in gallery.tags)
    for enrolled, threshold in zip(gallery, gallery.thresholds.tolist(), strict=True):
        line = f"{enrolled.label.tag:{width}}  {len(enrolled.faces):3} faces  {threshold:.2f}"
        click.echo(f"{line}  {_implied(enrolled)}".rstrip())


def show_character(name: str, settings: Settings) -> None:
    """Print all that is known of one character."""
    gallery, enrolled = _found(name, settings)
    label = enrolled.label
    click.echo(f"name:      {label.tag}")
    click.echo(f"series:    {label.series or '-'}")
    click.echo(f"implies:   {', '.join(label.implied) or '-'}")
    click.echo(
        f"enrolled:  {enrolled.added or '-'}, with the model {gallery.model or gallery.recogniser[:12]}"
    )
    click.echo(f"threshold: {gallery.threshold_of(label.tag):.3f}")
    click.echo(f"faces:     {len(enrolled.faces)}, each with its similarity to the rest")
    similarities = enrolled.similarities.tolist() or [1.0]
    pictures = enrolled.pictures or ("-",) * len(enrolled.faces)
    for similarity, picture in sorted(zip(similarities, pictures, strict=True)):
        click.echo(printable(f"  {similarity:.3f}  {picture}"))


def _found(name: str, settings: Settings) -> tuple[Gallery, Enrolled]:
    path = _gallery_file(settings)
    gallery = load(path)
    enrolled = gallery.find(checked_name(name))
    if enrolled is None:
        _refuse_unknown(name, gallery)
    return gallery, enrolled


def _refuse_unknown(name: str, gallery: Gallery | None) -> NoReturn:
    tags = gallery.tags if gallery else frozenset()
    near = nearest(name, tags)
    hint = f"did you mean {near!r}?" if near else "`booru-tagger characters list` lists them"
    raise DataError(f"{name!r} is not enrolled; {hint}")


def remove_characters(names: Sequence[str], settings: Settings) -> None:
    """Take characters out of the gallery."""
    tags = {checked_name(name) for name in names}
    path = _gallery_file(settings)
    load(path)  # says it where there is none

    def change(gallery: Gallery | None) -> Gallery:
        for tag in sorted(tags - (gallery.tags if gallery else frozenset())):
            _refuse_unknown(tag, gallery)
        assert gallery is not None
        return gallery.without(tags)

    left = edit(path, change)
    click.echo(printable(f"booru-tagger: {counted(len(left), 'character')} left in {path}"), err=True)


def export_pack(pack: Path, names: Sequence[str], settings: Settings, *, replaces: bool) -> None:
    """Write a pack. Raises OutputError where something else has its name."""
    source = _gallery_file(settings)
    gallery = load(source)
    tags = {checked_name(name) for name in names} or gallery.tags
    for tag in sorted(tags - gallery.tags):
        _refuse_unknown(tag, gallery)
    if not tags:
        raise DataError(f"{source}: no characters are enrolled, so there is nothing to share")
    if pack.exists():
        _refuse_overwriting(pack, source, replaces)
    replace_file(pack, dump(gallery.only(tags), pictures=False))
    click.echo(printable(f"booru-tagger: {counted(len(tags), 'character')} written to {pack}"), err=True)


def _refuse_overwriting(pack: Path, source: Path, replaces: bool) -> None:
    if pack.resolve() == source.resolve():
        raise OutputError(f"{pack}: is the gallery itself; choose another name for the pack")
    if not replaces:
        raise OutputError(f"{pack}: exists and is left alone; --replace writes over an older pack")
    load(pack)  # raises where it is something else than a pack


def import_pack(
    pack: Path, rename: Sequence[str], settings: Settings, *, replaces: bool, dry_run: bool
) -> None:
    """Take a pack's characters into the gallery."""
    path, shared = _gallery_file(settings), load(pack)
    change = importing(shared, _renames(rename), replaces=replaces)
    gallery = change(read(path)) if dry_run else edit(path, change)
    for enrolled in shared:
        click.echo(
            f"{enrolled.label.tag}  {counted(len(enrolled.faces), 'face')}  {_implied(enrolled)}".rstrip()
        )
    place = "nothing written (dry run)" if dry_run else f"written to {path}"
    click.echo(printable(f"booru-tagger: {counted(len(gallery), 'character')} enrolled; {place}"), err=True)


def _renames(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in _words(given)]
    if any(not equals or not old or not new for old, equals, new in pairs):
        raise click.UsageError("--rename: must have the form OLD=NEW")
    return {checked_name(old): checked_name(new) for old, _, new in pairs}

"""Characters that a user enrols, in the gallery that the settings name."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from booru_tagger.app.parts import make_limits, tagger_options
from booru_tagger.colors import Part
from booru_tagger.config import Settings, TaggingSettings
from booru_tagger.enrol import Details, Enrolment, adding, edit, enrol, importing, read, refuse_taken
from booru_tagger.enrol.enrolling import checked_name
from booru_tagger.errors import ConfigError, DataError, OutputError, nearest
from booru_tagger.files.ignored import Ignored
from booru_tagger.files.replace import replace_file
from booru_tagger.models.gallery import Gallery, default_path, dump, load
from booru_tagger.sources.listed import Walk, from_paths
from booru_tagger.tagging.implications import color_tag
from booru_tagger.tagging.tagger import Tagger

NO_COLOR = "none"


@dataclass(frozen=True, slots=True)
class AddRequest:
    """A character to be enrolled: its name, pictures of it, and what a person says of it."""

    name: str
    pictures: Sequence[Path]
    details: Details
    replaces: bool = False
    keep_outliers: bool = False
    dry_run: bool = False


def gallery_file(tagging: TaggingSettings) -> Path:
    """Where the user's characters are kept. Raises :class:`ConfigError` where they are to be none."""
    if tagging.gallery is False:
        raise ConfigError(
            "the gallery is switched off (gallery = false, or --no-gallery); name one: --gallery"
        )
    return tagging.gallery if isinstance(tagging.gallery, Path) else default_path()


def pictures_in(paths: Sequence[Path], ignore: tuple[str, ...] = ()) -> tuple[list[Path], list[str]]:
    """The pictures named, those in folders named that ``ignore`` does not match, and what is wrong with the
    rest."""
    items = list(from_paths(paths, Walk(recursive=False, ignored=Ignored(ignore))))
    failures = [item.error.message for item in items if not isinstance(item, Path) and item.error]
    return [item for item in items if isinstance(item, Path)], failures


def details_of(series: str, hair: Sequence[str], eyes: Sequence[str], implied: Sequence[str]) -> Details:
    """What a person says of a character. Raises :class:`ConfigError` for an unknown color, and DataError."""
    return Details(
        series=checked_name(series) if series else "",
        hair=_colors(Part.HAIR, hair),
        eyes=_colors(Part.EYES, eyes),
        implied=tuple(checked_name(word) for word in implied),
    )


def _colors(part: Part, words: Sequence[str]) -> tuple[str, ...] | None:
    if NO_COLOR in words:
        return ()
    try:
        return tuple(color_tag(part, word) for word in words) if words else None
    except ValueError as error:
        raise ConfigError(f"--{part}: {error}, and {NO_COLOR} for no tag at all") from error


@dataclass(frozen=True, slots=True)
class CharacterDraft:
    """A character that could be enrolled: how its pictures were taken, and an empty gallery of the model."""

    enrolment: Enrolment
    empty: Gallery


def look_at_character(
    request: AddRequest, settings: Settings, step: Callable[[], None] = lambda: None
) -> CharacterDraft:
    """Look at a character's pictures; nothing is written. ``step`` is called with each of them.

    Raises BooruTaggerError, also for a name that is taken.
    """
    tag = checked_name(request.name)
    others = read(gallery_file(settings.tagging))
    if not request.replaces:  # before minutes are spent on pictures
        refuse_taken({tag}, others)
    tagger = enrolling_tagger(settings)
    empty = empty_gallery(tagger)
    enrolment = enrol(
        tagger,
        tag,
        request.pictures,
        details=request.details,
        others=others if others and others.recogniser == empty.recogniser else None,
        keep_outliers=request.keep_outliers,
        step=step,
    )
    return CharacterDraft(enrolment, empty)


def add_character(candidate: CharacterDraft, request: AddRequest, settings: Settings) -> Gallery:
    """Enrol a character; the gallery that it is in now, or would be in. Raises BooruTaggerError."""
    path = gallery_file(settings.tagging)
    enrolled = candidate.enrolment.enrolled
    rooted = tuple(os.path.abspath(picture) for picture in enrolled.pictures)  # noqa: PTH100 - a link stays
    change = adding(replace(enrolled, pictures=rooted), candidate.empty, replaces=request.replaces)
    return change(read(path)) if request.dry_run else edit(path, change)


def enrolling_tagger(settings: Settings) -> Tagger:
    """Looks at faces, whatever is enrolled so far. Raises :class:`ModelError` and ConfigError."""
    options = tagger_options(settings.tagging, make_limits(settings.reading))
    return Tagger(replace(options, gallery=None, implications=None, faces=True))


def empty_gallery(tagger: Tagger) -> Gallery:
    """A gallery for characters that are enrolled with this model."""
    return Gallery(tagger.bundle.recogniser_sha256 or "", model=tagger.model)


def _refuse_unknown(name: str, gallery: Gallery | None) -> NoReturn:
    tags = gallery.tags if gallery else frozenset()
    near = nearest(name, tags)
    hint = f"did you mean {near!r}?" if near else "`booru-tagger characters list` lists them"
    raise DataError(f"{name!r} is not enrolled; {hint}")


def remove_characters(names: Collection[str], path: Path) -> Gallery:
    """Take characters out of the gallery at ``path``; what is left."""
    tags = {checked_name(name) for name in names}
    load(path)  # says it where there is none

    def change(gallery: Gallery | None) -> Gallery:
        for tag in sorted(tags - (gallery.tags if gallery else frozenset())):
            _refuse_unknown(tag, gallery)
        assert gallery is not None
        return gallery.without(tags)

    return edit(path, change)


def export_pack(pack: Path, names: Collection[str], source: Path, *, replaces: bool) -> int:
    """Write characters of the gallery at ``source``, or all, into a pack; how many.

    Raises OutputError where something else has its name.
    """
    gallery = load(source)
    tags = {checked_name(name) for name in names} or gallery.tags
    for tag in sorted(tags - gallery.tags):
        _refuse_unknown(tag, gallery)
    if not tags:
        raise DataError(f"{source}: no characters are enrolled, so there is nothing to share")
    if pack.exists():
        _refuse_overwriting(pack, source, replaces)
    replace_file(pack, dump(gallery.only(tags), pictures=False))
    return len(tags)


def _refuse_overwriting(pack: Path, source: Path, replaces: bool) -> None:
    if pack.resolve() == source.resolve():
        raise OutputError(f"{pack}: is the gallery itself; choose another name for the pack")
    if not replaces:
        raise OutputError(f"{pack}: exists and is left alone; --replace writes over an older pack")
    load(pack)  # raises where it is something else than a pack


def import_pack(
    pack: Path, renames: Mapping[str, str], path: Path, *, replaces: bool, dry_run: bool
) -> tuple[Gallery, Gallery]:
    """Take a pack's characters into the gallery at ``path``; the pack, and the gallery as it is then."""
    shared = load(pack)
    names = {checked_name(old): checked_name(new) for old, new in renames.items()}
    change = importing(shared, names, replaces=replaces)
    return shared, change(read(path)) if dry_run else edit(path, change)

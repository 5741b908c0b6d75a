"""Gallery files: changed in one step, never two changes over one another, with a copy of what is dropped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from booru_tagger.enrol.enrolling import checked_name
from booru_tagger.errors import DataError, ModelError
from booru_tagger.files.replace import replace_file
from booru_tagger.models.gallery import NO_BOXES, Enrolled, Gallery, dump, load, parse
from booru_tagger.writers.atomic import revise
from booru_tagger.writers.base import Revision, Written

BACKUP = ".bak"
"""Added to a gallery's name for the copy of how it was before characters were last dropped from it."""


def read(path: Path) -> Gallery | None:
    """The gallery at ``path``; ``None`` where there is none yet. Raises :class:`ModelError`."""
    return load(path) if path.exists() else None


def edit(path: Path, change: Callable[[Gallery | None], Gallery]) -> Gallery:
    """Make of the gallery at ``path`` what ``change`` makes of it, and return that.

    It is called with ``None`` where there is no gallery, and again where another program changed the file in
    between. Where a character is dropped or replaced, the file as it was is kept beside it. Raises
    :class:`OutputError`, :class:`ModelError` for a file that is not a gallery (it is left alone), and what
    ``change`` raises.
    """
    result: Gallery | None = None
    drops = False

    def revised(before: bytes | None) -> Revision:
        nonlocal result, drops
        old = None if before is None else parse(before, str(path))
        result = change(old)
        kept = set(map(id, result))
        drops = old is not None and any(id(enrolled) not in kept for enrolled in old)
        return Revision(dump(result), frozenset(), frozenset())

    def keep_copy(written: Written) -> None:
        if drops and written.before is not None:
            replace_file(path.with_name(path.name + BACKUP), written.before)

    revise(path, revised, announce=keep_copy, make_folder=True)
    assert result is not None
    return result


def adding(enrolled: Enrolled, empty: Gallery, *, replaces: bool) -> Callable[[Gallery | None], Gallery]:
    """The change for :func:`edit` that puts one character in.

    ``empty`` is a gallery of the model that it was enrolled with. Raises :class:`DataError` for a name that
    is taken, unless it ``replaces`` the character, and :class:`ModelError` where the others are of another
    model.
    """

    def change(gallery: Gallery | None) -> Gallery:
        standing = fitting(gallery, empty)
        if not replaces:
            refuse_taken({enrolled.label.tag}, standing)
        return standing.adding([enrolled])

    return change


def importing(
    pack: Gallery, rename: Mapping[str, str], *, replaces: bool
) -> Callable[[Gallery | None], Gallery]:
    """The change for :func:`edit` that puts a pack's characters in, some under new names.

    Raises as :func:`adding` does, and :class:`DataError` for a new name for nobody.
    """
    unknown = sorted(set(rename) - pack.tags)
    if unknown:
        raise DataError(
            f"there is no {unknown[0]!r} in the pack to rename; it has {', '.join(sorted(pack.tags))}"
        )
    renamed = [_renamed(enrolled, rename) for enrolled in pack]
    empty = pack.only(())

    def change(gallery: Gallery | None) -> Gallery:
        standing = fitting(gallery, empty)
        new = Gallery(pack.recogniser, renamed, model=pack.model)
        if not replaces:
            refuse_taken(new.tags, standing)
        return standing.adding(new)

    return change


def _renamed(enrolled: Enrolled, rename: Mapping[str, str]) -> Enrolled:
    """The character under its new name, and without the names of somebody else's pictures."""
    tag = enrolled.label.tag
    return replace(
        enrolled,
        label=enrolled.label._replace(tag=checked_name(rename.get(tag, tag))),
        pictures=(),
        boxes=NO_BOXES,
    )


def fitting(gallery: Gallery | None, empty: Gallery) -> Gallery:
    """The gallery, if it can take characters of the same model as ``empty``."""
    if not gallery:
        return empty
    if gallery.recogniser != empty.recogniser:
        raise ModelError(
            f"the gallery's characters ({', '.join(sorted(gallery.tags))}) were enrolled with another model "
            f"({gallery.model or 'unnamed'}) than {empty.model or 'the new ones'}, and a gallery is of one "
            "model; `booru-tagger characters refresh` enrols them again from the same pictures, or name "
            "another file with --gallery"
        )
    return gallery


def refuse_taken(tags: Collection[str], gallery: Gallery | None) -> None:
    """Raise :class:`DataError` where one of these names is in the gallery."""
    taken = sorted(gallery.tags & set(tags)) if gallery else []
    if taken:
        raise DataError(
            f"{', '.join(taken)}: in the gallery already; "
            "--replace puts the new faces in place of the old ones"
        )

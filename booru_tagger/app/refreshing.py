"""The gallery enrolled anew, after a change of model."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from booru_tagger.app.characters import empty_gallery, enrolling_tagger, gallery_file
from booru_tagger.config import Settings
from booru_tagger.enrol import edit
from booru_tagger.enrol.enrolling import same_person_of
from booru_tagger.enrol.refreshing import Refreshed, pictures_of, refreshed
from booru_tagger.enrol.seen_faces import FaceReader, Viewed, default_path
from booru_tagger.errors import DataError
from booru_tagger.files.replace import output_error, replace_file
from booru_tagger.models.gallery import Gallery, load
from booru_tagger.parallel import make_executor


@dataclass(frozen=True, slots=True)
class Renewal:
    """A gallery enrolled anew; ``kept`` is the file in which the old one stays. ``None``: nothing to do."""

    refreshed: Refreshed
    kept: Path


def refresh_gallery(
    settings: Settings,
    *,
    dry_run: bool = False,
    begin: Callable[[int], AbstractContextManager[Callable[[], None]]],
) -> Renewal | None:
    """Enrol the characters of the gallery with the model in use, from the pictures that it remembers.

    ``begin`` is told how many these are, and gives what is called with each. ``None`` where they are enrolled
    with that model already. Raises BooruTaggerError.
    """
    path = gallery_file(settings.tagging)
    old, tagger = load(path), enrolling_tagger(settings)
    empty = empty_gallery(tagger)
    if old.recogniser == empty.recogniser or not old:
        return None
    names, limits = pictures_of(old), tagger.options.limits
    executor = make_executor(settings.running.jobs)
    with closing(FaceReader(tagger, default_path())) as reader, begin(len(names)) as step:
        viewed = (Viewed.file(Path(name), limits) for name in names)
        seen = reader.look_at_all(viewed, executor, step)
    result = refreshed(old, empty, seen, same_person_of(tagger))
    kept = _free_name(path, old.model)
    if not dry_run:
        _replace_gallery(path, old, result.gallery, kept)
    return Renewal(result, kept)


def _replace_gallery(path: Path, old: Gallery, new: Gallery, kept: Path) -> None:
    def change(standing: Gallery | None) -> Gallery:
        if standing is None or standing.fingerprint != old.fingerprint:
            raise DataError(f"{path}: was changed meanwhile; run `booru-tagger characters refresh` again")
        return new

    try:
        replace_file(kept, path.read_bytes())
    except OSError as error:
        raise output_error(kept, error) from error
    edit(path, change)


def _free_name(path: Path, model: str) -> Path:
    """A name beside the gallery that tells the model that it was enrolled with, and that nothing has yet."""
    words = re.sub(r"[^\w.]+", "-", model) or "old"
    names = (
        f"{path.stem}.{words}{number}{path.suffix}" for number in chain([""], map("-{}".format, count(2)))
    )
    return next(place for name in names if not (place := path.with_name(name)).exists())

"""Characters learned from the pictures that one has, by what is said of them already."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from booru_tagger.app.booru_names import BooruNames
from booru_tagger.app.characters import empty_gallery, enrolling_tagger, gallery_file
from booru_tagger.app.parts import make_walk
from booru_tagger.app.recording import Tell, open_journal
from booru_tagger.boorus.danbooru import Danbooru
from booru_tagger.boorus.http import Server
from booru_tagger.config import Settings
from booru_tagger.drawing.marked import refuse_other_file
from booru_tagger.enrol import edit, fitting, learning, read
from booru_tagger.enrol.enrolling import checked_name, same_person_of
from booru_tagger.enrol.labelled.approval import Approval, read_approval
from booru_tagger.enrol.labelled.labels import (
    Embedded,
    LabelReader,
    Posts,
    Said,
    journalled,
    read_embedded,
)
from booru_tagger.enrol.labelled.lesson import Lesson, Wishes, anchors_of, learn
from booru_tagger.enrol.labelled.names import CharacterNames, read_names
from booru_tagger.enrol.labelled.page import is_page, page
from booru_tagger.enrol.seen_faces import FaceReader, SeenFaces, Viewed, default_path
from booru_tagger.errors import DataError, ImageError, counted
from booru_tagger.files.replace import replace_file
from booru_tagger.imaging import Limits
from booru_tagger.journal import default_path as default_journal
from booru_tagger.models.gallery import Gallery
from booru_tagger.parallel import make_executor
from booru_tagger.sources.booru_posts import characters
from booru_tagger.sources.listed import from_paths

_log = logging.getLogger(__name__)
_MD5 = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_MAX_RATE = 5
"""Requests a second to a site that is open to all, at most."""
_COLUMNS = ("picture", "name", "reason", "likeness", "other", "other_likeness")

Begin = Callable[[int, str], AbstractContextManager[Callable[[], None]]]
"""Told how many pictures there are and what is done with them; gives what is called with each."""


@dataclass(frozen=True, slots=True)
class LearnRequest:
    """What is to be learned, and from what: see `booru-tagger characters learn`."""

    paths: tuple[Path, ...] = ()
    names: Path | None = None
    metadata: tuple[Path, ...] = ()
    all_folders: bool = False
    hydrus: tuple[str, ...] = ()
    szurubooru: str | None = None
    lookup: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    new_only: bool = False
    min_faces: int = 2
    approved: Path | None = None


@dataclass(frozen=True, slots=True)
class Learning:
    """What was found in a library, and how it can be enrolled: ``change`` is for
    :func:`booru_tagger.enrol.edit`.

    ``pictures`` were looked over, ``named`` of them have a character's name, ``read`` of these were looked at
    anew. ``failures`` say which could not be read.
    """

    lesson: Lesson
    pictures: int
    named: int
    read: int
    failures: tuple[str, ...]
    viewed: dict[str, Viewed]
    change: Callable[[Gallery | None], Gallery]


def learn_library(
    request: LearnRequest, settings: Settings, *, begin: Begin, tell: Tell = _log.warning
) -> Learning:
    """Find out what the pictures teach; nothing is enrolled yet. Raises BooruTaggerError."""
    tagger = enrolling_tagger(settings)
    empty = empty_gallery(tagger)
    gallery = fitting(read(gallery_file(settings.tagging)), empty)
    labels = tagger.bundle.labels
    known = [*labels, *(enrolled.label for enrolled in gallery)]
    names = CharacterNames(known, read_names(request.names) if request.names else ())
    with ExitStack() as stack:
        reader = stack.enter_context(closing(FaceReader(tagger, default_path())))
        found = _Finding(request, settings, reader, names, tagger.options.limits, tell, stack)
        pictures = found.all(begin)
        said = {name: one for name, (_, one) in pictures.items() if one.names}
        with begin(len(said), "looking at the pictures") as step:
            executor = make_executor(settings.running.jobs)
            seen = reader.look_at_all((pictures[name][0] for name in said), executor, step)
    wishes = _wishes(request, gallery, {label.tag for label in labels})
    anchors = anchors_of(labels, tagger.networks.identity, gallery, said)
    lesson = learn(said, seen, anchors, same_person_of(tagger), wishes)
    return Learning(
        lesson,
        len(pictures),
        len(said),
        sum(one.new and one.error is None for one in seen.values()),
        (*found.failures, *_failures(seen)),
        {name: pictures[name][0] for name in said},
        learning({one.tag: one.faces for one in lesson.characters}, empty, names.series_of),
    )


def enrol_learned(learned: Learning, settings: Settings, *, dry_run: bool = False) -> Gallery:
    """Put what was learned into the gallery; as it is then, or would be. Raises BooruTaggerError."""
    path = gallery_file(settings.tagging)
    return learned.change(read(path)) if dry_run else edit(path, learned.change)


def write_page(learned: Learning, target: Path, limits: Limits) -> None:
    """A page on which a person can look at what would be learned. Raises :class:`OutputError`."""
    refuse_other_file(target, is_page, "a page of this command")
    text = page(learned.lesson, learned.viewed, limits)
    replace_file(target, text.encode("utf-8", "surrogateescape"))


def write_doubts(learned: Learning, target: Path) -> None:
    """All doubtful names as a table. Raises :class:`OutputError`."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for doubt in learned.lesson.doubts:
        numbers = f"{doubt.likeness:.3f}", doubt.other, f"{doubt.other_likeness:.3f}" if doubt.other else ""
        table.writerow((doubt.picture, doubt.tag, str(doubt), *numbers))
    replace_file(target, text.getvalue().encode("utf-8", "surrogateescape"))


def _wishes(request: LearnRequest, gallery: Gallery, trained: set[str]) -> Wishes:
    approval = read_approval(request.approved) if request.approved else Approval()
    only = frozenset(map(checked_name, request.only))
    if approval.characters is not None:
        only = approval.characters & only if only else approval.characters
        if not only:
            raise DataError(
                f"{request.approved}: no character is approved in it, so there is nothing to learn"
            )
    leave_out = frozenset(map(checked_name, request.leave_out)) | (trained if request.new_only else set())
    enrolled = {(picture, one.label.tag) for one in gallery for picture in one.pictures}
    return Wishes(
        request.min_faces, only, leave_out, approval.accepted | frozenset(enrolled), approval.refused
    )


def _failures(seen: dict[str, SeenFaces]) -> list[str]:
    return [str(one.error) for one in seen.values() if one.error is not None]


class _Finding:
    """All pictures with what is said of them."""

    def __init__(
        self,
        request: LearnRequest,
        settings: Settings,
        reader: FaceReader,
        names: CharacterNames,
        limits: Limits,
        tell: Tell,
        stack: ExitStack,
    ) -> None:
        self._request, self._settings, self._reader, self._limits = request, settings, reader, limits
        self._tell = tell
        self.failures: list[str] = []
        problem = self.failures.append
        journal = None
        if _has_journal(settings):
            journal = stack.enter_context(open_journal(settings.recording, tell))
        self._labels = LabelReader(
            names,
            posts=Posts(request.metadata, problem) if request.metadata else None,
            all_folders=request.all_folders,
            problem=problem,
            **({"ours": journalled(journal)} if journal is not None else {}),
        )
        self._boorus = BooruNames(self._labels, settings.pushing, journal, limits)
        self._sites = [_lookup_site(url, settings) for url in request.lookup]

    def all(self, begin: Begin) -> dict[str, tuple[Viewed, Said]]:
        found: dict[str, tuple[Viewed, Said]] = {}
        files, fetched = list(self._files()), list(self._of_boorus())
        with begin(len(files) + len(fetched), "reading what is said of the pictures") as step:
            for path, root in files:
                viewed = Viewed.file(path, self._limits)
                found[viewed.name] = viewed, self._said(viewed, path, root)
                step()
            for viewed, said in fetched:
                found[viewed.name] = viewed, self._fetched(viewed, said)
                step()
        return found

    def _files(self) -> Iterator[tuple[Path, Path]]:
        for root in self._request.paths:
            folder = Path(os.path.abspath(root))  # noqa: PTH100 - a link keeps its name
            for item in from_paths([folder], make_walk(self._settings.reading)):
                if isinstance(item, Path):
                    yield item, folder if folder != item else item.parent
                elif item.error is not None:
                    self.failures.append(item.error.message)

    def _of_boorus(self) -> Iterator[tuple[Viewed, Said]]:
        if self._request.hydrus:
            yield from self._boorus.of_hydrus(self._request.hydrus)
        if self._request.szurubooru is not None:
            yield from self._boorus.of_szurubooru(self._request.szurubooru)
        if self._boorus.marked:
            self._tell(
                f"the names of {counted(self._boorus.marked, 'picture')} were left out: the marker "
                f"{self._settings.pushing.marker!r} stands there, and this journal does not know which tags "
                "the push gave that set it"
            )

    def _said(self, viewed: Viewed, path: Path, root: Path) -> Said:
        said = self._labels.read(path, root)
        with self._telling():
            said |= self._inside(viewed, path)
            for url, site in self._sites if not said.names else ():
                ask = functools.partial(_looked_up, site, viewed)
                said |= self._labels.characters(
                    json.loads(self._reader.remembered(f"post {url}", viewed, ask))
                )
        return said

    def _fetched(self, viewed: Viewed, said: Said) -> Said:
        with self._telling():
            said |= self._inside(viewed, None)
        return said

    def _inside(self, viewed: Viewed, path: Path | None) -> Said:
        """What the picture's own file says; ``path``: where it is, unless it is fetched."""
        inside = self._reader.remembered("inside", viewed, lambda: read_embedded(viewed.read()).to_json())
        return self._labels.embedded(Embedded.from_json(inside), path)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ImageError as error:
            self.failures.append(str(error))


def _has_journal(settings: Settings) -> bool:
    named = settings.recording.journal
    return named is not False and (named if isinstance(named, Path) else default_journal()).exists()


def _lookup_site(url: str, settings: Settings) -> tuple[str, Danbooru]:
    pushing = settings.pushing
    headers = {"User-Agent": f"booru-tagger/{version('booru-tagger')}", "Accept": "application/json"}
    rate = min(_MAX_RATE, pushing.request_rate)
    return url, Danbooru(Server(url, headers, rate=rate, timeout=pushing.request_timeout))


def _looked_up(site: Danbooru, viewed: Viewed) -> str:
    """The characters that the site knows in a file, by the MD5 in its name, or else that of its content."""
    named = _MD5.search(Path(viewed.name).name.lower())
    content = named[0] if named else hashlib.md5(viewed.read(), usedforsecurity=False).hexdigest()
    post = site.post_of(content)
    return json.dumps([] if post is None else characters(post))

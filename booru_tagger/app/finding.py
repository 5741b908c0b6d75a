"""Pictures by what the journal says of them, and by a face."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import ReadingSettings, Settings
from booru_tagger.files.replace import replace_file
from booru_tagger.journal import Journal
from booru_tagger.journal.finding import Query
from booru_tagger.types import FaceResult, TagResult
from booru_tagger.vocab import normalise

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FindRequest:
    """What is looked for.

    With ``like``, a picture of a face, those pictures that ``query`` finds and that show a face like it: of
    the similarity ``min_likeness`` or more; without that, of the one from which on the model takes two faces
    for one person's. ``limit`` pictures at most. ``gone``: those too whose file is not there any more.
    """

    query: Query
    like: Path | None = None
    min_likeness: float | None = None
    limit: int | None = None
    gone: bool = False


class PictureMatch(NamedTuple):
    """A picture that was found; where a face was looked for, which of its faces is alike, and how much."""

    number: int
    path: bytes
    face: int | None = None
    likeness: float | None = None


class Search:
    """An answer.

    ``passed_over`` counts pictures that are gone, as far as the matches were gone through; ``misspelled`` are
    the words that never occur, each with what was perhaps meant, where nothing was found.
    """

    def __init__(
        self,
        journal: Journal,
        request: FindRequest,
        found: Iterable[PictureMatch],
        reading: ReadingSettings,
        misspelled: Sequence[tuple[str, str | None]] = (),
    ) -> None:
        self._journal, self._request, self._found, self._reading = journal, request, found, reading
        self.misspelled = misspelled
        self.passed_over = 0

    def matches(self) -> Iterator[PictureMatch]:
        """The pictures: those with the most alike faces first, or by their paths. To be called once."""
        left = self._request.limit
        for match in self._found:
            if left == 0:
                return
            if self._request.gone or os.path.exists(match.path):  # noqa: PTH110 - bytes
                yield match
                left = None if left is None else left - 1
            else:
                self.passed_over += 1

    def results(self) -> Iterator[tuple[PictureMatch, TagResult]]:
        """The same, each with what was written for it."""
        for part in _parts(self.matches()):
            results = dict(self._journal.finder.results(match.number for match in part))
            for match in part:
                if match.number in results:
                    yield match, replace(results[match.number], path=os.fsdecode(match.path))

    def draw(self, target: Path) -> int:
        """Draw the faces that were looked for into a contact sheet; how many are on it.

        Raises :class:`OutputError`, also where something else has that name.
        """
        from booru_tagger.app.parts import make_limits  # Pillow and numpy, which only drawing needs
        from booru_tagger.drawing.contact_sheet import ContactSheet, caption_of, is_sheet, likeness_caption
        from booru_tagger.drawing.marked import refuse_other_file

        refuse_other_file(target, is_sheet, "a contact sheet")
        sheet, limits = ContactSheet(), make_limits(self._reading)
        for match, result in self.results():
            caption = caption_of if match.likeness is None else partial(likeness_caption, match.likeness)
            sheet.add(replace(result, faces=self._shown(match, result)), limits, caption)
        replace_file(target, sheet.png())
        return len(sheet)

    def _shown(self, match: PictureMatch, result: TagResult) -> tuple[FaceResult, ...]:
        if match.face is not None:
            return result.faces[match.face : match.face + 1]
        fitting = tuple(face for face in result.faces if _fits(face, self._request.query))
        return fitting or result.faces


@contextmanager
def open_search(
    request: FindRequest,
    settings: Settings,
    *,
    step: Callable[[], None] = lambda: None,
    tell: Tell = _log.warning,
) -> Iterator[Search]:
    """Look in the journal, which is closed at the end. No picture is read but the one that is to be ``like``.

    ``step`` is called for each picture of an earlier version's journal that has to be made known to the
    search, which happens once. ``tell`` hears of faces that cannot be compared. Raises BooruTaggerError.
    """
    with need_journal(settings.recording, tell) as journal:
        finder = journal.finder
        finder.index(step)
        if request.like is None:
            found = finder.find(request.query)
            matches: Iterable[PictureMatch] = starmap(PictureMatch, found)
        else:
            matches = alike = _like(request, journal, settings, tell)
            found = [match[:2] for match in alike]
        misspelled = () if found else finder.misspelled(request.query)
        yield Search(journal, request, matches, settings.reading, misspelled)


def _like(request: FindRequest, journal: Journal, settings: Settings, tell: Tell) -> list[PictureMatch]:
    """The pictures that the query finds with a face like the one asked for, the most alike first."""
    from booru_tagger.app.likeness import faces_like  # the networks

    assert request.like is not None
    finder = journal.finder
    ranked = faces_like(request.like, request.min_likeness, journal, settings, tell)
    owners = finder.faces([number for number, _ in ranked])
    paths = dict(finder.find(request.query, {owner.picture for owner in owners.values()}))
    best: dict[int, PictureMatch] = {}
    for number, likeness in ranked:
        owner = owners.get(number)
        if owner is not None and owner.picture in paths and owner.picture not in best:
            best[owner.picture] = PictureMatch(owner.picture, paths[owner.picture], owner.place, likeness)
    return list(best.values())


def _fits(face: FaceResult, query: Query) -> bool:
    """Whether a face is among those that a query is about."""
    who = face.character
    if (query.unnamed or query.names or query.min_score is not None) and query.unnamed != (who is None):
        return False
    if who is not None and query.names and not _is_any(who.tag, query.names):
        return False
    if query.min_score is not None and (who.score if who is not None else face.score) < query.min_score:
        return False
    return all(
        wanted is None or (found is not None and found.tag == wanted)
        for wanted, found in ((query.hair, face.hair_color), (query.eyes, face.eye_color))
    )


def _is_any(tag: str, names: Iterable[str]) -> bool:
    return any(tag == name or fnmatchcase(tag, name) for name in map(normalise, names))


def _parts(matches: Iterable[PictureMatch], size: int = 256) -> Iterator[list[PictureMatch]]:
    part: list[PictureMatch] = []
    for match in matches:
        part.append(match)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part

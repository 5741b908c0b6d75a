"""From the journal to what a report says: counts, contact sheets, look-alikes among the unknown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from booru_tagger.errors import BooruTaggerError, ImageError
from booru_tagger.imaging import Limits, read_picture
from booru_tagger.journal import Journal
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.reporting.values import (
    CHANGED,
    SURE,
    CollectionReport,
    FoundCharacter,
    Portrait,
    Tally,
    UnknownGroup,
)
from booru_tagger.review.face_cache import Cutout, FaceCache
from booru_tagger.review.similarity import is_clear, strangers
from booru_tagger.review.verdicts import SOURCE
from booru_tagger.sources.listed import Walk
from booru_tagger.types import PERSON, Box, FaceResult, PictureError, TagResult
from booru_tagger.vocab import COPYRIGHT

SHEET = 12
"""Faces shown of a character at most."""
MAX_UNKNOWN_GROUPS = 40
MAX_FAILURES = 200


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One face of one picture."""

    picture: Path
    result: TagResult
    face: FaceResult

    @property
    def name(self) -> str:
        return self.face.character.tag if self.face.character is not None else ""

    @property
    def by_person(self) -> bool:
        return self.face.character is not None and self.face.character.source in (SOURCE, PERSON)

    @property
    def score(self) -> float:
        return self.face.character.score if self.face.character is not None else 0.0


class _Cutting:
    """Cuts faces out, picture by picture, and remembers the pictures that cannot be read any more."""

    def __init__(self, face_cache: FaceCache, step: Callable[[], None]) -> None:
        self._face_cache, self.bundle = face_cache, face_cache.bundle
        self._step = step
        self.failures: dict[Path, PictureError] = {}

    def cut(self, seen: Iterable[_Seen]) -> dict[int, Cutout]:
        """The cut-outs by the ``id`` of what was given."""
        by_picture: defaultdict[Path, list[_Seen]] = defaultdict(list)
        for one in seen:
            by_picture[one.picture].append(one)
        found: dict[int, Cutout] = {}
        for picture, ones in by_picture.items():
            faces = [one.face for one in ones]
            try:
                cutouts = self._face_cache.find(picture, [face.box for face in faces])
                if cutouts is None:
                    cutouts = self._face_cache.make(picture, ones[0].result, faces)
                found.update({id(one): cutout for one, cutout in zip(ones, cutouts, strict=True)})
            except ImageError as error:
                self.failures[picture] = _told(error)
            self._step()
        return found


def gather(
    folder: Path,
    journal: Journal,
    face_cache: FaceCache,
    *,
    finish: Callable[[TaggedPicture], TagResult],
    waiting: Callable[[TaggedPicture], Sequence[Box]],
    limits: Limits,
    walk: Walk,
    series_of: Callable[[str], str | None],
    step: Callable[[], None] = lambda: None,
) -> CollectionReport:
    """Look through what is known of the pictures in ``folder``; ``step`` is called now and then.

    ``finish`` gives what would be written for a picture, ``waiting`` tells which of its faces wait for a
    person, ``series_of`` tells the series of a character that is known. Raises :class:`OutputError` where
    the journal cannot be used.
    """
    tagged, wrong, untagged = _sorted_out(folder, journal, limits, walk)
    results = [(one.picture, finish(one)) for one in tagged]
    seen = [_Seen(picture, result, face) for picture, result in results for face in result.faces]
    by_name: defaultdict[str, list[_Seen]] = defaultdict(list)
    for face in seen:
        by_name[face.name].append(face)
    unknown = by_name.pop("", [])
    cutting = _Cutting(face_cache, step)
    characters = [
        _found(tag, series_of(tag) or _series(faces), faces, cutting) for tag, faces in by_name.items()
    ]
    waits = {(one.picture, box) for one in tagged for box in waiting(one)}
    strangers = _strangers([face for face in unknown if (face.picture, face.face.box) not in waits], cutting)
    failures = sorted({**wrong, **cutting.failures}.items())
    return CollectionReport(
        folder=folder,
        made=datetime.now(UTC).astimezone(),
        models=tuple(sorted({result.model for _, result in results if result.model})),
        pictures=len(tagged),
        empty=sum(not result.faces for _, result in results),
        faces=len(seen),
        named=len(seen) - len(unknown),
        waiting=len(waits),
        characters=tuple(sorted(characters, key=lambda found: (-found.faces, found.tag))),
        strangers=strangers,
        hair=_hair(seen),
        eyes=_eyes(seen),
        failures=tuple(failures[:MAX_FAILURES]),
        more_failures=max(0, len(failures) - MAX_FAILURES),
        untagged=untagged,
    )


def _sorted_out(
    folder: Path, journal: Journal, limits: Limits, walk: Walk
) -> tuple[list[TaggedPicture], dict[Path, PictureError], int]:
    """What was tagged and stands there still, what is wrong with which picture, how many were not tried."""
    tagged: list[TaggedPicture] = []
    wrong: dict[Path, PictureError] = {}
    root = folder.resolve()
    for one in journal.reviews.tagged(folder):
        if one.picture.exists() and not walk.ignored.hides(one.picture.relative_to(root)):
            tagged.append(one)
            if not journal.is_unchanged(one.picture):
                wrong[one.picture] = PictureError(CHANGED, "has changed since it was tagged")
    known = {one.picture for one in tagged}
    untagged = 0
    for item in walk.pictures(root):
        if isinstance(item, TagResult):
            wrong |= {} if item.error is None else {Path(item.path): item.error}
        elif item not in known:
            untagged += 1
            if untagged <= MAX_FAILURES and (reason := _reason(item, limits)):
                wrong[item] = reason
    return tagged, wrong, untagged - sum(path not in known for path in wrong if path.is_file())


def _reason(picture: Path, limits: Limits) -> PictureError | None:
    """Why a picture cannot be tagged; ``None`` where it only has not been yet."""
    try:
        read_picture(picture, longest=64, limits=limits)
    except BooruTaggerError as error:
        return _told(error)
    return None


def _told(error: BooruTaggerError) -> PictureError:
    return PictureError(error.kind, str(error))


def _found(tag: str, series: str, faces: Sequence[_Seen], cutting: _Cutting) -> FoundCharacter:
    scores = [face.score for face in faces if not face.by_person]
    return FoundCharacter(
        tag=tag,
        series=series,
        faces=len(faces),
        pictures=len({face.picture for face in faces}),
        by_person=len(faces) - len(scores),
        sure=sum(score >= SURE for score in scores),
        least=min(scores, default=1.0),
        hair=_hair(faces),
        eyes=_eyes(faces),
        sheet=_sheet(sorted(faces, key=lambda face: (not face.by_person, -face.score)), cutting),
    )


def _series(faces: Sequence[_Seen]) -> str:
    """What the pictures say of a character whom nobody here knows."""
    found = Counter(
        one.tag for face in faces for one in face.result.tags if one.category == COPYRIGHT and _alone(face)
    )
    return next((name for name, _ in found.most_common(1)), "")


def _alone(seen: _Seen) -> bool:
    """Whether the picture's series can only be that of this character."""
    return len({face.character.tag for face in seen.result.faces if face.character is not None}) == 1


def _sheet(faces: Sequence[_Seen], cutting: _Cutting) -> tuple[Portrait, ...]:
    chosen = faces[:SHEET]
    cutouts = cutting.cut(chosen)
    portraits = (Portrait(face.picture, face.score, face.by_person) for face in chosen)
    return tuple(
        replace(portrait, jpeg=cutouts[id(face)].jpeg) if id(face) in cutouts else portrait
        for portrait, face in zip(portraits, chosen, strict=True)
    )


def _strangers(unknown: Sequence[_Seen], cutting: _Cutting) -> tuple[UnknownGroup, ...]:
    """Groups of these faces that look alike, in more than one picture, the largest first."""
    clear = [face for face in unknown if is_clear(face.face.box)]
    cutouts = cutting.cut(clear)
    faces = [face for face in clear if id(face) in cutouts and cutouts[id(face)].embedding is not None]
    embeddings = [embedding for face in faces if (embedding := cutouts[id(face)].embedding) is not None]
    if not embeddings:
        return ()
    pictures, found = [face.picture for face in faces], []
    for group in strangers(np.stack(embeddings), pictures, cutting.bundle)[:MAX_UNKNOWN_GROUPS]:
        members = [faces[row] for row in group.members]
        of_them = tuple(dict.fromkeys(member.picture for member in members))
        sheet = _sheet(members, cutting)
        found.append(UnknownGroup(len(members), of_them, _hair(members), _eyes(members), sheet))
    return tuple(found)


def _hair(faces: Iterable[_Seen]) -> Tally:
    return _tally(face.face.hair_color.tag for face in faces if face.face.hair_color is not None)


def _eyes(faces: Iterable[_Seen]) -> Tally:
    return _tally(face.face.eye_color.tag for face in faces if face.face.eye_color is not None)


def _tally(tags: Iterable[str]) -> Tally:
    return tuple(Counter(tags).most_common())

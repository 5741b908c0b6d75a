"""Tagged pictures into a tree of folders, and back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from booru_tagger.app.library import standing, written_for
from booru_tagger.app.parts import make_tagger
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import Settings
from booru_tagger.errors import OutputError
from booru_tagger.journal import Journal
from booru_tagger.journal.placements import Way
from booru_tagger.library.companions import Companions
from booru_tagger.library.folders import UNKNOWN, FolderTemplate, Several, Sorting
from booru_tagger.library.placing import Placed, TakenBack, Tree
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.sources.listed import Item
from booru_tagger.types import PictureError, TagResult

DEFAULT_TEMPLATE = "{series}/{character}"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SortRequest:
    """Which pictures go where.

    ``paths`` are pictures, folders, or ``-`` for a list on standard input, whose lines end with a null byte
    under ``null``. See :class:`Sorting` for ``template``, ``several``, ``min_score`` and ``unknown``; where
    nobody says the latter, pictures of unknown people stay where an earlier version put them. Under
    ``dry_run`` nothing is changed.
    """

    paths: tuple[str, ...]
    tree: Path
    template: str = DEFAULT_TEMPLATE
    way: Way = "hardlink"
    several: Several = "first"
    min_score: float = 0.0
    null: bool = False
    dry_run: bool = False
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class SortedPicture:
    """What became of a picture: where it stands in the tree, how many files were put there, what was taken
    out of other folders of the tree, and what went wrong. No targets and no error: it is to stay."""

    picture: Path
    targets: tuple[Path, ...] = ()
    files: int = 0
    taken_out: tuple[TakenBack, ...] = ()
    error: PictureError | None = None


def sort_pictures(
    request: SortRequest,
    settings: Settings,
    listener: Callable[[SortedPicture], None],
    tell: Tell = _log.warning,
) -> int | None:
    """Sort pictures, after doing to the end what a killed run had begun in the same tree.

    ``listener`` is called for each. Returns the number of the signal that ended it early, if one did. Raises
    BooruTaggerError.
    """
    template = FolderTemplate(request.template)
    sorting = Sorting(template, request.several, request.min_score, unknown=request.unknown or UNKNOWN)
    if template.asks_for_series:
        series = {label.tag: label.series for label in make_tagger(settings).known}
        sorting = replace(sorting, series_of=series.get)
    with _open_tree(request.tree, settings, request.way, tell) as (journal, tree), Interrupts() as interrupts:
        if request.unknown is None:
            sorting = replace(sorting, is_there=lambda folder: (tree.root / folder).is_dir())
        task = _Task(request, sorting, journal, tree, listener)
        try:
            if not request.dry_run:
                tree.make_root()
                for error in tree.resume():
                    tell(str(error))
            try:
                for item in standing(request.paths, settings.reading, null=request.null, exclude=tree.root):
                    with interrupts.shield():
                        task.take(item)
            finally:
                with interrupts.shield():
                    task.settle()
            if not request.dry_run:
                tree.remove_empty_folders()
        except Interrupted as interruption:
            return interruption.signal
    return None


def undo_sorting(
    folder: Path,
    settings: Settings,
    listener: Callable[[TakenBack], None],
    *,
    dry_run: bool = False,
    tell: Tell = _log.warning,
) -> int | None:
    """Take back all that was sorted into a folder, whatever runs did it. Returns as :func:`sort_pictures`."""
    with _open_tree(folder, settings, "hardlink", tell) as (_, tree), Interrupts() as interrupts:
        steps = tree.foresee_undo() if dry_run else tree.undo()
        try:
            while True:
                with interrupts.shield():
                    step = next(steps, None)
                    if step is None:
                        return None
                    listener(step)
        except Interrupted as interruption:
            return interruption.signal


@contextmanager
def _open_tree(folder: Path, settings: Settings, way: Way, tell: Tell) -> Iterator[tuple[Journal, Tree]]:
    with need_journal(settings.recording, tell) as journal:
        yield journal, Tree(folder, journal, way)


def _broken(picture: Path, error: OutputError) -> SortedPicture:
    return SortedPicture(picture, error=PictureError(error.kind, str(error)))


def _failed(result: TagResult) -> SortedPicture:
    return SortedPicture(Path(result.path), error=result.error)


@dataclass(frozen=True, slots=True)
class _Task:
    request: SortRequest
    sorting: Sorting
    journal: Journal
    tree: Tree
    listener: Callable[[SortedPicture], None]
    companions: Companions = field(default_factory=Companions)
    untold: list[SortedPicture] = field(default_factory=list)

    def take(self, item: Item) -> None:
        """Sort a picture. It is told what became of it as soon as that is certain."""
        self.untold.append(_failed(item) if isinstance(item, TagResult) else self._sort(item))
        if not self.tree.holds_back:
            self.settle()

    def settle(self) -> None:
        """Have all be done that was promised, and tell of it."""
        failures = self.tree.commit()
        told, self.untold[:] = self.untold[:], []
        for one in told:
            error = failures.get(one.picture)
            self.listener(one if error is None else _broken(one.picture, error))

    def _sort(self, picture: Path) -> SortedPicture:
        try:
            result = written_for(picture, self.journal)
            if isinstance(result, PictureError):
                return SortedPicture(picture, error=result)
            if self.request.way == "move" and picture.is_symlink():
                raise OutputError(
                    f"{picture}: is a link, which might lead nowhere elsewhere; it was not moved"
                )
            folders = self.sorting.folders(picture, result, picture.stat().st_mtime)
            if self.request.dry_run:
                companions = self.companions.of(picture)
                return _sorted(picture, [self.tree.foresee(picture, companions, one) for one in folders])
            with self.journal.turn(picture, ()):
                return self._placed(picture, folders)
        except OutputError as error:
            return _broken(picture, error)
        except OSError as error:
            return SortedPicture(picture, error=PictureError("unreadable", f"{picture}: {error.strerror}"))

    def _placed(self, picture: Path, folders: list[Path]) -> SortedPicture:
        former = tuple(self.tree.leave_others(picture, folders))
        companions = self.companions.of(picture)
        placed = [self.tree.place(picture, companions, folder) for folder in folders]
        return _sorted(picture, placed, former)


def _sorted(picture: Path, placed: Sequence[Placed], taken_out: tuple[TakenBack, ...] = ()) -> SortedPicture:
    targets = tuple(one.target for one in placed)
    return SortedPicture(picture, targets, sum(one.files for one in placed), taken_out)

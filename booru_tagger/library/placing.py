"""Putting pictures and what belongs to them into a tree of folders, and taking it back.

What is about to be done is announced in the journal first. So a run that was killed is done to the end by the
next one, and all of it can be undone. Nothing is ever overwritten.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from booru_tagger.errors import OutputError
from booru_tagger.files import bringing
from booru_tagger.files.replace import output_error
from booru_tagger.files.stamps import stamp_of
from booru_tagger.files.temporary import sweep
from booru_tagger.journal import Journal
from booru_tagger.journal.placements import Placement, Way
from booru_tagger.library.carrying import Carrier, carrying_error
from booru_tagger.library.companions import renamed
from booru_tagger.library.free_names import FreeNames, is_there

Fate = Literal["removed", "returned", "gone", "left"]
"""``removed``: the file stands at its old place, too. ``returned``: it was moved back there. ``gone``:
somebody else had removed it. ``left``: somebody has changed it since, so it is theirs now."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What a picture became: its path in the tree, and how many files were put there, it among them.

    None at all where it was there already. Copies may stand there only after :meth:`Tree.commit`.
    """

    target: Path
    files: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of one file that had been put into the tree; ``error`` where it could not be taken back."""

    placement: Placement
    fate: Fate | None
    error: OutputError | None = None


class Tree:
    """A tree of folders that pictures are put into, one ``way`` or another."""

    def __init__(self, root: Path, journal: Journal, way: Way = "hardlink") -> None:
        self.root = Path(os.path.realpath(root))
        self.way = way
        self._placements = journal.placements(self.root)
        self._carrier = Carrier(journal, self._placements)
        self._free_names = FreeNames(self._carrier.place_now)

    def holds(self, path: Path) -> bool:
        """Whether a path lies in the tree."""
        return Path(os.path.realpath(path.parent), path.name).is_relative_to(self.root)

    def make_root(self) -> None:
        """Make the tree's own folder. Raises :class:`OutputError`, once and not for each picture."""
        self._make_folders(self.root)

    def resume(self) -> list[OutputError]:
        """Do to the end what a killed run had begun; what could not be done is told, and given up."""
        failures = []
        for one in self._begun():
            try:
                self._carrier.bring_again(one)
            except OutputError as error:
                failures.append(error)
        return failures

    def _begun(self) -> list[Placement]:
        """What a killed run had begun, without what it was only preparing."""
        begun = self._placements.open()
        for folder in {one.target.parent for one in begun}:
            sweep(folder)
        return begun

    def foresee(self, picture: Path, companions: Sequence[Path], folder: Path) -> Placed:
        """What :meth:`place` would do."""
        target, wanted, ours = self._wanted(picture, companions, folder)
        return Placed(target, sum(self._is_to_do(one, ours.get(one.target)) for one in wanted))

    def place(self, picture: Path, companions: Sequence[Path], folder: Path) -> Placed:
        """Put a picture and its companions into a folder of the tree. Raises :class:`OutputError`.

        What was put there before is brought up to date, where nobody but us has changed it. Copies may wait
        for others (:attr:`holds_back`), until :meth:`commit`.
        """
        target, wanted, ours = self._wanted(picture, companions, folder)
        missing = [one for one in wanted if self._is_to_do(one, ours.get(one.target))]
        if missing:
            for one in missing:
                if one.target in ours:
                    one.target.unlink(missing_ok=True)
            self._make_folders(target.parent)
            self._placements.announce(missing)
            self._carrier.bring(missing)
        return Placed(target, len(missing))

    @property
    def holds_back(self) -> bool:
        """Whether there are copies that wait to be flushed to the disk together with more of them."""
        return self._carrier.holds_back

    def commit(self) -> dict[Path, OutputError]:
        """Have all copies stand where they are to. By picture, what went wrong with one of its files."""
        return self._carrier.commit()

    def _wanted(
        self, picture: Path, companions: Sequence[Path], folder: Path
    ) -> tuple[Path, list[Placement], dict[Path, Placement]]:
        """Where a picture is to stand, what is to be there, and what was put into the tree of it, by target.

        Nothing is wanted where somebody else has put the picture there.
        """
        known = self._standing(picture)
        target = self._target(picture, companions, self.root / folder, known)
        ours = {one.target: one for one in known}
        if target not in ours and is_there(picture, self._carrier.place_now(target)):
            return target, [], ours
        wanted = [
            Placement(picture, file, target.with_name(renamed(file, picture, target.name)), self.way)
            for file in (picture, *companions)
        ]
        return target, wanted, ours

    def leave_others(self, picture: Path, folders: Sequence[Path]) -> list[TakenBack]:
        """Take a picture out of all folders of the tree but these: it has another name now.

        What was moved stays, for there is nothing left of it elsewhere.
        """
        places = {self.root / folder for folder in folders}
        former = [one for one in self._standing(picture) if one.target.parent not in places]
        for one in former:
            self._free_names.forget(one.target.parent)
        return [self._take_back(one) for one in former]

    def undo(self) -> Iterator[TakenBack]:
        """Take back all that was put into the tree, file by file, and then the folders made for it.

        What fails stays known, and can be tried again.
        """
        self._begun()
        for one in self._placements.all():
            yield self._take_back(one)
        self.remove_empty_folders()

    def foresee_undo(self) -> Iterator[TakenBack]:
        """What :meth:`undo` would do."""
        for one in self._placements.all():
            yield TakenBack(one, _fate(one))

    def remove_empty_folders(self) -> None:
        """Remove the folders that were made and hold nothing any more."""
        gone = []
        for folder in self._placements.folders():
            with contextlib.suppress(OSError):
                folder.rmdir()
            if not folder.exists():
                gone.append(folder)
        self._placements.forget_folders(gone)

    def _standing(self, picture: Path) -> list[Placement]:
        """What was put into the tree of this picture. Of one that was moved only its former path is left."""
        return [one for one in self._placements.of(picture) if one.way != "move"]

    def _target(
        self, picture: Path, companions: Sequence[Path], folder: Path, known: Sequence[Placement]
    ) -> Path:
        """Where a picture stands in the folder, or is to stand: under its own name, if nobody else does."""
        for one in known:
            if one.target.parent == folder and one.source == one.picture:
                return one.target
        ours = {one.target for one in known}

        def is_free(target: Path) -> bool:
            places = [folder / renamed(file, picture, target.name) for file in companions]
            taken = (self._carrier.place_now(one) for one in (target, *places) if one not in ours)
            return not any(map(os.path.lexists, taken))

        return self._free_names.path(picture, folder, is_free)

    @staticmethod
    def _is_to_do(wanted: Placement, known: Placement | None) -> bool:
        if known is None or not os.path.lexists(wanted.target):
            return True
        return not _is_current(known) and known.is_as_left()

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        self._placements.announce_folders(missing)
        for path in reversed(missing):
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise output_error(path, error) from error

    def _take_back(self, one: Placement) -> TakenBack:
        fate = _fate(one)
        try:
            if fate == "removed":
                one.target.unlink()
            elif fate == "returned":
                one.source.parent.mkdir(parents=True, exist_ok=True)
                bringing.move(one.target, one.source, again=True)
        except FileExistsError:
            error = OutputError(f"{one.source}: something else stands there, so {one.target} was left")
            return TakenBack(one, None, error)
        except OSError as error:
            return TakenBack(
                one, None, carrying_error(replace(one, source=one.target, target=one.source), error)
            )
        if fate != "gone" or one.is_at_source():
            self._carrier.follow([one], back=True)
        self._placements.forget([one.target])
        return TakenBack(one, fate)


def _is_current(known: Placement) -> bool:
    """Whether the target still shows what the source is."""
    if known.way == "hardlink":
        return bringing.is_same_file(known.source, known.target)
    if known.way == "copy":
        return stamp_of(known.source) == (known.size, known.mtime_ns)
    return True


def _fate(one: Placement) -> Fate:
    """What is to become of a file that is to be taken back."""
    if not os.path.lexists(one.target):
        return "gone"
    stands = os.path.lexists(one.source)
    if one.way == "move":
        twice = bringing.is_same_file(one.source, one.target) or (
            not one.done and bringing.has_same_content(one.source, one.target)
        )
        return "removed" if stands and twice else "returned"
    if one.way == "link":
        return "removed" if bringing.is_link_to(one.target, one.source) else "left"
    if stands and bringing.is_same_file(one.source, one.target):
        return "removed"
    if one.is_as_left():
        return "removed" if stands else "returned"
    return "removed" if bringing.has_same_content(one.source, one.target) else "left"

"""Faces of tagged pictures, cut out for a data set."""

from __future__ import annotations

import functools
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from booru_tagger.app.library import standing, written_for
from booru_tagger.app.parts import DEFAULT_PROVIDER, make_limits, make_workers
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import Settings, TaggingSettings
from booru_tagger.errors import ImageError
from booru_tagger.imaging import Limits
from booru_tagger.library.crop_folder import CropFolder, LeftOut, RehearsedCropFolder
from booru_tagger.library.cropping import CropCandidate, CutOut, Shape, cut_out
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.roll import RollEstimator
from booru_tagger.models.store.local import open_bundle, open_model
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.types import PictureError, TagResult

TOO_SMALL, TOO_UNSURE, UNNAMED, ENOUGH = "too small", "too low a score", "unnamed", "enough of that character"
NEAR_DUPLICATE, UNREADABLE = "near-duplicate", "unreadable"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CropRequest:
    """Which faces are cut out, and how.

    ``paths`` as for sorting. They go into folders by character unless ``flat``. Left out are heads of fewer
    pixels than ``min_size``, faces that score less than ``min_score``, under ``named_only`` those without a
    name, all but the surest ``max_per_character``, and without ``duplicates`` those nearly taken before.
    Under ``dry_run`` nothing is written. With ``upright`` faces are turned, where it is sure how far.
    """

    paths: tuple[str, ...]
    into: Path
    shape: Shape = field(default_factory=Shape)
    flat: bool = False
    min_size: int = 64
    min_score: float = 0.0
    named_only: bool = False
    max_per_character: int | None = None
    duplicates: bool = False
    null: bool = False
    dry_run: bool = False
    upright: bool = False

    def unwanted(self, candidate: CropCandidate) -> str | None:
        """Why a face is left out whatever its picture shows; ``None`` where it is wanted."""
        if self.named_only and candidate.label is None:
            return UNNAMED
        if candidate.score < self.min_score:
            return TOO_UNSURE
        return TOO_SMALL if candidate.size < self.min_size else None

    @property
    def settings(self) -> dict[str, Any]:
        """What all cut-outs of a folder have in common."""
        names = ("flat", "min_size", "min_score", "named_only", "max_per_character", "duplicates")
        upright = {"upright": True} if self.upright else {}  # folders of earlier versions know none
        return {**asdict(self.shape), **{name: getattr(self, name) for name in names}, **upright}


@dataclass(slots=True)
class CropReport:
    """How it went. ``kept`` counts all cut-outs that are in the folder now, ``made`` those of this run, by
    label; of these, ``turned`` were turned upright, and for ``unsure`` it is not sure how they are turned. Of
    a dry run: as they would be."""

    kept: int = 0
    made: Counter[str | None] = field(default_factory=Counter)
    turned: int = 0
    unsure: int = 0
    characters: int = 0
    left_out: LeftOut = field(default_factory=Counter)
    failures: list[PictureError] = field(default_factory=list)
    signal: int | None = None


def make_crops(
    request: CropRequest,
    settings: Settings,
    *,
    step: Callable[[], None] = lambda: None,
    tell: Tell = _log.warning,
) -> CropReport:
    """Cut out faces of tagged pictures, but for those that an earlier run of the same request has done.

    ``step`` is called for each picture. Raises BooruTaggerError.
    """
    report = CropReport()
    upright = _estimator(settings.tagging) if request.upright else None
    candidates, unwanted = _gathered(request, settings, report, tell)
    if not (candidates or unwanted or request.into.exists()):
        return report
    kind = RehearsedCropFolder if request.dry_run else CropFolder
    with (
        closing(kind(request.into, request.shape, request.settings, flat=request.flat)) as folder,
        Interrupts() as interrupts,
    ):
        task = _Task(request, folder, report, candidates)
        limits = make_limits(settings.reading)
        cut = functools.partial(_cut, shape=request.shape, limits=limits, upright=upright)
        workers = make_workers(settings.running, DEFAULT_PROVIDER)
        try:
            with closing(workers.run(cut, task.jobs())) as results:
                for some, made in results:
                    with interrupts.shield():
                        task.decide(some, made)
                        step()
        except Interrupted as interruption:
            report.signal = interruption.signal
        report.left_out = folder.write_lists(itertools.chain(unwanted, task.enough))
        report.kept, report.characters = folder.kept.total(), len(folder.kept.keys() - {None})
    return report


def _estimator(tagging: TaggingSettings) -> RollEstimator:
    opened = open_model(tagging.model)
    bundle = opened if isinstance(opened, Bundle) else open_bundle(tagging.face_model)
    return RollEstimator(bundle.folder)


def _gathered(
    request: CropRequest, settings: Settings, report: CropReport, tell: Tell
) -> tuple[list[CropCandidate], list[dict[str, Any]]]:
    """The faces to look at, and what is left out for what the journal says of it."""
    wanted: list[CropCandidate] = []
    unwanted: list[dict[str, Any]] = []
    into = request.into.resolve()
    with need_journal(settings.recording, tell) as journal:
        for item in standing(request.paths, settings.reading, null=request.null, exclude=into):
            known = item.error if isinstance(item, TagResult) else written_for(item, journal)
            if isinstance(item, TagResult) or not isinstance(known, TagResult):
                if isinstance(known, PictureError):
                    report.failures.append(known)
                continue
            for face in known.faces:
                candidate = CropCandidate(item, face, known.width, known.height)
                reason = request.unwanted(candidate)
                if reason is None:
                    wanted.append(candidate)
                else:
                    unwanted.append({"reason": reason, **candidate.metadata()})
    if request.max_per_character is not None:
        wanted.sort(key=lambda candidate: (-candidate.score, -candidate.size, candidate.picture))
    return wanted, unwanted


class _Task:
    """Which faces are cut out next, and what becomes of them."""

    def __init__(
        self,
        request: CropRequest,
        folder: CropFolder,
        report: CropReport,
        candidates: Sequence[CropCandidate],
    ) -> None:
        self._request, self._folder, self._report = request, folder, report
        self._candidates = candidates
        self.enough: list[dict[str, Any]] = []

    def jobs(self) -> Iterator[list[CropCandidate]]:
        """Faces of one picture each. Of a character of whom there is enough, no more come."""
        for _, group in itertools.groupby(self._candidates, key=lambda candidate: candidate.picture):
            job = [one for one in group if not self._folder.knows(one) and not self._is_enough(one)]
            if job:
                yield job

    def decide(self, candidates: Sequence[CropCandidate], made: list[CutOut] | ImageError) -> None:
        """Take cut-outs, or leave them out. Raises :class:`OutputError`."""
        if isinstance(made, ImageError):
            self._report.failures.append(PictureError(made.kind, str(made)))
            for candidate in candidates:
                self._folder.leave_out(candidate, UNREADABLE)
            return
        for candidate, cut in zip(candidates, made, strict=True):
            if self._is_enough(candidate):
                continue
            if not self._request.duplicates and self._folder.has_like(candidate, cut):
                self._folder.leave_out(candidate, NEAR_DUPLICATE)
            else:
                self._folder.take(candidate, cut)
                self._report.made[candidate.label] += 1
                if cut.roll is not None:
                    self._report.turned += bool(cut.turned)
                    self._report.unsure += not cut.roll.sure

    def _is_enough(self, candidate: CropCandidate) -> bool:
        most, label = self._request.max_per_character, candidate.label
        if most is None or label is None or self._folder.kept[label] < most:
            return False
        self.enough.append({"reason": ENOUGH, **candidate.metadata()})
        return True


def _cut(
    candidates: list[CropCandidate], shape: Shape, limits: Limits, upright: RollEstimator | None
) -> tuple[list[CropCandidate], list[CutOut] | ImageError]:
    return candidates, cut_out(candidates, shape, limits, upright)

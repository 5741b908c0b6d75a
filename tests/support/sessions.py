"""A folder of painted pictures, tagged by the tiny model, and a review session over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.journal import Journal
from booru_tagger.parallel import SerialExecutor
from booru_tagger.review.face_cache import FaceCache
from booru_tagger.review.verdicts import Band, JournalReviewer
from booru_tagger.runner import Output, run
from booru_tagger.server.review import ReviewSession, ReviewTools
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.registry import make_writer
from tests.support.bundles import RGB, Painted, paint

UNSURE: RGB = (30, 140, 230)
"""A middle band between Miku's and Cirno's colors: about 0.75 for Cirno, 0.25 for Miku."""


def unsure(x: int, side: int = 80, shade: int = 0) -> Painted:
    """A face that the tiny model takes for Cirno, though not surely; ``shade`` tells such faces apart."""
    return Painted(x, 40, side, (UNSURE[0] + shade, UNSURE[1], UNSURE[2]), "blue", "blue")


@dataclass(frozen=True)
class ReviewSetup:
    """All that a review works with."""

    folder: Path
    journal: Journal
    tools: ReviewTools
    face_cache: FaceCache

    def tag(self, force: bool = False, **thresholds: float) -> None:
        """What `booru-tagger tag --batch` does, perhaps with other thresholds."""
        tagger = self.tools.tagger
        if thresholds:
            tagger = Tagger(TaggerOptions(tagger.bundle.folder, thresholds=thresholds, gallery=None))
        output = Output(
            self.tools.writers,
            Naming(),
            journal=self.journal,
            fingerprint=tagger.fingerprint,
            raw_fingerprint=tagger.fingerprint,
            force=force,
        )
        report = run(
            sorted(self.folder.rglob("*.png")),
            tagger.tag,
            executor=SerialExecutor(),
            policy=self.tools.policy,
            output=output,
            reviewer=self.tools.reviewer,
        )
        assert not report.failures and report.stopped is None

    def session(self) -> ReviewSession:
        session = ReviewSession(self.tools)
        session.add(self.journal.reviews.tagged(self.folder))
        return session

    def caption(self, name: str) -> list[str]:
        return (self.folder / f"{name}.txt").read_text().strip().split(", ")


@contextmanager
def open_review_setup(
    folder: Path,
    bundle: Path,
    *,
    writers: Sequence[str] = ("txt", "json"),
    policy: Policy | None = None,
    model: Path | None = None,
) -> Iterator[ReviewSetup]:
    """A setup over ``folder / "pictures"``; faces that score from 0.3 to 0.99 wait for a person.

    ``bundle`` is the faces' model, ``model`` a tagger of whole pictures beside it.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    options = TaggerOptions(model or bundle, face_model=bundle, gallery=None)
    policy, tagger = policy or Policy(), Tagger(options)
    with Journal.open(folder / "journal.sqlite3") as journal:
        face_cache = FaceCache(folder / "faces.sqlite3", tagger)
        reviewer = JournalReviewer(journal, tagger.retell, Band(0.3, 0.99))
        made = [make_writer(name) for name in writers]
        tools = ReviewTools(
            journal, tagger, policy, reviewer, WriterOptions(), made, folder / "data" / "gallery.json"
        )
        try:
            yield ReviewSetup(pictures, journal, tools, face_cache)
        finally:
            face_cache.close()


def paint_all(folder: Path, pictures: dict[str, list[Painted]], size: tuple[int, int] = (320, 160)) -> None:
    for name, faces in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        paint(faces, size).save(folder / name)

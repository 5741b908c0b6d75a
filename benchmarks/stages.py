"""The stages of the pipeline alone, and the bound that follows: no program can be faster than its parts.

Each stage is run by as many threads as there are cores, the way the pipeline runs it, so that what cores
share (memory, caches, the clock rate) counts in the bound too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar
from unittest.mock import patch

from benchmarks import pictures
from benchmarks.report import FigureTable, Workload
from booru_tagger.imaging import Picture
from booru_tagger.models.session import Array, Session
from booru_tagger.parallel import keep_freed_memory
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, TagResult
from booru_tagger.writers.base import Job
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.registry import make_writer

Item = TypeVar("Item")
Feed: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Stages:
    """Milliseconds of one picture in each stage, ``threads`` of them at work at once.

    ``networks`` is what of the detector and the recogniser their networks alone take.
    """

    decode: float
    detect: float
    recognise: float
    networks: float

    @property
    def bound(self) -> float:
        """Pictures a second, if the stages follow each other without a gap and nothing is written."""
        return 1000 / (self.decode + self.detect + self.recognise)

    @property
    def networks_bound(self) -> float:
        """The same if nothing but decoding and the networks took any time."""
        return 1000 / (self.decode + self.networks)


def cost(work: Callable[[Item], object], items: Sequence[Item], threads: int, repeats: int) -> float:
    """Milliseconds for each item while ``threads`` work at once; the best of some tries.

    One thread's are those of its core, several threads' those of the clock.
    """
    clock = time.process_time if threads == 1 else time.perf_counter

    def one(_: int) -> None:
        for item in items:
            work(item)

    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats + 1):  # the first one warms up
            begun = clock()
            list(pool.map(one, range(threads)))
            best = min(best, clock() - begun)
    return 1000 * best / (len(items) * threads)


def of_format(suffix: str, model: str, folder: Path, threads: int, repeats: int) -> Stages:
    """The stages for large pictures in one format."""
    keep_freed_memory()  # as the command does
    paths = pictures.large(folder / f"large-{suffix}", suffix, pictures.DIFFERENT)
    tagger = Tagger(TaggerOptions(model, gallery=None))
    tagger.load()
    data = [path.read_bytes() for path in paths]
    decoded = [tagger.networks.decode(item, "picture") for item in data]
    faces = [(picture, [face.box for face in tagger.networks.detect(picture)][:1]) for picture in decoded]
    runs = [_runs(tagger, *item) for item in faces]
    return Stages(
        decode=cost(lambda item: tagger.networks.decode(item, "picture"), data, threads, repeats),
        detect=cost(tagger.networks.detect, decoded, threads, repeats),
        recognise=cost(lambda item: tagger.networks.recognise(*item), faces, threads, repeats),
        networks=cost(_ask, runs, threads, repeats),
    )


def _runs(tagger: Tagger, picture: Picture, boxes: list[Box]) -> list[tuple[Session, Feed]]:
    """The networks that are asked about a picture, and what they are given, in that order."""
    runs: list[tuple[Session, Feed]] = []
    run = Session.run

    def kept(self: Session, feeds: Feed) -> dict[str, Array]:
        runs.append((self, {name: array.copy() for name, array in feeds.items()}))
        return run(self, feeds)

    with patch.object(Session, "run", kept):
        tagger.networks.detect(picture)
        tagger.networks.recognise(picture, boxes)
    return runs


def _ask(runs: Sequence[tuple[Session, Feed]]) -> None:
    for session, feeds in runs:
        session.run(feeds)


def writing(result: TagResult, folder: Path, count: int) -> float:
    """Milliseconds to write the default sidecars of one picture."""
    folder.mkdir(parents=True, exist_ok=True)
    writers = [make_writer(name, WriterOptions(Naming())) for name in ("txt", "json")]
    tags = Policy().apply(result.tags)
    begun = time.perf_counter()
    for number in range(count):
        for writer in writers:
            picture = folder / f"{time.time_ns()}-{number}.png"
            target = writer.target(picture)
            if target is not None:
                writer.write(Job(picture, target, result, tags))
    return 1000 * (time.perf_counter() - begun) / count


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    tagger = Tagger(TaggerOptions(model, gallery=None))
    for suffix in pictures.FORMATS:
        found = of_format(suffix, model, folder, 1, sizes.repeats)
        report.add(f"decode ({suffix})", found.decode, "ms/picture")
        goals = ("<= 9", "<= 5") if suffix == "jpg" else ("", "")
        report.add(f"detector ({suffix})", found.detect, "ms/picture", wanted=goals[0])
        report.add(f"recogniser, one face ({suffix})", found.recognise, "ms/picture", wanted=goals[1])
        report.add(f"networks alone ({suffix})", found.networks, "ms/picture")
        if suffix == "jpg":
            alone = report.value("decode (jpg)") or 0.0
            path = pictures.large(folder / "large-jpg", "jpg", 1)[0]
            data = path.read_bytes()
            whole = cost(lambda item: tagger.tag_bytes(item, "x"), [data], 1, 3 * sizes.repeats)
            report.add("one 3-megapixel JPEG beyond decoding", whole - alone, "ms", wanted="<= 15")
            result = tagger.tag_bytes(data, "x")
            report.add("txt and json sidecars", writing(result, folder / "written", 100), "ms/picture")

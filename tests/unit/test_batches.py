"""Pictures whose files are flushed, put and recorded together, whatever kill, power failure or edit comes."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.files import temporary
from booru_tagger.journal import Journal
from booru_tagger.journal.writes import Writes
from booru_tagger.parallel import ThreadExecutor
from booru_tagger.runner import Outcome, Output, RunReport, batch, run
from booru_tagger.runner.undo import untag
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import Tag, TagResult
from booru_tagger.writers.naming import Naming
from booru_tagger.writers.registry import make_writer
from tests.support.writing import leftovers

TAGS = (Tag("aqua_hair", "general", 0.9, "measured"), Tag("hatsune_miku", "character", 0.9, "recogniser"))
COUNT = 4


def tag(path: Path) -> TagResult:
    return TagResult(str(path), 10, 10, tags=TAGS)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "HOLD_SECONDS", 20.0)  # all pictures of a test are one batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, the first with tag files of a person."""
    made = tmp_path / "art"
    made.mkdir()
    for number in range(COUNT):
        (made / f"{number}.png").write_bytes(b"%d" % number)
    (made / "0.png.txt").write_bytes(b"by hand ,\r\n aqua_hair")
    (made / "0.png.json").write_bytes(b'{"source": "https://example.org/1" }')
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def go(
    items: Any,
    journal: Journal | None,
    listener: Callable[[Outcome], None] = lambda outcome: None,
    **options: Any,
) -> RunReport:
    writers = [make_writer(name) for name in ("txt", "json")]
    output = Output(writers, Naming(), journal=journal, fingerprint="f", **options)
    return run(items, tag, executor=ThreadExecutor(2), policy=Policy(), output=output, listener=listener)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def noted(patch: pytest.MonkeyPatch, owner: object, name: str, step: Callable[[], None]) -> None:
    real = getattr(owner, name)

    def wrapped(*args: Any, **options: Any) -> Any:
        step()
        return real(*args, **options)

    patch.setattr(owner, name, wrapped)


def test_flushed_then_announced_then_put_then_recorded_then_told(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    places = {(os, "fsync"): "flush", (os, "replace"): "put"}
    places |= {(Writes, "announce"): "announce", (Writes, "record"): "record"}  # type: ignore[dict-item]
    for (owner, name), step in places.items():
        noted(monkeypatch, owner, name, lambda step=step: steps.append(step))  # type: ignore[misc]
    told: list[str] = []

    def listen(outcome: Outcome) -> None:
        steps.append("tell")
        told.append(Path(outcome.path).name)

    report = go(pictures(folder), journal, listen)
    groups = [(step, len(list(group))) for step, group in itertools.groupby(steps)]
    many = 2 * COUNT
    assert groups == [("flush", many), ("announce", 1), ("put", many), ("record", 1), ("tell", COUNT)]
    assert told == sorted(told) and (report.tagged, report.changed_files) == (COUNT, many)


def test_stopped_at_every_step(folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(folder)
    go(pictures(folder), journal)
    after = content(folder)
    for step in itertools.count():
        for picture in pictures(folder):
            assert not untag(picture, journal).failed
        assert content(folder) == before, step
        flushed = set[int]()
        with monkeypatch.context() as patch:
            _die_at(step, patch, flushed)
            try:
                go(pictures(folder), journal)
                break
            except _Killed:
                pass
        temporary._swept.clear()
        check_no_harm(folder, journal, before, after, flushed)
        if step % 2:
            go(pictures(folder), journal)
            assert content(folder) == after, step
    assert step > 4 * COUNT


def check_no_harm(
    folder: Path, journal: Journal, before: dict[str, bytes], after: dict[str, bytes], flushed: set[int]
) -> None:
    """Each file is old or new; a new one outlasts a power failure; and what counts as done is there."""
    for path in folder.iterdir():
        data = path.read_bytes()
        if data != before.get(path.name):
            assert data == after[path.name] and path.stat().st_ino in flushed, path.name
    for picture in pictures(folder):
        if journal.is_done(picture, "f"):
            for kind in ("txt", "json"):
                assert (folder / f"{picture.name}.{kind}").read_bytes() == after[f"{picture.name}.{kind}"]


class _Killed(BaseException):
    """Stands for kill -9."""


def _die_at(step: int, patch: pytest.MonkeyPatch, flushed: set[int]) -> None:
    """Die before the step of that number, and do nothing more on the way out; note what was flushed."""
    steps, dead = itertools.count(), list[bool]()

    def dying(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def wrapped(*args: Any, **options: Any) -> Any:
            if dead or next(steps) == step:
                dead.append(True)
                raise _Killed
            value = real(*args, **options)
            if name == "fsync":
                flushed.add(os.fstat(args[0]).st_ino)
            return value

        patch.setattr(owner, name, wrapped)

    for owner, name in ((os, "fsync"), (os, "replace"), (Writes, "announce"), (Writes, "record")):
        dying(owner, name)


def test_what_waits_is_written_before_the_next_picture_is_waited_for(folder: Path, journal: Journal) -> None:
    paths = pictures(folder)
    seen: list[bool] = []

    def source() -> Iterator[Path | None]:
        for path in paths:
            yield path
            yield None
            seen.append(path.with_name(f"{path.name}.txt").exists() and journal.is_done(path, "f"))

    assert go(source(), journal).tagged == COUNT
    assert seen == [True] * COUNT


def test_a_slow_picture_does_not_hold_up_those_before_it(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "HOLD_SECONDS", 0.01)
    *quick, slow = pictures(folder)
    others_are_told = threading.Event()
    told: list[Path] = []

    def listen(outcome: Outcome) -> None:
        told.append(Path(outcome.path))
        if told == quick:
            others_are_told.set()

    def tag_slowly(path: Path) -> TagResult:
        if path == slow:
            assert others_are_told.wait(20)
        return tag(path)

    output = Output([make_writer("txt")], Naming(), journal=journal, fingerprint="f")
    report = run(
        [*quick, slow],
        tag_slowly,
        executor=ThreadExecutor(2),
        policy=Policy(),
        output=output,
        listener=listen,
    )
    assert (report.tagged, told) == (COUNT, [*quick, slow])


@pytest.mark.parametrize("kept", [True, False], ids=["journal", "none"])
def test_an_edit_while_the_batch_is_flushed_is_merged(
    folder: Path, journal: Journal, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = [folder / "1.png.txt"]

    def edit() -> None:
        if edits:
            edits.pop().write_text("sunset\n")

    with monkeypatch.context() as patch:
        noted(patch, os, "fsync", edit)
        assert go(pictures(folder), journal if kept else None).tagged == COUNT
    assert (folder / "1.png.txt").read_text() == "sunset, hatsune_miku, aqua_hair\n"
    if kept:
        for picture in pictures(folder):
            untag(picture, journal)
        assert (folder / "1.png.txt").read_text() == "sunset\n"


def test_a_picture_named_twice_is_written_twice(folder: Path, journal: Journal) -> None:
    (path, *_) = pictures(folder)
    before = content(folder)
    assert go([path, path, *pictures(folder)], journal).failed == 0
    for picture in pictures(folder):
        untag(picture, journal)
    assert content(folder) == before


@pytest.mark.parametrize(("place", "tagged"), [("fsync", 1), ("replace", 1)])
def test_a_full_disk_in_the_middle_of_a_batch(
    folder: Path, journal: Journal, place: str, tagged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, calls = content(folder), itertools.count()

    def full() -> None:
        if next(calls) >= 2:  # the second picture's first file
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        noted(patch, os, place, full)
        report = go(pictures(folder), journal)
    assert (report.tagged, report.failed, report.not_done) == (tagged, 1, COUNT - tagged - 1)
    assert report.stopped is not None and leftovers(folder) == []
    changed = {name for name, data in content(folder).items() if data != before.get(name)}
    assert changed == {"0.png.txt", "0.png.json"}
    assert [journal.is_done(picture, "f") for picture in pictures(folder)] == [True, False, False, False]
    for picture in pictures(folder):
        untag(picture, journal)
    assert content(folder) == before


def test_a_file_that_cannot_be_merged_fails_alone(folder: Path, journal: Journal) -> None:
    (folder / "1.png.json").write_bytes(b"no JSON")
    outcomes: list[Outcome] = []
    report = go(pictures(folder), journal, outcomes.append)
    assert (report.tagged, report.failed, report.stopped) == (COUNT - 1, 1, None)
    assert [one.result is not None and one.result.error is not None for one in outcomes] == [
        *(False, True, False, False)
    ]
    assert (folder / "1.png.txt").exists() and not journal.is_done(folder / "1.png", "f")


@pytest.mark.parametrize("place", ["turn", "announce"])
def test_nothing_is_put_behind_the_back_of_a_lost_journal(
    folder: Path, journal: Journal, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise OutputError("the journal cannot be used")

    before = content(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Writes, place, lost)
        report = go(pictures(folder), journal)
    assert (report.tagged, report.failed, report.not_done) == (0, 1, COUNT - 1)
    assert report.stopped is not None and content(folder) == before


def test_a_signal_lets_the_batch_be_finished(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Outcome] = []
    noted(monkeypatch, Writes, "announce", lambda: os.kill(os.getpid(), signal.SIGTERM))
    report = go(pictures(folder), journal, told.append)
    assert (report.signal, report.tagged, len(told)) == (signal.SIGTERM, COUNT, COUNT)
    assert all(journal.is_done(picture, "f") for picture in pictures(folder))


def test_what_waits_when_a_signal_comes_is_stored(folder: Path, journal: Journal) -> None:
    paths = pictures(folder)

    def source() -> Iterator[Path]:
        yield from paths
        while not (folder / "nothing comes").exists():
            os.kill(os.getpid(), signal.SIGTERM)
            yield paths[0]

    report = go(source(), journal)
    assert report.signal == signal.SIGTERM
    assert sum(journal.is_done(picture, "f") for picture in paths) == report.tagged

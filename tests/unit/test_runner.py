"""The loop of a run: what it writes, counts, survives and ends with."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import (
    EXIT_NOTHING_DONE,
    EXIT_SOME_FAILED,
    DamagedImageError,
    ModelError,
    OutputError,
)
from booru_tagger.journal import Journal
from booru_tagger.parallel import Executor, SerialExecutor, ThreadExecutor
from booru_tagger.review.verdicts import Band, JournalReviewer
from booru_tagger.runner import Interrupted, Interrupts, Outcome, Output, RunReport, run
from booru_tagger.runner.report import MAX_FAILURES
from booru_tagger.tagging.failures import attempt
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import Box, FaceResult, PictureError, Tag, TagResult
from booru_tagger.writers.base import Job, Written
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.txt import TxtWriter
from tests.support.journaling import KilledError

TAGS = (Tag("aqua_hair", "general", 0.9, "measured"), Tag("hatsune_miku", "character", 0.9, "recogniser"))


def tag(path: Path) -> TagResult:
    """What a tagger would do, in miniature."""
    if "bad" in path.name:
        raise DamagedImageError(f"{path}: damaged")
    if "bug" in path.name:
        raise RuntimeError("a bug")
    if "huge" in path.name:
        raise MemoryError
    return TagResult(str(path), 10, 10, tags=TAGS)


class FakeWriter:
    """Notes what it is given; fails as told."""

    def __init__(self, fail: Callable[[Path], Exception | None] = lambda path: None, name: str = "fake"):
        self.name = name
        self.fail = fail
        self.jobs: list[Job] = []

    def target(self, picture: Path) -> Path | None:
        return picture.with_name(f"{picture.name}.{self.name}")

    def write(self, job: Job) -> Written:
        error = self.fail(job.picture)
        if error is not None:
            raise error
        self.jobs.append(job)
        return Written(job.target, True, frozenset(), frozenset(), None, "0" * 64)

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        raise NotImplementedError

    @property
    def pictures(self) -> list[str]:
        return [job.picture.name for job in self.jobs]


def disk_full(path: Path) -> OutputError:
    error = OutputError(f"{path}: no space left on the disk")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


def go(
    items: Any, output: Output | None = None, executor: Executor | None = None, **options: Any
) -> tuple[RunReport, list[Outcome]]:
    outcomes: list[Outcome] = []
    options = {"tag": tag, "policy": Policy(), "listener": outcomes.append, **options}
    report = run(items, executor=executor or SerialExecutor(), output=output, **options)
    return report, outcomes


def fake_output(*writers: FakeWriter, **options: Any) -> Output:
    return Output(writers, Naming(), **options)


def pictures(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(name.encode())
    return [folder / name for name in names]


@pytest.fixture(params=[SerialExecutor(), ThreadExecutor(3)], ids=["serial", "threads"])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.param
    return made


def test_every_picture_is_written_once_in_order_by_every_writer(executor: Executor) -> None:
    paths = [Path(f"{number}.png") for number in range(20)]
    one, two = FakeWriter(name="one"), FakeWriter(name="two")
    report, outcomes = go(paths, fake_output(one, two), executor)
    assert one.pictures == two.pictures == [path.name for path in paths]
    assert [outcome.path for outcome in outcomes] == [str(path) for path in paths]
    assert outcomes[0].changed == (Path("0.png.one"), Path("0.png.two"))
    assert (report.tagged, report.changed_files, report.exit_code) == (20, 40, 0)


def test_writers_and_listeners_are_called_in_the_callers_thread() -> None:
    threads: set[int] = set()

    def note(anything: object) -> None:
        threads.add(threading.get_ident())

    writer = FakeWriter(note)
    go([Path("a"), Path("b")], fake_output(writer), ThreadExecutor(2), listener=note)
    assert threads == {threading.get_ident()}


def test_the_policy_decides_what_is_written_and_reported() -> None:
    writer = FakeWriter()
    _, [outcome] = go([Path("a.png")], fake_output(writer), policy=Policy(deny=("hatsune_miku",)))
    assert outcome.result is not None
    assert [tag.tag for tag in outcome.result.tags] == ["aqua_hair"]
    assert writer.jobs[0].tags == outcome.result.tags


def test_without_an_output_nothing_is_written(tmp_path: Path) -> None:
    report, outcomes = go(pictures(tmp_path, "a.png"))
    assert (report.tagged, report.changed_files) == (1, 0)
    assert outcomes[0].changed == ()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_bad_picture_is_a_failure_and_the_rest_goes_on(executor: Executor) -> None:
    failed = TagResult("locked", error=PictureError("unreadable", "locked: no permission"))
    items = [Path("a"), Path("bad.png"), failed, None, Path("bug.png"), Path("huge.png"), Path("b")]
    writer = FakeWriter()
    report, outcomes = go(items, fake_output(writer), executor)
    assert writer.pictures == ["a", "b"]
    assert (report.tagged, report.failed, report.exit_code) == (2, 4, EXIT_SOME_FAILED)
    assert [(failure.path, failure.error.kind) for failure in report.failures] == [
        ("bad.png", "damaged"),
        ("locked", "unreadable"),
        ("bug.png", "error"),
        ("huge.png", "too-large"),
    ]
    assert "RuntimeError: a bug" in report.failures[2].error.message
    assert [outcome.path for outcome in outcomes] == ["a", "bad.png", "locked", "bug.png", "huge.png", "b"]


def test_nothing_done_has_a_code_of_its_own() -> None:
    assert go([])[0].exit_code == EXIT_NOTHING_DONE
    assert go([Path("bad.png")])[0].exit_code == EXIT_NOTHING_DONE


def test_a_broken_model_ends_the_run() -> None:
    def broken(path: Path) -> TagResult:
        raise ModelError("broken")

    with pytest.raises(ModelError):
        go([Path("a")], tag=broken)


def test_attempt_leaves_interrupts_alone() -> None:
    def interrupted() -> TagResult:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted, "a")


def test_only_so_many_failures_are_kept_but_all_are_counted() -> None:
    report, _ = go(Path(f"bad{number}") for number in range(MAX_FAILURES + 5))
    assert (report.failed, len(report.failures)) == (MAX_FAILURES + 5, MAX_FAILURES)


def test_a_writer_that_fails_does_not_stop_the_other_writers_or_pictures() -> None:
    def fail(path: Path) -> Exception | None:
        return {"a": OutputError("a: read-only"), "b": ZeroDivisionError("oops")}.get(path.name)

    weak, strong = FakeWriter(fail, "weak"), FakeWriter(name="strong")
    report, outcomes = go([Path("a"), Path("b"), Path("c")], fake_output(weak, strong))
    assert (weak.pictures, strong.pictures) == (["c"], ["a", "b", "c"])
    assert (report.tagged, report.failed, report.exit_code) == (1, 2, EXIT_SOME_FAILED)
    assert report.failures[0].error == PictureError("output", "a: read-only")
    assert "'weak'" in report.failures[1].error.message and "oops" in report.failures[1].error.message
    failed = outcomes[0].result
    assert failed is not None and failed.faces == () and failed.error is not None


def test_a_full_disk_ends_the_run_early_and_counts_the_rest(executor: Executor) -> None:
    writer = FakeWriter(lambda path: disk_full(path) if path.name == "2" else None)
    later = FakeWriter(name="later")
    items: list[Path | None] = [Path(str(number)) for number in range(50)]
    report, _ = go([*items, None, Path("unknown")], fake_output(writer, later), executor)
    assert writer.pictures == later.pictures == ["0", "1"]
    assert (report.tagged, report.failed, report.not_done) == (2, 1, 47)
    assert report.stopped is not None and "no space" in str(report.stopped)
    assert report.exit_code == OutputError.exit_code


def test_signals_end_a_run_after_the_write_in_progress() -> None:
    finished: list[str] = []

    class Interrupting(FakeWriter):
        def write(self, job: Job) -> Written:
            if job.picture.name == "1":
                os.kill(os.getpid(), signal.SIGTERM)
            finished.append(job.picture.name)
            return super().write(job)

    before = signal.getsignal(signal.SIGTERM)
    report, outcomes = go([Path(str(number)) for number in range(9)], fake_output(Interrupting()))
    assert finished == ["0", "1"]
    assert [outcome.path for outcome in outcomes] == ["0", "1"]
    assert (report.tagged, report.signal, report.exit_code) == (2, signal.SIGTERM, 143)
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupt_while_waiting_ends_the_run_at_once() -> None:
    def source() -> Iterator[Path]:
        yield Path("a")
        os.kill(os.getpid(), signal.SIGINT)
        yield Path("b")

    report, _ = go(source(), executor=ThreadExecutor(2))
    assert (report.signal, report.exit_code) == (signal.SIGINT, 130)


def test_a_shield_holds_off_one_signal_but_not_two() -> None:
    reached = []
    with Interrupts() as interrupts, pytest.raises(Interrupted) as caught, interrupts.shield():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("still here")
        with interrupts.shield():
            reached.append("and in a shield in it")
        os.kill(os.getpid(), signal.SIGTERM)
        reached.append("not here")
    assert reached == ["still here", "and in a shield in it"]
    assert caught.value.exit_code == 143


def test_in_another_thread_signals_are_left_alone() -> None:
    handlers: list[Any] = []

    def work() -> None:
        with Interrupts() as interrupts, interrupts.shield():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


def test_a_listener_that_fails_ends_the_run_and_nothing_is_left_running() -> None:
    def broken_pipe(outcome: Outcome) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        go(map(Path, "abcdef"), executor=ThreadExecutor(2), listener=broken_pipe)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("booru-tagger")]


# With a real journal and a real writer.


def real(tmp_path: Path, journal: Journal, fingerprint: str = "f", **options: Any) -> Output:
    naming = options.pop("naming", Naming())
    writers = options.pop("writers", [TxtWriter(WriterOptions(naming=naming))])
    return Output(writers, naming, journal=journal, fingerprint=fingerprint, **options)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state" / "journal.sqlite3") as opened:
        yield opened


def test_what_is_done_is_skipped_until_something_changes(tmp_path: Path, journal: Journal) -> None:
    paths = pictures(tmp_path, "a.png", "b.png")
    assert go(paths, real(tmp_path, journal))[0].tagged == 2
    report, outcomes = go(paths, real(tmp_path, journal))
    assert (report.tagged, report.skipped, report.changed_files, report.exit_code) == (0, 2, 0, 0)
    assert [outcome.result for outcome in outcomes] == [None, None]
    paths[0].write_bytes(b"something else")
    assert go(paths, real(tmp_path, journal))[0].tagged == 1
    assert go(paths, real(tmp_path, journal, "other settings"))[0].tagged == 2
    assert go(paths, real(tmp_path, journal, "other settings", force=True))[0].tagged == 2


def test_another_policy_or_writer_is_no_reason_to_look_once_more(tmp_path: Path, journal: Journal) -> None:
    paths = pictures(tmp_path, "a.png", "b.png")
    looked: list[str] = []

    def look(path: Path) -> TagResult:
        looked.append(path.name)
        return tag(path)

    def again(fingerprint: str, raw_fingerprint: str = "tagger", **options: Any) -> str:
        """Both are tagged; the names of those that were looked at."""
        policy = options.pop("policy", Policy())
        output = real(tmp_path, journal, fingerprint, raw_fingerprint=raw_fingerprint, **options)
        assert go(paths, output, tag=look, policy=policy)[0].tagged == 2
        names = " ".join(looked)
        looked.clear()
        return names

    assert again("f") == "a.png b.png"
    assert again("other policy", policy=Policy(rename={"hatsune_miku": "miku"}, deny=("aqua*",))) == ""
    assert (tmp_path / "a.png.txt").read_text() == "miku\n"
    assert again("third policy", policy=Policy(rename={"miku": "singer"})) == "", "the first is forgotten"
    assert (tmp_path / "a.png.txt").read_text() == "hatsune_miku, aqua_hair\n"
    (tmp_path / "b.png").write_bytes(b"something else")
    assert again("fourth policy") == "b.png"
    assert again("fourth policy", force=True) == "a.png b.png"
    assert again("fifth", raw_fingerprint="other model") == "a.png b.png"


def test_a_sidecar_that_is_gone_is_written_from_memory(tmp_path: Path, journal: Journal) -> None:
    [path] = pictures(tmp_path, "a.png")
    go([path], real(tmp_path, journal, raw_fingerprint="tagger"))
    (tmp_path / "a.png.txt").unlink()
    report, _ = go([path], real(tmp_path, journal, raw_fingerprint="tagger"), tag=lambda path: pytest.fail())
    assert report.tagged == 1
    assert (tmp_path / "a.png.txt").read_text() == "hatsune_miku, aqua_hair\n"


def test_tags_of_ours_are_replaced_and_those_of_a_person_stay(tmp_path: Path, journal: Journal) -> None:
    [path] = pictures(tmp_path, "a.png")
    sidecar = tmp_path / "a.png.txt"
    sidecar.write_text("my_tag\n")
    go([path], real(tmp_path, journal))
    assert sidecar.read_text() == "my_tag, hatsune_miku, aqua_hair\n"
    go([path], real(tmp_path, journal, "new"), policy=Policy(deny=("aqua_hair",)))
    assert sidecar.read_text() == "my_tag, hatsune_miku\n"


def test_a_tag_that_a_person_deleted_stays_away(tmp_path: Path, journal: Journal) -> None:
    [path] = pictures(tmp_path, "a.png")
    sidecar = tmp_path / "a.png.txt"
    go([path], real(tmp_path, journal))
    sidecar.write_text("aqua_hair\n")
    for fingerprint in ("new", "newer"):
        go([path], real(tmp_path, journal, fingerprint))
        assert sidecar.read_text() == "aqua_hair\n"


def test_without_a_journal_everything_counts_as_a_persons(tmp_path: Path) -> None:
    [path] = pictures(tmp_path, "a.png")
    output = Output([TxtWriter(WriterOptions())], Naming())
    go([path], output)
    report, _ = go([path], output, policy=Policy(deny=("aqua_hair",)))
    assert (report.tagged, report.changed_files) == (1, 0)
    assert (tmp_path / "a.png.txt").read_text() == "hatsune_miku, aqua_hair\n"


def test_a_picture_for_which_a_writer_failed_is_done_again(tmp_path: Path, journal: Journal) -> None:
    [path] = pictures(tmp_path, "a.png")
    txt = TxtWriter(WriterOptions())
    weak = FakeWriter(lambda picture: OutputError("no"))
    assert go([path], real(tmp_path, journal, writers=[txt, weak]))[0].failed == 1
    weak.fail = lambda picture: None
    assert go([path], real(tmp_path, journal, writers=[txt, weak]))[0].tagged == 1
    assert weak.pictures == ["a.png"]


def test_a_run_killed_once_a_picture_is_recorded_leaves_its_faces_to_people(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = pictures(tmp_path, "a.png")
    found = TagResult(str(picture), 10, 10, (FaceResult(Box(1, 1, 9, 9), 1.0),), TAGS)
    reviewer = JournalReviewer(journal, lambda reading, who: reading, Band(0.0, 1.0))
    record = journal.writes.record

    def killed(taggings: Any) -> None:
        record(taggings)
        raise KilledError

    monkeypatch.setattr(journal.writes, "record", killed)
    with pytest.raises(KilledError):
        go([picture], real(tmp_path, journal), tag=lambda path: found, reviewer=reviewer)
    monkeypatch.undo()
    assert go([picture], real(tmp_path, journal), reviewer=reviewer)[0].skipped == 1
    assert journal.reviews.waiting() == [picture]


def test_what_was_found_earlier_can_be_recalled(tmp_path: Path, journal: Journal) -> None:
    [path] = pictures(tmp_path, "a.png")
    output = real(tmp_path, journal)
    assert output.recall(path) is None
    go([path], output)
    recalled = output.recall(path)
    assert recalled is not None and recalled.path == str(path)
    assert {found.tag for found in recalled.tags} == {"hatsune_miku", "aqua_hair"}
    assert fake_output().recall(path) is None


class LostJournal:
    """A journal whose disk is gone, at the point named."""

    def __init__(self, point: str) -> None:
        self.point = point
        self.writes = self

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            if name == self.point:
                raise OutputError("the journal cannot be used")
            return False

        return method


@pytest.mark.parametrize("point", ["is_done", "turn"])
def test_a_lost_journal_ends_the_run_with_nothing_written_behind_its_back(tmp_path: Path, point: str) -> None:
    paths = pictures(tmp_path, "a.png", "b.png", "c.png")
    report, _ = go(paths, real(tmp_path, LostJournal(point)))  # type: ignore[arg-type]
    assert report.tagged == 0
    assert report.failed + report.not_done == 3
    assert "journal" in str(report.stopped)
    assert report.exit_code == OutputError.exit_code
    assert not list(tmp_path.glob("*.txt"))


def test_pictures_that_would_share_a_sidecar_are_refused_and_the_rest_goes_on(
    tmp_path: Path, journal: Journal
) -> None:
    paths = pictures(tmp_path, "a.jpg", "a.png", "b.png")
    output = real(tmp_path, journal, naming=Naming("stem", suffixes=(".jpg", ".png")))
    report, _ = go(paths, output)
    assert (report.tagged, report.failed) == (1, 2)
    assert "a.jpg" in report.failures[0].error.message and "a.png" in report.failures[0].error.message
    assert "--sidecar-name full" in report.failures[0].error.message
    assert [path.name for path in tmp_path.glob("*.txt")] == ["b.txt"]


def test_shared_lists_do_not_collide(tmp_path: Path) -> None:
    class Shared(FakeWriter):
        def target(self, picture: Path) -> Path:
            return picture.parent / "all.jsonl"

    paths = pictures(tmp_path, "a.jpg", "a.png")
    output = Output([Shared()], Naming("stem", suffixes=(".jpg", ".png")))
    assert go(paths, output)[0].tagged == 2


def test_another_place_in_a_mirrored_tree_is_written_to_as_well(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "sub").mkdir()
    [path] = pictures(tmp_path / "sub", "a.png")
    for roots, place in (((tmp_path,), "sub/a.png.txt"), ((tmp_path / "sub",), "a.png.txt")):
        naming = Naming("full", tmp_path / "out", roots)
        assert go([path], real(tmp_path, journal, naming=naming))[0].tagged == 1
        assert go([path], real(tmp_path, journal, naming=naming))[0].skipped == 1
        assert (tmp_path / "out" / place).read_text() == "hatsune_miku, aqua_hair\n"


def test_a_picture_outside_the_mirrored_folders_is_refused(tmp_path: Path, journal: Journal) -> None:
    paths = pictures(tmp_path, "a.png")
    naming = Naming("full", tmp_path / "out", (tmp_path / "elsewhere",))
    report, _ = go(paths, real(tmp_path, journal, naming=naming))
    assert report.failed == 1
    assert "--output" in report.failures[0].error.message


def test_a_result_with_no_path_of_its_own_is_not_written() -> None:
    writer = FakeWriter()
    good = replace(tag(Path("a")), error=PictureError("x", "y"))
    go([good], fake_output(writer))
    assert writer.jobs == []

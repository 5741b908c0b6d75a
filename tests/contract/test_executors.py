"""What every executor promises; see booru_tagger.parallel.base."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from booru_tagger.errors import ClusterError
from booru_tagger.parallel import Executor, SerialExecutor, ThreadExecutor, make_executor
from booru_tagger.runner import Outcome, run
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Painted, make_bundle, paint

WAIT = 20.0
"""Seconds after which a test gives up; reached only where it fails."""


needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed; see the extra [cluster]"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    """Two workers of one Ray session, which takes seconds to start."""
    import ray

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # workers import this module
            made = make_executor(2, "ray")
        yield made
    finally:
        ray.shutdown()


@pytest.fixture(
    params=[
        *("serial", "one thread", "threads", "threads, short queue"),
        pytest.param("ray", marks=needs_ray),
    ]
)
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        made: Executor = request.getfixturevalue("cluster")
        return made
    here: dict[str, Executor] = {
        "serial": SerialExecutor(),
        "one thread": ThreadExecutor(1),
        "threads": ThreadExecutor(4),
        "threads, short queue": ThreadExecutor(3, in_flight=1),
    }
    return here[request.param]


def double(item: int) -> int:
    return 2 * item


def test_results_come_in_the_order_of_the_items(executor: Executor) -> None:
    def uneven(item: int) -> int:
        threading.Event().wait(0.002 * (item % 3))
        return 2 * item

    assert list(executor.run(uneven, range(1, 40))) == [2 * item for item in range(1, 40)]


def test_no_items_no_results(executor: Executor) -> None:
    assert list(executor.run(double, [])) == []


def test_falsy_items_count(executor: Executor) -> None:
    assert list(executor.run(double, [0, 0])) == [0, 0]


def test_an_executor_can_be_used_again(executor: Executor) -> None:
    assert list(executor.run(double, [1])) + list(executor.run(double, [2])) == [2, 4]


def test_an_endless_source_is_drawn_from_only_as_far_as_needed(executor: Executor) -> None:
    drawn = 0

    def endless() -> Iterator[int]:
        nonlocal drawn
        for number in itertools.count():
            drawn = number + 1
            yield number

    results = executor.run(double, endless())
    for taken in range(1, 60):
        next(results)
        assert drawn - taken <= 8
    results.close()
    assert drawn <= 59 + 8


def test_items_are_drawn_in_the_callers_thread(executor: Executor) -> None:
    threads: set[int] = set()

    def source() -> Iterator[int]:
        for number in range(10):
            threads.add(threading.get_ident())
            yield number

    list(executor.run(double, source()))
    assert threads == {threading.get_ident()}


def test_a_none_has_no_result_and_everything_begun_comes_before_it(executor: Executor) -> None:
    handed_out: list[int] = []
    at_none: list[list[int]] = []

    def source() -> Iterator[int | None]:
        yield None
        for number in range(1, 4):
            yield number
            yield None
            at_none.append(list(handed_out))  # drawn from again: the source may wait here as long as it likes

    for result in executor.run(double, source()):
        handed_out.append(result)  # noqa: PERF402 - the source looks at it meanwhile
    assert at_none == [[2], [2, 4], [2, 4, 6]]


def wait_for(path: Path) -> bool:
    until = time.monotonic() + WAIT
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.005)
    return path.exists()


def test_meanwhile_the_caller_may_do_something_else(executor: Executor, tmp_path: Path) -> None:
    calls: list[bool] = []

    def meanwhile(*, again: bool) -> float:
        calls.append(again)
        if len(calls) == 2 or not again:
            (tmp_path / "a").touch()
        return 0.01

    assert list(executor.run(wait_for, [tmp_path / "a"], meanwhile)) == [True]
    assert calls[:2] == [True, True] or calls == [False]


def test_what_is_raised_meanwhile_ends_it(executor: Executor, tmp_path: Path) -> None:
    def meanwhile(*, again: bool) -> float:
        (tmp_path / "a").touch()
        raise LookupError("meanwhile")

    with pytest.raises(LookupError, match="meanwhile"):
        list(executor.run(wait_for, [tmp_path / "a"], meanwhile))


def test_an_exception_comes_in_its_items_turn_and_ends_it(executor: Executor) -> None:
    def fragile(item: int) -> int:
        if item == 3:
            raise LookupError("three")
        return item

    results = executor.run(fragile, itertools.count())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="three"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_an_exception_of_the_source_comes_after_the_results_before_it(executor: Executor) -> None:
    def source() -> Iterator[int]:
        yield from (1, 2, 3)
        raise LookupError("no more")

    results = executor.run(double, source())
    assert [next(results) for _ in range(3)] == [2, 4, 6]
    with pytest.raises(LookupError, match="no more"):
        next(results)


def test_closing_early_begins_nothing_more_and_waits_for_what_was_begun(
    executor: Executor, tmp_path: Path
) -> None:
    folder = str(tmp_path)

    def slow(item: int) -> int:
        Path(folder, f"{item} begun").touch()
        time.sleep(0.01)
        Path(folder, f"{item} ended").touch()
        return item

    def numbers(word: str) -> set[str]:
        return {path.name.split()[0] for path in tmp_path.glob(f"* {word}")}

    results = executor.run(slow, itertools.count())
    next(results)
    results.close()
    begun = numbers("begun")
    assert begun == numbers("ended")
    assert len(begun) <= 8
    threading.Event().wait(0.05)
    assert begun == numbers("begun")


def test_closing_before_the_first_result_is_harmless(executor: Executor) -> None:
    executor.run(double, itertools.count()).close()


def test_an_interrupt_in_the_source_goes_through(executor: Executor) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(executor.run(double, source()))


def test_threads_work_at_the_same_time() -> None:
    together = threading.Barrier(3)

    def meet(item: int) -> int:
        together.wait(WAIT)
        return item

    assert list(ThreadExecutor(3).run(meet, range(3))) == [0, 1, 2]


def test_a_slow_item_does_not_leave_the_others_idle() -> None:
    gate = threading.Event()
    done: list[int] = []

    def first_is_slow(item: int) -> int:
        if item == 0:
            assert gate.wait(WAIT)
        done.append(item)
        if item == 3:
            gate.set()
        return item

    assert list(ThreadExecutor(2).run(first_is_slow, range(4))) == [0, 1, 2, 3]
    assert done[-1] == 0 or done.index(0) >= 3


@dataclass(frozen=True)
class Deadly:
    """Ends its process at the item 5: the first time, or ``always``."""

    folder: str
    always: bool = False

    def __call__(self, item: int) -> int:
        mark = Path(self.folder, "killed")
        if item == 5 and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), 9)
        return 2 * item


@dataclass(frozen=True)
class Reported(Deadly):
    def lost(self, item: int, reason: str) -> int:
        return -item


@needs_ray
def test_a_killed_worker_loses_nothing(cluster: Executor, tmp_path: Path) -> None:
    results = list(cluster.run(Deadly(str(tmp_path)), range(20)))
    assert (tmp_path / "killed").exists()
    assert results == [2 * item for item in range(20)]


@needs_ray
def test_an_item_that_kills_each_worker_fails_alone(cluster: Executor, tmp_path: Path) -> None:
    results = list(cluster.run(Reported(str(tmp_path), always=True), range(10)))
    assert results == [-item if item == 5 else 2 * item for item in range(10)]
    with pytest.raises(ClusterError, match="lost 3 times"):
        list(cluster.run(Deadly(str(tmp_path), always=True), range(10)))


@needs_ray
def test_a_worker_keeps_what_it_loaded(cluster: Executor) -> None:
    class Counting:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, item: int) -> tuple[int, int]:
            self.calls += 1
            return os.getpid(), self.calls

    calls = list(cluster.run(Counting(), range(12)))
    assert len({process for process, _ in calls}) <= 2
    assert max(count for _, count in calls) >= 6
    assert os.getpid() not in {process for process, _ in calls}


@needs_ray
def test_the_tagger_gives_the_same_under_ray(cluster: Executor, tmp_path: Path) -> None:
    model = make_bundle(tmp_path / "model")
    paths = []
    for number, who in enumerate(["hatsune_miku", "cirno", "stranger", "kagamine_rin"]):
        paths.append(tmp_path / f"{number}.png")
        paint([Painted(60, 40, 96, who)]).save(paths[-1])
    paths.append(tmp_path / "missing.png")
    reports = []
    for executor in (SerialExecutor(), cluster):
        told: list[Outcome] = []
        tagger = Tagger(TaggerOptions(model, gallery=None))
        run(paths, tagger.tag, executor=executor, policy=Policy(), listener=told.append)
        reports.append(told)
    assert reports[0] == reports[1]
    assert sum(bool(told.result and told.result.faces) for told in reports[0]) == 4


@needs_ray
def test_workers_that_find_no_core_any_more_give_their_items_to_others(
    cluster: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a machine has left: there are cores for two, and three are asked for."""
    from booru_tagger.parallel import cluster as rays

    assert isinstance(cluster, rays.RayExecutor)
    monkeypatch.setattr(rays, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster, "workers", 3)
    assert list(cluster.run(str, range(12))) == [str(item) for item in range(12)]

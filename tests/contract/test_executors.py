"""What every executor promises; see booru_tagger.parallel.base."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from booru_tagger.parallel import Executor, SerialExecutor, ThreadExecutor

WAIT = 20.0
"""Seconds after which a test gives up; reached only where it fails."""


@pytest.fixture(params=["serial", "one thread", "threads", "threads, short queue"])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: dict[str, Executor] = {
        "serial": SerialExecutor(),
        "one thread": ThreadExecutor(1),
        "threads": ThreadExecutor(4),
        "threads, short queue": ThreadExecutor(3, in_flight=1),
    }
    return made[request.param]


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


def test_closing_early_begins_nothing_more_and_waits_for_what_was_begun(executor: Executor) -> None:
    begun, ended = set[int](), set[int]()
    lock = threading.Lock()

    def slow(item: int) -> int:
        with lock:
            begun.add(item)
        threading.Event().wait(0.01)
        with lock:
            ended.add(item)
        return item

    results = executor.run(slow, itertools.count())
    next(results)
    results.close()
    assert begun == ended
    assert len(begun) <= 8
    after = set(begun)
    threading.Event().wait(0.05)
    assert begun == after


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

"""The door to Ray: several items at once in other processes, here or on the machines of a cluster."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic

from booru_tagger.errors import ClusterError, MissingExtraError
from booru_tagger.parallel.base import I, Meanwhile, R, rest, stream
from booru_tagger.parallel.memory import keep_freed_memory

try:
    import ray
    from ray.exceptions import RayActorError
except ImportError as missing:
    raise MissingExtraError(
        "--executor ray needs Ray; install it with: pip install 'booru-tagger[cluster]'"
    ) from missing

PATIENCE = 5.0
"""Seconds without any result after which it is asked whether every worker still has a core to run on."""
ATTEMPTS = 3
"""Workers that an item may cost before it is given up: it is then likely the item that ends them."""


class _Worker:
    """Lives in a process of its own and keeps the function, with all that it has loaded, between items."""

    def __init__(self, packed: list[Any]) -> None:
        keep_freed_memory()
        self._packed = packed  # in a list, where Ray leaves a reference alone
        self._function: Callable[[Any], Any] | None = None

    def apply(self, item: Any) -> tuple[Any, Exception | None]:
        """The result or the exception: as a value, an exception arrives as what it was."""
        try:
            if self._function is None:  # here: a failure to unpickle must not count as a lost worker
                self._function = ray.get(self._packed[0])
            return self._function(item), None
        except Exception as error:
            return None, error


@dataclass(eq=False, slots=True)
class _Task(Generic[I, R]):
    item: I
    attempts: int = 0
    done: bool = False
    result: R | None = None
    error: Exception | None = None

    def take(self) -> R:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # a result of R may be None


class RayExecutor:
    """See :class:`booru_tagger.parallel.base.Executor`.

    ``workers`` processes, of one core each, take one item at a time. Function and items are pickled. A worker
    that is lost is replaced, and its item done again; the third time the item fails with
    :class:`ClusterError`, or has the result ``function.lost(item, reason)`` where the function has that.
    Where a machine leaves the cluster, the others go on with fewer workers.
    At most twice as many items as workers are drawn but not handed out. Without ``address`` Ray is started
    on this machine; otherwise a running cluster is joined. That happens here and not in :meth:`run`: Ray
    takes hold of signals as it starts, and a run wants to have the last word on them.
    """

    def __init__(self, workers: int | None, address: str | None = None) -> None:
        """``workers`` of ``None`` are one for each core of the cluster. Raises :class:`ClusterError`."""
        _join(workers, address)
        cores = _cores()
        self.workers = min(workers or cores, cores)  # one too many would wait for its core for ever

    def run(
        self, function: Callable[[I], R], items: Iterable[I | None], meanwhile: Meanwhile = rest
    ) -> Generator[R, None, None]:
        pool: _Pool[I, R] = _Pool(function, self.workers, meanwhile)

        def begin(item: I) -> Iterator[R]:
            pool.add(item)
            return pool.results(down_to=2 * self.workers - 1)

        try:
            yield from stream(items, begin, lambda: pool.results(down_to=0))
        finally:
            pool.close()


def _join(workers: int | None, address: str | None) -> None:
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # nobody else joins this one
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the cluster at {address}" if address else "Ray on this machine"
        raise ClusterError(f"cannot join {where}: {error}; is it running? See `ray status`") from error


def _cores() -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]


@dataclass(eq=False)
class _Pool(Generic[I, R]):
    """Workers, what each is at, and the tasks that were begun or wait, in the order of the items."""

    function: Callable[[I], R]
    size: int
    meanwhile: Meanwhile
    _packed: Any = None
    _idle: list[Any] = field(default_factory=list)
    _busy: dict[Any, tuple[Any, _Task[I, R]]] = field(default_factory=dict)
    _waiting: deque[_Task[I, R]] = field(default_factory=deque)
    _flying: deque[_Task[I, R]] = field(default_factory=deque)
    _proven: set[Any] = field(default_factory=set)
    """Workers that have given a result: these run somewhere."""

    def add(self, item: I) -> None:
        task: _Task[I, R] = _Task(item)
        self._flying.append(task)
        self._waiting.append(task)
        self._begin()

    def results(self, down_to: int) -> Iterator[R]:
        """Hand out what is done, and wait until no more than ``down_to`` tasks are left."""
        self._collect(wait=False)
        while self._flying and (self._flying[0].done or len(self._flying) > down_to):
            while not self._flying[0].done:
                self._collect(wait=True)
            yield self._flying.popleft().take()

    def close(self) -> None:
        """Wait for what was begun, and end the workers."""
        self._waiting.clear()
        while self._busy:
            _, left = ray.wait(
                list(self._busy), num_returns=len(self._busy), timeout=PATIENCE, fetch_local=False
            )
            if not left:
                break
            self._dismiss_surplus()
            self._waiting.clear()
        for worker in (*self._idle, *(worker for worker, _ in self._busy.values())):
            with suppress(RayActorError):
                ray.kill(worker)

    def _begin(self) -> None:
        while self._waiting and (self._idle or len(self._busy) < self.size):
            worker = self._idle.pop() if self._idle else self._hire()
            task = self._waiting.popleft()
            task.attempts += 1
            self._busy[worker.apply.remote(task.item)] = worker, task

    def _hire(self) -> Any:
        if self._packed is None:
            self._packed = ray.put(self.function)  # sent to each machine once, not with each worker
        return ray.remote(num_cpus=1)(_Worker).remote([self._packed])

    def _collect(self, *, wait: bool) -> None:
        if not self._busy:
            return
        ready = self._ready(PATIENCE if wait else 0.0)
        if wait and not ready:
            self._dismiss_surplus()
        for reference in ready:
            worker, task = self._busy.pop(reference)
            try:
                task.result, task.error = ray.get(reference)
            except RayActorError as error:
                self._lost(task, error)
            else:
                task.done = True
                self._proven.add(worker)
                self._idle.append(worker)
        self._begin()

    def _ready(self, patience: float) -> list[Any]:
        """References of results that are there, waiting so many seconds for one."""
        while True:
            pause = min(patience, self.meanwhile(again=True)) if patience else 0.0
            ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=pause)
            patience -= pause
            if ready or patience <= 0:
                return list(ready)

    def _dismiss_surplus(self) -> None:
        """End workers that wait for a core which left with its machine, and give their items to others."""
        cores = _cores()
        surplus = len(self._busy) + len(self._idle) - cores
        if surplus <= 0:
            return
        self.size = min(self.size, cores)
        waiting = [reference for reference, (worker, _) in self._busy.items() if worker not in self._proven]
        for reference in waiting[::-1][:surplus]:
            worker, task = self._busy.pop(reference)
            ray.kill(worker)
            task.attempts -= 1
            self._waiting.appendleft(task)

    def _lost(self, task: _Task[I, R], error: RayActorError) -> None:
        if task.attempts < ATTEMPTS:
            self._waiting.appendleft(task)
            return
        task.done = True
        reason = f"its worker was lost {ATTEMPTS} times ({str(error).splitlines()[0]})"
        told = getattr(self.function, "lost", None)
        if told is None:
            task.error = ClusterError(f"{task.item}: {reason}")
        else:
            task.result = told(task.item, reason)

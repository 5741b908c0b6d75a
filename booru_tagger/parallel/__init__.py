"""Working on several pictures at once: one small protocol, several ways."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from booru_tagger.errors import ConfigError
from booru_tagger.parallel.base import Executor, Meanwhile
from booru_tagger.parallel.memory import keep_freed_memory
from booru_tagger.parallel.threads import SerialExecutor, ThreadExecutor

__all__ = [
    "Executor",
    "Meanwhile",
    "SerialExecutor",
    "ThreadExecutor",
    "available_cores",
    "keep_freed_memory",
    "make_executor",
]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where a container finds its own limit: "microseconds period" or "max period"."""


def available_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has: some may be kept from it, and
    in a container it may have a share of their time only, rounded up here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota() -> float | None:
    """Cores' worth of time that Linux's control group leaves us; ``None`` where there is no limit."""
    with contextlib.suppress(OSError, ValueError):
        limit, period = _QUOTA.read_text("ascii").split()
        if limit != "max" and float(period) > 0:
            return float(limit) / float(period)
    return None


def make_executor(jobs: int | None, kind: str = "threads", address: str | None = None) -> Executor:
    """The executor for ``jobs`` pictures at once; one for each core where that is ``None``.

    The process that works on them keeps the memory of one picture for the next.
    ``kind`` is ``serial``, ``threads`` or ``ray``; ``address`` is that of a running Ray cluster. Raises
    MissingExtraError where Ray is not installed, ConfigError for an address without Ray, and ClusterError
    where the cluster cannot be joined.
    """
    if kind == "ray":
        from booru_tagger.parallel.cluster import RayExecutor  # Ray is an extra, and slow to import

        return RayExecutor(jobs, address)
    if address is not None:
        raise ConfigError(f"address: there is no cluster to join for --executor {kind}; give --executor ray")
    keep_freed_memory()
    jobs = jobs or available_cores()
    return SerialExecutor() if jobs == 1 or kind == "serial" else ThreadExecutor(jobs)

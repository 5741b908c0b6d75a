"""Working on several pictures at once: one small protocol, several ways."""

from __future__ import annotations

import os

from booru_tagger.errors import ConfigError
from booru_tagger.parallel.base import Executor
from booru_tagger.parallel.serial import SerialExecutor
from booru_tagger.parallel.threads import ThreadExecutor

__all__ = ["Executor", "SerialExecutor", "ThreadExecutor", "available_cores", "make_executor"]


def available_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_executor(jobs: int | None, kind: str = "threads", address: str | None = None) -> Executor:
    """The executor for ``jobs`` pictures at once; one for each core where that is ``None``.

    ``kind`` is ``serial``, ``threads`` or ``ray``; ``address`` is that of a running Ray cluster. Raises
    MissingExtraError where Ray is not installed, ConfigError for an address without Ray, and ClusterError
    where the cluster cannot be joined.
    """
    if kind == "ray":
        from booru_tagger.parallel.cluster import RayExecutor  # Ray is an extra, and slow to import

        return RayExecutor(jobs, address)
    if address is not None:
        raise ConfigError(f"address: there is no cluster to join for --executor {kind}; give --executor ray")
    jobs = jobs or available_cores()
    return SerialExecutor() if jobs == 1 or kind == "serial" else ThreadExecutor(jobs)

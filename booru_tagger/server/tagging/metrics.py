"""Counts of what a server did, in Prometheus' text format (exposition format 0.0.4)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the histogram of answers."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """May be counted on from several threads. ``waiting`` tells how many pictures are held right now."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._waiting = waiting
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._pictures: Counter[str] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0

    def answered(self, place: str, status: int, seconds: float) -> None:
        """A request to the address ``place`` was answered."""
        with self._lock:
            self._answers[place, status] += 1
            self._seconds += seconds
            self._buckets.update(bound for bound in BUCKETS if seconds <= bound)

    def tagged(self, failed: bool) -> None:
        with self._lock:
            self._pictures["failed" if failed else "tagged"] += 1

    def text(self) -> str:
        with self._lock:
            return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "# HELP booru_tagger_requests_total Requests answered."
        yield "# TYPE booru_tagger_requests_total counter"
        for (place, status), count in sorted(self._answers.items()):
            yield f'booru_tagger_requests_total{{path="{place}",status="{status}"}} {count}'
        yield "# HELP booru_tagger_pictures_total Pictures looked at."
        yield "# TYPE booru_tagger_pictures_total counter"
        for outcome in ("tagged", "failed"):
            yield f'booru_tagger_pictures_total{{outcome="{outcome}"}} {self._pictures[outcome]}'
        yield "# HELP booru_tagger_pictures_held Pictures being tagged or waiting for it."
        yield "# TYPE booru_tagger_pictures_held gauge"
        yield f"booru_tagger_pictures_held {self._waiting()}"
        total = sum(self._answers.values())
        yield "# HELP booru_tagger_request_seconds Time to answer a request."
        yield "# TYPE booru_tagger_request_seconds histogram"
        for bound in BUCKETS:
            yield f'booru_tagger_request_seconds_bucket{{le="{bound:g}"}} {self._buckets[bound]}'
        yield f'booru_tagger_request_seconds_bucket{{le="+Inf"}} {total}'
        yield f"booru_tagger_request_seconds_sum {self._seconds:.6f}"
        yield f"booru_tagger_request_seconds_count {total}"

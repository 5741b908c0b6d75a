"""Batches made ahead of their step."""

# ruff: noqa: E402 (what a module needs is looked for before it is imported)

from __future__ import annotations

import threading

import pytest

from tests.support.command import TIMEOUT
from tests.support.extras import need

need("torch")

from booru_export.training.streams import Ahead


def test_the_next_batch_is_made_while_this_one_is_learned_from() -> None:
    made = {(8, step): threading.Event() for step in range(5)} | {(16, 3): threading.Event()}

    def make(size: int, step: int) -> tuple[int, int, str]:
        made.setdefault((size, step), threading.Event()).set()
        return size, step, threading.current_thread().name

    ahead = Ahead(make)
    main = threading.current_thread().name
    assert ahead.draw(8, 0) == (8, 0, main)
    assert made[8, 1].wait(TIMEOUT)
    size, step, thread = ahead.draw(8, 1)
    assert (size, step) == (8, 1)
    assert thread.startswith("batches")
    assert ahead.draw(8, 2)[:2] == (8, 2)
    assert ahead.draw(16, 3) == (16, 3, main), "another size than was foreseen"


def test_what_fails_ahead_fails_at_its_step() -> None:
    def make(size: int, step: int) -> int:
        if step == 1:
            raise ValueError("broken picture")
        return step

    ahead = Ahead(make)
    assert ahead.draw(8, 0) == 0
    with pytest.raises(ValueError, match="broken picture"):
        ahead.draw(8, 1)

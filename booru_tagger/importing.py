"""Importing a large part of the program at once."""

from __future__ import annotations

import gc
import importlib
import os
from types import ModuleType

_POOL_SIZES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""Where a user may have said how many threads numpy's OpenBLAS has."""


def import_part(name: str) -> ModuleType:
    """As :func:`importlib.import_module`, without searching for what may be freed meanwhile.

    Modules are made of objects that stay. Looking through them, a hundred times until one picture can be
    tagged, takes a twentieth of the time until it is. What is there afterwards counts as old, so that it is
    not gone through at the next occasion either.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if not gc.get_freeze_count():  # who froze objects, before a fork perhaps, wants them to stay so
            gc.freeze()
            gc.unfreeze()
        if collecting:
            gc.enable()


def import_small_numpy() -> None:
    """Import numpy without threads for products of large matrices, in a program that has none to multiply.

    Each of them waits for its first product by turning in a loop, and gets in the way of what is loaded
    meanwhile: with two cores, two fifths of the time that importing numpy takes. Nothing changes where
    numpy is there already, or where the user has said how many there are to be; child processes have theirs.
    """
    chosen = any(name in os.environ for name in _POOL_SIZES)
    if not chosen:
        os.environ[_POOL_SIZES[0]] = "1"
    try:
        import_part("numpy")
    finally:
        if not chosen:
            del os.environ[_POOL_SIZES[0]]

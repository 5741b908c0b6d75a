"""Importing a large part of the program at once."""

from __future__ import annotations

import gc
import importlib
from types import ModuleType


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

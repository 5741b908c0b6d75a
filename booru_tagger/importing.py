"""Importing a large part of the program at once."""

from __future__ import annotations

import gc
import importlib
from types import ModuleType


def import_part(name: str) -> ModuleType:
    """As :func:`importlib.import_module`, without searching for what may be freed meanwhile.

    Modules are made of objects that stay. Looking through them, a hundred times until one picture can be
    tagged, takes a twentieth of the time until it is.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if collecting:
            gc.enable()

"""Leaving out the tests whose packages are not installed."""

from __future__ import annotations

import importlib.util

import pytest


def need(*packages: str) -> None:
    """Skip the module that calls this where a package is missing; nothing is imported to find out."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"{', '.join(missing)} not installed: the training side needs the extra [export]"
        pytest.skip(reason, allow_module_level=True)

"""Numbers that are equal but for rounding, inside of values that hold a ``float``."""

from __future__ import annotations

from typing import cast

import pytest


def about(value: float, *, abs: float | None = None) -> float:
    """``pytest.approx``, for the eye of a type checker the number itself."""
    return cast(float, pytest.approx(value, abs=abs))

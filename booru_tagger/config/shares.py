"""Scores: numbers from 0 to 1. Which of them a user may set a least one for, and how that is checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from booru_tagger.errors import nearest

THRESHOLDS = ("face", "character", "hair", "eyes")
"""Scores of faces that a user may set a threshold for."""


def checked_shares(values: Mapping[Any, object], known: Collection[str]) -> Mapping[str, float]:
    """``values`` as numbers from 0 to 1, for some of the keys that are ``known``. Raises ValueError."""
    shares = {}
    for key, value in values.items():
        check_key(str(key), known)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"{key} must be a number from 0 to 1, not {value!r}")
        shares[str(key)] = float(value)
    return MappingProxyType(shares)


def check_key(key: str, known: Collection[str]) -> None:
    """Raise ValueError for a key that is not ``known``."""
    if key not in known:
        near = nearest(key, known)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"{key!r} is not one of {', '.join(known)}{hint}")

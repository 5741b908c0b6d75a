"""Fixtures that any test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import make_bundle


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny bundle (see :mod:`tests.bundles`); not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("models") / "tiny")

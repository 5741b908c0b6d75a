"""Fixtures that any test may use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.bundles import make_bundle

# Before anything imports torch: with nets as small as those of the tests, a second thread only waits.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_SECONDS = 1200
"""Time for a test that is marked slow; that of the others is in pyproject.toml."""

# On a busy machine examples take long for reasons that are not theirs.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny bundle (see :mod:`tests.support.bundles`); not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session", autouse=True)
def no_gallery_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have enrolled characters; they must not take part."""
    nowhere = tmp_path_factory.mktemp("nobody") / "gallery.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("booru_tagger.models.gallery.stored.default_path", lambda: nowhere)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_graphs_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The networks of tests must not push out those that a user's own program has kept."""
    graphs = tmp_path_factory.mktemp("cache") / "graphs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("booru_tagger.models.kept_graphs.folder", lambda: graphs)
        yield


@pytest.fixture(autouse=True)
def a_log_of_its_own() -> Iterator[None]:
    """Commands run in this process set the log up for themselves; the next test must not inherit that."""
    log = logging.getLogger("booru_tagger")
    level, handlers = log.level, list(log.handlers)
    yield
    log.setLevel(level)
    log.handlers[:] = handlers

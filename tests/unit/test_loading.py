"""Networks that are loaded while a picture is decoded: in threads of their own, which change nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from booru_tagger.errors import DamagedImageError, ModelError
from booru_tagger.models.session import Session
from booru_tagger.tagging import looking
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Painted, make_bundle, paint


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "available_cores", lambda: 2)


@pytest.fixture
def loaders(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that load a network."""
    seen = []
    load = Session._load

    def noted(self: Session) -> object:
        seen.append(threading.current_thread())
        return load(self)

    monkeypatch.setattr(Session, "_load", noted)
    return seen


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    paint([Painted(20, 30, 64, "hatsune_miku")]).save(path)
    return path


def here(threads: list[threading.Thread]) -> list[bool]:
    return [thread is threading.current_thread() for thread in threads]


def test_each_network_has_a_thread_and_the_result_is_the_same(
    tiny_bundle: Path, picture: Path, loaders: list[threading.Thread]
) -> None:
    tagger, explicit = Tagger(tiny_bundle), Tagger(tiny_bundle)
    explicit.load()
    assert here(loaders) == [True, True]
    assert explicit.tag(picture) == tagger.tag(picture)
    assert len(set(loaders[2:])) == 2 and here(loaders[2:]) == [False, False]
    assert not any(thread.is_alive() for thread in loaders[2:])
    tagger.tag(picture)
    assert len(loaders) == 4


def test_one_core_loads_one_network_after_the_other_when_it_is_asked(
    tiny_bundle: Path, picture: Path, loaders: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "available_cores", lambda: 1)
    assert Tagger(tiny_bundle).tag(picture).faces
    assert here(loaders) == [True, True]


def test_a_network_that_is_damaged_is_the_error_that_it_was(tmp_path: Path, picture: Path) -> None:
    folder = make_bundle(tmp_path / "model")
    (folder / "recogniser.onnx").write_bytes(b"")
    tagger = Tagger(TaggerOptions(folder))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"recogniser\.onnx: it has 0 bytes"):
            tagger.tag(picture)


def test_a_picture_that_cannot_be_decoded_leaves_no_thread_behind(
    tiny_bundle: Path, picture: Path, loaders: list[threading.Thread]
) -> None:
    data = picture.read_bytes()
    picture.write_bytes(data[: len(data) // 2] + b"rubbish")
    with pytest.raises(DamagedImageError):
        Tagger(tiny_bundle).tag(picture)
    assert len(loaders) == 2
    assert not any(thread.is_alive() for thread in loaders)

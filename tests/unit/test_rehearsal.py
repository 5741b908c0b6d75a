"""A dry run refuses what the run would refuse, with the same words, and touches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from booru_tagger.runner import Outcome, Output, RunReport
from booru_tagger.runner.rehearsal import Rehearsal
from booru_tagger.types import Tag, TagResult
from booru_tagger.writers.base import Rehearsing
from booru_tagger.writers.naming import Naming, Scheme, WriterOptions
from booru_tagger.writers.registry import make_writer
from tests.support.bundles import Painted, paint

EVERY = ("txt", "json", "hydrus", "jsonl", "xmp", "embed")
TAGS = (Tag("hatsune_miku", "character", 0.9, "recogniser"),)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    paint([Painted(10, 10, 60)], size=(96, 80)).save(path)
    return path


def both(picture: Path, *names: str, scheme: Scheme = "full") -> list[list[str]]:
    """What a dry run and then a run say of the picture."""
    naming = Naming(scheme, suffixes=(".png", ".jpg"))
    writers = [make_writer(name, WriterOptions(naming)) for name in names]
    result = TagResult(str(picture), 96, 80, tags=TAGS)
    before = {path: path.read_bytes() for path in picture.parent.iterdir() if path.is_file()}
    rehearsed = Rehearsal(writers, naming).keep(picture, result, result)
    assert {path: path.read_bytes() for path in picture.parent.iterdir() if path.is_file()} == before
    kept = Output(writers, naming).keep(picture, result)
    return [[str(error) for error in answer.failures] for answer in (rehearsed, kept)]


def test_every_writer_can_be_rehearsed(picture: Path) -> None:
    assert all(isinstance(make_writer(name, WriterOptions()), Rehearsing) for name in EVERY)
    assert both(picture, *(name for name in EVERY if name != "hydrus")) == [[], []]


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("json", "a.png.json", b"[1, 2"),
        ("txt", "a.png.txt", b"\xff\xfe\x00"),
        ("xmp", "a.png.xmp", b"<x"),
        ("jsonl", "metadata.jsonl", b'{"file_name": "a.png", "tags": 7}\n'),
        ("embed", "a.png", b"GIF89a"),
    ],
)
def test_what_cannot_be_merged_into_is_refused_beforehand(
    picture: Path, name: str, file: str, content: bytes
) -> None:
    (picture.parent / file).write_bytes(content)
    rehearsed, written = both(picture, name)
    assert rehearsed == written != []


def test_a_sidecar_of_two_pictures_is_refused_beforehand(picture: Path) -> None:
    (picture.parent / "a.jpg").write_bytes(b"x")
    rehearsed, written = both(picture, "txt", scheme="stem")
    assert rehearsed == written != [] and "would both be written" in rehearsed[0]


def test_a_folder_in_the_place_of_a_sidecar_is_refused_beforehand(picture: Path) -> None:
    (picture.parent / "a.png.txt").mkdir()
    rehearsed, written = both(picture, "txt")
    assert len(rehearsed) == len(written) == 1


def test_a_file_that_pictures_share_is_counted_once() -> None:
    report = RunReport()
    for name in ("a.png", "b.png", "c.png"):
        result = TagResult(name)
        report.add(Outcome(name, result, (Path("metadata.jsonl"), Path(f"{name}.txt"))))
    assert report.changed_files == 4

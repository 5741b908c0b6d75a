"""kill -9 at random moments of a batch: nothing is half written, nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from booru_tagger.journal import Journal
from tests.support.bundles import WHO, Painted, paint
from tests.support.command import Home, make_home
from tests.support.forking import Forks, Kill, forks, kills

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

OTHERS = ("json", "jsonl", "xmp", "embed")
"""The writers beside that of a text list, of which there are two: both write ``a.png.txt``."""
TOGETHER = ("json", "xmp")
"""Those that write files of one picture each; with them alone, several pictures are written together."""
JOURNAL = "../journal.sqlite3"


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    return make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))


@pytest.fixture
def commands(home: Home) -> Iterator[Forks]:
    with forks(home) as opened:
        yield opened


def make_folder(folder: Path, count: int, chance: random.Random) -> None:
    """Pictures in three folders, some with captions that a person wrote."""
    for number in range(count):
        picture = folder / f"part {number % 3}" / f"{number:04}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        faces = [Painted(10, 10, 60, chance.choice(list(WHO)), chance.choice(["red", "blue"]), "green")]
        paint(faces, size=(96, 80)).save(picture)
        if number % 5 == 0:
            picture.with_name(picture.name + ".txt").write_bytes(b"by hand ,\r\n red_hair")
        if number % 7 == 0:
            picture.with_name(picture.name + ".json").write_bytes(b'{"source": "https://example.org/1" }')


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_our_temporary(name: str) -> bool:
    return Path(name).name.startswith(".booru-tagger-")


def check_no_harm(now: dict[str, bytes], original: dict[str, bytes], done: dict[str, bytes]) -> None:
    """Every file is as it was or as it is to be; a list of many pictures is the beginning of that."""
    assert original.keys() <= now.keys(), "a file is lost"
    for name, data in now.items():
        if is_our_temporary(name):
            continue
        if name.endswith("metadata.jsonl"):
            assert done[name].startswith(data) and data.endswith(b"\n"), name
        else:
            assert data in (original.get(name), done[name]), f"{name} is half written"


def tag(
    commands: Forks, writer: Sequence[str], folder: str, journal: str, kill: Kill | None = None
) -> tuple[list[str], int, int]:
    """Run the batch; the pictures that it reported as tagged, its exit code and its steps."""
    writers = [option for name in writer for option in ("--writer", name)]
    jobs = "2" if "embed" not in writer else "1"  # one thread alone writes each picture at once
    args = ["tag", "--batch", folder, "--format", "jsonl", "--journal", journal, "--jobs", jobs]
    run = commands.run(*args, "--review-band", "0-1", *writers, kill=kill)
    assert run.code in (0, -9), run.err
    lines = run.out.split(b"\n")[:-1]  # what stands behind the last newline was cut by the kill
    return [json.loads(line)["path"] for line in lines], run.code, run.steps


@pytest.mark.parametrize(
    ("writer", "count", "times"),
    [
        (("txt", *OTHERS), 30, 15),
        (("hydrus", *OTHERS), 10, 5),
        (("txt", *TOGETHER), 120, 6),  # a late kill comes after the first batch, of at most 16
        pytest.param(("txt", *OTHERS), 500, 200, marks=pytest.mark.slow),
    ],
)
def test_the_sum_of_killed_runs_is_one_undisturbed_run(
    home: Home, commands: Forks, writer: tuple[str, ...], count: int, times: int
) -> None:
    chance = random.Random(7)
    work, peace = home.work / "pictures", home.work / "peace"
    make_folder(work, count, chance)
    shutil.copytree(work, peace)
    original = content(work)
    tagged, code, whole = tag(commands, writer, "peace", "../peace.sqlite3")
    assert (code, len(tagged)) == (0, count)
    done = content(peace)

    reported: Counter[str] = Counter()
    for kill in kills(chance, times, whole):
        some, code, _ = tag(commands, writer, "pictures", JOURNAL, kill)
        assert code == -9, f"{kill} of {whole} steps found nothing left to do"
        reported.update(some)
        check_no_harm(content(work), original, done)
    assert 0 < len(reported) < count

    for folder in (work, peace):  # one more picture, so that the last run comes to each folder
        for part in folder.iterdir():
            paint([Painted(10, 10, 60)], size=(96, 80)).save(part / "last.png")
    rest, code, _ = tag(commands, writer, "pictures", JOURNAL)
    reported.update(rest)
    assert code == 0
    tag(commands, writer, "peace", "../peace.sqlite3")
    assert content(work) == content(peace)
    assert not any(map(is_our_temporary, content(work)))
    # Pictures are reported once they are recorded. A kill between the two leaves them unreported.
    assert max(reported.values()) == 1
    assert "embed" not in writer or len(reported) >= count - times
    queue = in_queue(home, "pictures", "journal.sqlite3")
    assert queue and queue == in_queue(home, "peace", "peace.sqlite3")
    assert tag(commands, writer, "pictures", JOURNAL)[0] == [], "nothing is left to be done"
    check_taken_back(home, commands, work, original, embedded="embed" in writer)


def in_queue(home: Home, folder: str, journal: str) -> set[Path]:
    """The pictures of a folder that wait for a person."""
    with Journal.open(home.folder / journal) as opened:
        return {path.relative_to((home.work / folder).resolve()) for path in opened.reviews.waiting()}


def check_taken_back(
    home: Home, commands: Forks, work: Path, original: dict[str, bytes], *, embedded: bool
) -> None:
    """Ownership survived the kills: all that was written can be taken out again."""
    run = commands.run("untag", "--batch", "pictures", "--format", "none", "--journal", JOURNAL)
    assert run.code == 0, run.err
    for part in work.iterdir():
        (part / "last.png").unlink()
    left = content(work)
    assert left.keys() == original.keys()
    for name, data in original.items():
        if name.endswith(".png") and embedded:
            assert_same_pixels(work / name, data, home.folder / "original.png")
        else:
            assert left[name] == data, name


def assert_same_pixels(path: Path, data: bytes, place: Path) -> None:
    place.write_bytes(data)
    with Image.open(path) as one, Image.open(place) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
    assert b"hatsune_miku" not in path.read_bytes()

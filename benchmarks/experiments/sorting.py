"""What sorting and cropping a large library costs, killed again and again, gone on with, and taken back.

Tiny pictures, tag files and a journal are made first, in a folder of its own that is removed at the end; no
network looks at them. In every folder the pictures have the same names, as the pages of books do. Each way of
sorting, and cropping, is done in peace and then with kills at random moments of progress; at the end all
bytes, dates and paths have to be what they were, or what they are in peace. Any difference ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

import numpy as np
from PIL import Image

from booru_tagger.files.stamps import sha256_of_bytes, stamp_of
from booru_tagger.journal import Journal, ledger
from booru_tagger.journal.paths import PathKeys
from booru_tagger.journal.values import Change, Original
from booru_tagger.types import Box, CharacterMatch, FaceResult, ScoredTag, Tag, TagResult
from tests.support.bundles import make_bundle
from tests.support.command import MAIN, Home, make_home

EACH = 50
"""Pictures in a folder."""
CHARACTERS, UNKNOWN = 60, 0.3
SIDE = 32
_BATCH = 5_000
WAYS = ("hardlink", "link", "copy", "move")

Content = tuple[str, int]
"""Hash of a file, and its date."""


def make_library(home: Home, count: int) -> None:
    """Pictures with a tag file each, and a journal that knows what is in them."""
    chance, pixels = random.Random(7), np.random.default_rng(7)
    keys = PathKeys()
    with Journal.open(home.folder / "state/booru-tagger/journal.sqlite3") as journal:
        for first in range(0, count, _BATCH):
            made = []
            for number in range(first, min(first + _BATCH, count)):
                picture = home.work / "art" / f"book {number // EACH}" / f"{number % EACH:03}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                blocks = pixels.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(blocks).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(picture)
                made.append((picture, _result(picture, chance)))
            journal._database.write(lambda connection: _know(connection, keys, made))  # noqa: B023


def _result(picture: Path, chance: random.Random) -> TagResult:
    who = f"character_{chance.randrange(CHARACTERS)}" if chance.random() > UNKNOWN else None
    score = round(chance.uniform(0.6, 1), 4)
    named = CharacterMatch(who, score) if who is not None else None
    face = FaceResult(Box(4, 4, 28, 28), 0.9, named, hair_color=ScoredTag("red_hair", 0.9))
    tags = [Tag("red_hair", "general", 0.9, "measured")]
    if who is not None:
        tags += [Tag(who, "character", score, "model"), Tag(f"series_{who[-1]}", "copyright", score, "model")]
    return TagResult(str(picture), SIDE, SIDE, (face,), tuple(tags), model="benchmark")


def _know(connection: Connection, keys: PathKeys, made: Sequence[tuple[Path, TagResult]]) -> None:
    for picture, result in made:
        sidecar = picture.with_name(f"{picture.name}.txt")
        text = "\n".join(tag.tag for tag in result.tags).encode()
        sidecar.write_bytes(text)
        stamp, now = stamp_of(picture), time.time()
        assert stamp is not None
        content = sha256_of_bytes(picture.read_bytes())
        row = ledger.Row(keys(picture), stamp, content, "benchmark", now, result)
        ledger.put_pictures(connection, [row])
        owned = frozenset(tag.tag for tag in result.tags)
        change = Change("txt", owned, frozenset(), "", sha256_of_bytes(text), Original.ABSENT, None)
        ledger.apply(connection, keys(picture), keys(sidecar), change, now)


def contents(folder: Path) -> dict[str, Content]:
    """Every file below a folder, by its path there."""
    found = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here, name)
            data = path.read_bytes()
            key = str(path.relative_to(folder))
            found[key] = hashlib.sha256(data).hexdigest(), path.stat().st_mtime_ns
    return found


@dataclass(frozen=True, slots=True)
class Trial:
    """Runs commands in a home, and kills them."""

    home: Home
    count: int
    kills: int
    chance: random.Random

    def run(self, what: str, *args: str, kills: int = 0, log: Path | None = None) -> None:
        """Run to the end, after ``kills`` kills, and print what it took. See :meth:`_kill` for ``log``."""
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        killed = sum(self._kill(args, log) for _ in range(kills))
        ended = self._start(args)
        _, err = ended.communicate()
        took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ended.returncode in (0, 4), err.decode()
        computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = err.decode().strip().splitlines() or [""]
        each = f"{computed / self.count * 1000:.2f} ms each"
        print(
            f"{what:24} {computed:7.1f} s of a core ({each}), {took:7.1f} s, {killed} kills, at most "
            f"{after.ru_maxrss / 1e3:.0f} MB so far: {said[-1]}",
            flush=True,
        )

    def _start(self, args: Sequence[str]) -> subprocess.Popen[bytes]:
        environment = self.home.environment
        out = subprocess.DEVNULL if args[0] == "crops" or "none" in args else subprocess.PIPE
        return subprocess.Popen(
            [*MAIN, *args], cwd=self.home.work, env=environment, stdout=out, stderr=subprocess.PIPE
        )

    def _kill(self, args: Sequence[str], log: Path | None) -> bool:
        """Kill a run after a random part of the work; whether it was not faster.

        How far it is tells its output, a line for each picture, or the length of the file ``log``.
        """
        process = self._start(args)
        wanted = self.chance.randrange(1, max(2, 2 * self.count // (self.kills + 1)))
        for progress in _progress(process, log):
            if progress >= wanted:
                break
        ended = process.poll() is not None
        process.kill()
        process.communicate()
        return not ended


def _progress(process: subprocess.Popen[bytes], log: Path | None) -> Iterator[int]:
    """How many pictures a process has done."""
    if log is None:
        assert process.stdout is not None
        done = 0
        for line in process.stdout:
            row = json.loads(line)
            done += bool(row.get("files") or row.get("fate"))
            yield done
        process.wait()
        return
    start = _lines(log)
    while process.poll() is None:
        time.sleep(0.05)
        yield _lines(log) - start


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def same(what: str, one: dict[str, Content], other: dict[str, Content]) -> None:
    differing = sorted({name for name, _ in one.items() ^ other.items()})
    if differing:
        raise SystemExit(f"{what}: {len(differing):,} files differ, {differing[:5]} among them")


def try_sorting(trial: Trial, way: str) -> None:
    work, sort = trial.home.work, ("sort", "--into", "tree", "--format")
    before = contents(work / "art")
    trial.run(f"{way}", *sort, "none", "--by", way, "art")
    peace = contents(work / "tree")
    assert len(peace) == len(before) and sorted(peace.values()) == sorted(before.values()), way
    assert contents(work / "art") == ({} if way == "move" else before), way
    trial.run(f"{way}: again", *sort, "none", "--by", way, *(["art"] if (work / "art").exists() else ["."]))
    _find(trial, before)
    trial.run(f"{way}: undo", *sort, "none", "--undo")
    same(f"{way}, undone", before, contents(work / "art"))
    trial.run(f"{way}, killed", *sort, "jsonl", "--by", way, "art", kills=trial.kills)
    same(f"{way}, killed", peace, contents(work / "tree"))
    trial.run(f"{way}, killed: undo", *sort, "jsonl", "--undo", kills=trial.kills)
    same(f"{way}, killed and undone", before, contents(work / "art"))
    assert not (work / "tree").exists(), "folders were left"
    _find(trial, before)


def _find(trial: Trial, before: dict[str, Content]) -> None:
    """The journal has to know where every picture is."""
    ended = trial.home.run("find")
    found = ended.out.splitlines()
    assert len(found) == trial.count == sum(name.endswith(".png") for name in before), ended.err
    assert "gone" not in ended.err, ended.err


def try_cropping(trial: Trial) -> None:
    options = ("--size", "32", "--min-size", "0", "--jobs", "1", "art")
    work = trial.home.work
    trial.run("crops", "crops", "--into", "peace", *options)
    log = work / "killed" / ".booru-tagger-crops.jsonl"
    trial.run("crops, killed", "crops", "--into", "killed", *options, kills=trial.kills, log=log)
    one, other = (
        {name: data for name, (data, _) in contents(work / into).items()} for into in ("peace", "killed")
    )
    assert one == other, "cut-outs differ"
    trial.run("crops: again", "crops", "--into", "killed", *options)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment sorting", description=__doc__)
    parser.add_argument("count", type=int, help="pictures")
    parser.add_argument("--kills", type=int, default=6, help="of each command")
    parser.add_argument("--only", choices=(*WAYS, "crops"), action="append", help="one of the trials")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder, "model"))
        home = make_home(Path(folder, "home"), BOORU_TAGGER_MODEL=str(bundle))
        make_library(home, options.count)
        trial = Trial(home, options.count, options.kills, random.Random(7))
        for name in options.only or (*WAYS, "crops"):
            try_cropping(trial) if name == "crops" else try_sorting(trial, name)

"""How fast a run passes over pictures that are tagged already.

Pictures, tag files and a journal are made first, in a folder of its own that is removed at the end. One
picture is really tagged; the journal's rows of the others are copies of its rows.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Connection

from booru_tagger.files.stamps import sha256_of, stamp_of
from booru_tagger.journal import Journal, ledger
from booru_tagger.journal.paths import PathKeys
from booru_tagger.journal.values import Change
from tests.support.bundles import Painted, make_bundle, paint
from tests.support.command import Home, make_home

EACH = 1_000
"""Pictures in a folder."""
RUNS = 3


def _copy(home: Home, first: Path, count: int) -> list[Path]:
    """Copies of a picture and its tag files, ``count`` pictures in all."""
    sidecars = [path for path in home.work.iterdir() if path.name.startswith(first.name + ".")]
    copies = []
    for number in range(1, count):
        copies.append(home.work / f"folder {number // EACH}" / f"{number}.png")
        copies[-1].parent.mkdir(exist_ok=True)
        shutil.copy2(first, copies[-1])
        for sidecar in sidecars:
            shutil.copy2(sidecar, copies[-1].with_name(copies[-1].name + sidecar.suffix))
    return copies


def _know(home: Home, first: Path, copies: list[Path]) -> None:
    """Make the journal say of the copies what it says of the first picture."""
    keys, content = PathKeys(), sha256_of(first)
    with Journal.open(home.folder / "state/booru-tagger/journal.sqlite3") as journal:
        known = journal.entry(first)
        assert known is not None

        def work(connection: Connection) -> None:
            for picture in copies:
                stamp = stamp_of(picture)
                assert stamp is not None
                key, now = keys(picture), time.time()
                row = ledger.Row(key, stamp, content, known.fingerprint, now, known.result, known.raw)
                ledger.put_pictures(connection, [row])
                for mark in known.marks:
                    target = picture.with_name(picture.name + mark.target.suffix)
                    change = Change(
                        mark.writer,
                        mark.owned,
                        mark.deleted,
                        "",
                        mark.left_sha256,
                        mark.original,
                        mark.content,
                    )
                    ledger.apply(connection, key, keys(target), change, now)

        journal._database.write(work)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment skipping", description=__doc__)
    parser.add_argument("count", type=int, help="pictures")
    count = parser.parse_args(arguments).count
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder, "model"))
        home = make_home(Path(folder, "home"), BOORU_TAGGER_MODEL=str(bundle))
        first = home.work / "first.png"
        paint([Painted(10, 10, 60)], size=(96, 80)).save(first)
        assert home.run("tag", "first.png").code == 0
        _know(home, first, _copy(home, first, count))
        size = os.path.getsize(home.folder / "state/booru-tagger/journal.sqlite3") / 1e6  # noqa: PTH202
        print(f"{count:,} pictures, a journal of {size:.0f} MB")
        for _ in range(RUNS):
            start, before = time.monotonic(), os.times()
            ended = home.run("tag", "--batch", "--format", "none")
            wall, after = time.monotonic() - start, os.times()
            user = after.children_user - before.children_user
            system = after.children_system - before.children_system
            print(f"{wall:.1f} s ({user:.1f} user, {system:.1f} system): {ended.err.strip()}")

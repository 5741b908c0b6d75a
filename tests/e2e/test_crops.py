"""`booru-tagger crops`, on what `booru-tagger tag` wrote."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED
from booru_tagger.files.replace import replace_file
from booru_tagger.library import crop_folder
from tests.support.bundles import Painted, paint
from tests.support.command import make_home, snapshot
from tests.support.films import animated
from tests.support.forking import forks, kills
from tests.support.here import Here, tagged_home
from tests.support.journaling import KilledError


def draw(work: Path) -> None:
    art = work / "art"
    art.mkdir(parents=True)
    paint([Painted(20, 20, 100), Painted(180, 60, 80, "cirno", "blue", "blue")]).save(art / "two.png")
    paint([Painted(60, 40, 120, hair="red")], background=(0, 0, 0)).save(art / "red.png")
    paint([Painted(60, 40, 120, "stranger", "black", "blue")]).save(art / "stranger.png")
    paint([Painted(100, 80, 40)], background=(90, 10, 10)).save(art / "small.png")
    paint([]).save(art / "empty.png")


home = tagged_home(draw)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def crops(home: Here, *args: str | Path, code: int = 0) -> list[dict[str, Any]]:
    """The metadata after a run."""
    ended = home.run("crops", "art", "--into", "faces", "--size", "64", *args)
    assert ended.code == code, ended.err
    return lines(home.work / "faces" / "metadata.jsonl")


def labels(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(str(row["label"]) for row in rows)


def test_cuts_faces_and_says_what_they_are(home: Here) -> None:
    rows = crops(home)
    assert labels(rows) == ["None", "cirno", "hatsune_miku", "hatsune_miku"]
    for row in rows:
        path = home.work / "faces" / row["file_name"]
        assert path.parent.name == (row["label"] or "unknown")
        with Image.open(path) as image:
            assert image.size == (64, 64) == (row["width"], row["height"])
    cirno = next(row for row in rows if row["label"] == "cirno")
    assert cirno["box"] == [180, 60, 260, 140] and cirno["region"] == [160, 40, 280, 160]
    assert Path(cirno["picture"]) == Path("art/two.png") and cirno["eye_color"] == "blue_eyes"
    (small,) = lines(home.work / "faces" / "left_out.jsonl")
    assert small["reason"] == "too small" and small["picture"].endswith("small.png")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--named-only",), ["cirno", "hatsune_miku", "hatsune_miku"]),
        (("--min-size", "0"), ["None", "cirno", "hatsune_miku", "hatsune_miku", "hatsune_miku"]),
        (("--min-size", "110"), ["None", "hatsune_miku"]),
        (("--max-per-character", "1"), ["None", "cirno", "hatsune_miku"]),
    ],
)
def test_what_is_left_out(home: Here, args: tuple[str, ...], expected: list[str]) -> None:
    assert labels(crops(home, *args)) == expected
    left = lines(home.work / "faces" / "left_out.jsonl")
    assert len(left) + len(expected) == 5


def test_cuts_and_formats(home: Here) -> None:
    for cut, sides in {"head": (64, 64), "upper-body": (64, 62)}.items():
        rows = lines_of(home, cut, "--cut", cut, "--flat", "--image-format", "jpeg")
        cirno = next(row for row in rows if row["label"] == "cirno")
        assert "/" not in cirno["file_name"] and cirno["file_name"].endswith(".jpg")
        with Image.open(home.work / cut / cirno["file_name"]) as image:
            assert image.format == "JPEG" and image.size == sides
    rows = lines_of(home, "tight", "--expand", "1", "--image-format", "webp", "--size", "80")
    cirno = next(row for row in rows if row["label"] == "cirno")
    with Image.open(home.work / "tight" / cirno["file_name"]) as image:
        assert image.format == "WEBP"
        frame = np.asarray(image.convert("RGB"))[2, 40]
    assert np.abs(frame.astype(int) - (255, 0, 255)).max() < 30


def lines_of(home: Here, into: str, *args: str) -> list[dict[str, Any]]:
    ended = home.run("crops", "art", "--into", into, "--size", "64", *args)
    assert ended.code == 0, ended.err
    return lines(home.work / into / "metadata.jsonl")


def test_faces_of_moving_pictures_are_cut_out_of_their_own_frames(home: Here) -> None:
    scenes = [paint([Painted(20, 20, 100)]), paint([Painted(180, 60, 80, "cirno", "blue", "blue")])]
    (home.work / "film").mkdir()
    path = animated(home.work / "film" / "a.webp", scenes, "WEBP", 400)
    assert home.run("tag", "--batch", "film", "--format", "none").code == 0
    assert home.run("crops", "film", "--into", "faces", "--duplicates").code == 0
    rows = lines(home.work / "faces" / "metadata.jsonl")
    assert sorted(row["label"] for row in rows) == ["cirno", "hatsune_miku"]
    for row in rows:
        with Image.open(home.work / "faces" / row["file_name"]) as cut:
            shown = np.asarray(cut.convert("RGB").resize((8, 8)), dtype=float)
        with Image.open(path) as film:
            film.seek(0 if row["label"] == "hatsune_miku" else 1)
            expected = film.convert("RGB").resize((8, 8), box=tuple(row["region"]))
        assert abs(shown - np.asarray(expected, dtype=float)).mean() < 12


def test_near_duplicates_are_left_out(home: Here) -> None:
    (home.work / "art" / "z.png").write_bytes((home.work / "art" / "two.png").read_bytes())
    home.run("tag", "--batch", "--format", "none")
    assert labels(crops(home, "--named-only")) == ["cirno", "hatsune_miku", "hatsune_miku"]
    reasons = [row["reason"] for row in lines(home.work / "faces" / "left_out.jsonl")]
    assert reasons.count("near-duplicate") == 2
    assert len(lines_of(home, "all", "--named-only", "--duplicates")) == 5


def test_goes_on_and_adds_what_is_new(home: Here) -> None:
    crops(home)
    before = snapshot(home.work / "faces")
    crops(home)
    assert {path: data for path, (data, _) in snapshot(home.work / "faces").items()} == {
        path: data for path, (data, _) in before.items()
    }
    paint([Painted(60, 40, 120, "kagamine_rin", "blonde", "blue")]).save(home.work / "art" / "rin.png")
    home.run("tag", "--batch", "--format", "none")
    rows = crops(home)
    assert len(rows) == 5 and "kagamine_rin" in labels(rows)
    again = home.run("crops", "art", "--into", "faces", "--size", "32")
    assert again.code == 7 and "another size" in again.err


def test_says_which_pictures_it_could_not_use(home: Here) -> None:
    paint([]).save(home.work / "art" / "later.png")
    (home.work / "art" / "red.png").write_bytes(b"changed")
    ended = home.run("crops", "art", "--into", "faces")
    assert ended.code == EXIT_SOME_FAILED
    assert "was not tagged yet" in ended.err and "has changed" in ended.err
    assert home.run("crops", "art/empty.png", "--into", "none").code == EXIT_NOTHING_DONE
    missing = home.run("crops", "nowhere", "--into", "none")
    assert missing.code == EXIT_NOTHING_DONE and "nowhere: there is no such file or folder" in missing.err
    assert not (home.work / "none").exists()


def test_a_dry_run_tells_what_a_run_would_do_and_writes_nothing(home: Here) -> None:
    (home.work / "art" / "z.png").write_bytes((home.work / "art" / "two.png").read_bytes())
    home.run("tag", "--batch", "--format", "none")
    before = snapshot(home.work)
    rehearsed = home.run("crops", "art", "--into", "faces", "--dry-run")
    assert rehearsed.code == 0 and snapshot(home.work) == before
    assert rehearsed.out.splitlines() == [
        "hatsune_miku: 2 faces; left out: 1 near-duplicate, 1 too small",
        "unknown: 1 face",
        "cirno: 1 face; left out: 1 near-duplicate",
    ]
    assert "4 faces cut out; faces would hold 4, of 2 characters (dry run" in rehearsed.err
    done = home.run("crops", "art", "--into", "faces")
    assert "4 faces cut out; faces holds 4, of 2 characters" in done.err and not done.out
    paint([Painted(60, 40, 120, "kagamine_rin", "blonde", "blue")]).save(home.work / "art" / "rin.png")
    home.run("tag", "--batch", "--format", "none")
    log = home.work / "faces" / ".booru-tagger-crops.jsonl"
    log.write_bytes(log.read_bytes() + b'{"key": "half a li')
    before = snapshot(home.work)
    more = home.run("crops", "art", "--into", "faces", "--dry-run")
    assert more.out.splitlines()[0] == "kagamine_rin: 1 face" and "would hold 5" in more.err
    assert home.run("crops", "art", "--into", "faces", "--size", "32", "--dry-run").code == 7
    assert snapshot(home.work) == before


def test_lists_of_others_are_left_alone(home: Here) -> None:
    (home.work / "faces").mkdir()
    (home.work / "faces" / "metadata.jsonl").write_bytes(b"mine")
    assert home.run("crops", "art", "--into", "faces").code == 7
    assert (home.work / "faces" / "metadata.jsonl").read_bytes() == b"mine"


def test_a_run_killed_anywhere_is_gone_on_with(home: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    crops(home, "--jobs", "1")
    done = {path.name: path.read_bytes() for path in (home.work / "faces").rglob("*") if path.is_file()}
    for step in range(12):
        into = f"killed {step}"
        left = iter(range(step, -1, -1))
        real = replace_file

        def dying(path: Path, data: bytes, left: Any = left, real: Any = real, **options: bool) -> None:
            count = next(left, 0)
            if count == 0:
                raise KilledError
            real(path, data, **options)

        with monkeypatch.context() as patch:
            patch.setattr(crop_folder, "replace_file", dying)
            try:
                lines_of(home, into, "--jobs", "1")
            except KilledError:
                log = home.work / into / ".booru-tagger-crops.jsonl"
                if log.exists() and step % 2:
                    log.write_bytes(log.read_bytes() + b'{"key": "half a li')
        lines_of(home, into, "--jobs", "1")
        made = {path.name: path.read_bytes() for path in (home.work / into).rglob("*") if path.is_file()}
        assert made == done, step


def test_a_line_is_written_when_its_cut_out_is_on_the_disk(
    home: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, flushed = home.work / "faces" / ".booru-tagger-crops.jsonl", list[str]()

    def flush(path: Path) -> None:
        logged = [row["kept"]["file_name"] for row in lines(log) if "kept" in row]
        assert path.is_file() and set(logged) <= set(flushed)
        flushed.append(path.relative_to("faces").as_posix())

    monkeypatch.setattr(crop_folder, "flush_file", flush)
    monkeypatch.setattr(crop_folder, "_BATCH", 2)
    rows = crops(home)
    assert sorted(flushed) == sorted(row["file_name"] for row in rows)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
def test_a_run_killed_for_real_is_gone_on_with(tmp_path: Path, tiny_bundle: Path) -> None:
    home, chance = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle)), random.Random(7)
    (home.work / "art").mkdir()
    for number in range(30):
        color = tuple(chance.randrange(256) for _ in range(3))
        paint([Painted(10, 10, 60)], (96, 80), color).save(home.work / "art" / f"{number}.png")  # type: ignore[arg-type]
    with forks(home) as commands:
        commands.run("tag", "--batch", "--format", "none")
        args = ["crops", "art", "--min-size", "0", "--size", "64", "--duplicates", "--into"]
        whole = commands.run(*args, "peace").steps
        for kill in kills(chance, 6, whole):
            assert commands.run(*args, "killed", kill=kill).code == -9
        assert commands.run(*args, "killed").code == 0
    peace, killed = (
        sorted(lines(home.work / into / "metadata.jsonl"), key=str) for into in ("peace", "killed")
    )
    assert peace == killed and len(peace) == 30
    assert len(list((home.work / "killed").rglob("*.png"))) == 30

"""Faults that are made for real, under the real command: a full disk, a folder renamed, pictures replaced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from booru_tagger.errors import EXIT_SOME_FAILED, OutputError
from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, TIMEOUT, Home, make_home, snapshot

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody rename what is open")

MIKU = paint([Painted(20, 20, 60)], size=(96, 96))
CIRNO = paint([Painted(20, 20, 60, who="cirno", hair="blue", eyes="blue")], size=(96, 96))
WRITERS = [word for name in ("txt", "json", "jsonl", "xmp") for word in ("--writer", name)]
TAG = ["tag", "--batch", "--format", "none", *WRITERS]


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    return make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle), BOORU_TAGGER_JOBS="1")


def content(folder: Path) -> dict[str, bytes]:
    return {str(Path(path).relative_to(folder)): data for path, (data, _) in snapshot(folder).items()}


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        MIKU.save(folder / f"{number:02}.png")
    (folder / "00.png.txt").write_bytes(b"mine ,my own\r\n")


ALONE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
STORY = """
place=$1 work=$2 outside=$3; shift 3
mkdir -p "$place"
mount -t tmpfs -o size=4m none "$place"
cp -a "$outside/start/." "$work"
cd "$work"
"$@" >"$outside/before.log" 2>&1 || exit 90
cp new.hidden new.png
cp new.hidden another.png
cp -a "$work" "$outside/tagged"
dd if=/dev/zero of="$place/.ballast" bs=4k 2>/dev/null || true
code=0; "$@" >"$outside/full.log" 2>&1 || code=$?
echo $code >"$outside/code"
cp -a "$work" "$outside/full"
rm "$place/.ballast"
"$@" >"$outside/after.log" 2>&1 || exit 91
cp -a "$work" "$outside/after"
"""
"""With a disk of its own at ``place``: tag, let two pictures come, fill the disk, tag, make room, tag."""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("full", ["work", "state"])
def test_a_disk_that_is_really_full(home: Home, full: str) -> None:
    outside = home.folder / "outside"
    fill(outside / "start", 3)
    MIKU.save(outside / "start" / "new.hidden", "PNG")
    if subprocess.run([*ALONE, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not to be had here")
    command: list[str | Path] = [*ALONE, STORY, "sh", home.folder / full, home.work, outside, *MAIN, *TAG]
    done = subprocess.run(command, env=home.environment, capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, (done.stderr, *(path.read_text() for path in outside.glob("*.log")))
    message = (outside / "full.log").read_text()
    assert int((outside / "code").read_text()) == OutputError.exit_code, message
    assert "space" in message and "Traceback" not in message
    tagged, harmed, after = (_without_ballast(outside / name) for name in ("tagged", "full", "after"))
    assert harmed == tagged, "nothing is lost, and nothing is half written"
    assert "2 pictures tagged" in (outside / "after.log").read_text()
    assert all(after[name] == data for name, data in tagged.items() if name != "metadata.jsonl")
    assert after["metadata.jsonl"].startswith(tagged["metadata.jsonl"])
    assert after["new.png.txt"] == after["another.png.txt"] == after["01.png.txt"]


def _without_ballast(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if not name.startswith(".")}


def test_a_folder_that_is_renamed_in_the_middle_of_a_run(home: Home) -> None:
    art, elsewhere = home.work / "art", home.work / "elsewhere"
    fill(art, 20)
    shutil.copytree(art, home.folder / "calm", copy_function=shutil.copyfile)  # not known by its times
    before = content(art)
    process = home.start(
        "tag", "--batch", "art", "--format", "jsonl", *WRITERS, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(3)]
    art.rename(elsewhere)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == EXIT_SOME_FAILED
    assert b"Traceback" not in err and b"please report" not in err
    results = [json.loads(line) for line in [*first, *out.splitlines()]]
    assert len(results) == 20
    assert all("art" in item["error"]["message"] for item in results if item["error"])
    assert not art.exists(), "no folder is made to write into it"
    for name, data in content(elsewhere).items():
        assert data, name
    assert home.run(*TAG, "elsewhere").code == 0
    assert home.run(*TAG, home.folder / "calm").code == 0
    assert content(elsewhere).keys() == content(home.folder / "calm").keys()
    for name, data in content(home.folder / "calm").items():
        if name.endswith((".txt", ".xmp")):
            assert content(elsewhere)[name] == data, name
    assert "20 unchanged" in home.run(*TAG, "elsewhere").err
    assert home.run("untag", "--batch", "elsewhere", "--format", "none").code == 0
    assert content(elsewhere) == before


def test_pictures_that_are_replaced_while_they_are_read(home: Home) -> None:
    fill(home.work, 10)
    with _replacing(home.work) as replaced:
        for _ in range(3):
            ended = home.run(*TAG, "--force")
            assert ended.code == 0, ended.err
    assert replaced, "somebody was at it"
    faces = {}
    for number, picture in enumerate(sorted(home.work.glob("*.png"))):
        faces[picture] = ("hatsune_miku", "cirno")[number % 2]
        (MIKU, CIRNO)[number % 2].save(picture)
    assert home.run(*TAG).code == 0
    for picture, face in faces.items():
        caption = picture.with_name(picture.name + ".txt").read_text()
        assert face in caption and ({"hatsune_miku", "cirno"} - {face}).pop() not in caption
    assert (home.work / "00.png.txt").read_bytes().startswith(b"mine ,my own")
    assert "10 unchanged" in home.run(*TAG).err


@contextmanager
def _replacing(folder: Path) -> Iterator[list[Path]]:
    """Somebody who saves other pictures over those in the folder, by rename, time and again."""
    over, replaced = threading.Event(), list[Path]()
    for name, image in (("miku", MIKU), ("cirno", CIRNO)):
        image.save(folder / f".{name}", "PNG")

    def work() -> None:
        number = 0
        while not over.wait(0.005):
            picture = folder / f"{number % 10:02}.png"
            shutil.copy(folder / (".miku", ".cirno")[number % 2 ^ number // 10 % 2], folder / ".new")
            (folder / ".new").replace(picture)
            replaced.append(picture)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield replaced
    finally:
        over.set()
        thread.join()

"""`booru-tagger tag`, the real command on pictures that the test draws."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, ConfigError, OutputError
from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, TIMEOUT, Ended, Home, make_home, snapshot

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and names")

MIKU = Painted(20, 20, 80)
CIRNO = Painted(180, 90, 100, who="cirno", hair="blue", eyes="blue")
MIKU_CAPTION = "hatsune_miku, vocaloid, aqua_eyes, aqua_hair, twintails\n"


def draw(path: Path, *faces: Painted, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    paint(faces or (MIKU,)).save(path, **options)
    return path


def huge_png(width: int, height: int) -> bytes:
    """A small file that claims to be a very large picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * width) * 10)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def objects(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    """A home whose settings name the tiny model."""
    home = make_home(tmp_path)
    config = tmp_path / "config" / "booru-tagger"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f"model = {json.dumps(str(tiny_bundle))}\njobs = 2\n", "utf-8")
    return make_home_from(home, config / "config.toml")


def make_home_from(home: Home, config: Path) -> Home:
    return Home(home.folder, {"BOORU_TAGGER_CONFIG": str(config)})


# A folder full of trouble.


@dataclass(frozen=True)
class Trouble:
    home: Home
    first: Ended
    memory: int
    """Most bytes that the first run held."""


GOOD = ["a.png", "sub/初音ミク.jpg", "sub/two words 'and' \"quotes\".webp", "b.GIF"]
BAD = {
    "empty.png": ("not-an-image", "empty"),
    "huge.png": ("too-large", "too many pixels"),
    "text.png": ("not-an-image", "not a picture"),
    "truncated.jpg": ("damaged", "damaged"),
}


MEASURED = """
import subprocess, sys
from pathlib import Path
code = subprocess.call(sys.argv[2:])
try:
    import resource
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
except ImportError:
    most = 0
Path(sys.argv[1]).write_text(str(most))
sys.exit(code)
"""
"""Runs a command and writes down the most memory that it held. A process begins with the mark of the one that
started it, so that must be a small one, not the one that runs the tests."""


@pytest.fixture
def trouble(home: Home) -> Trouble:
    """The folder, and the first run over it."""
    work = home.work
    for name in GOOD:
        draw(work / name, quality=95) if name.endswith("jpg") else draw(work / name)
    draw(work / "whole.jpg", CIRNO, quality=95)
    (work / "truncated.jpg").write_bytes((work / "whole.jpg").read_bytes()[:2000])
    (work / "whole.jpg").unlink()
    (work / "empty.png").write_bytes(b"")
    (work / "text.png").write_text("I am not a picture")
    (work / "huge.png").write_bytes(huge_png(30_000, 30_000))
    out, err = home.folder / "out", home.folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                MEASURED,
                home.folder / "memory",
                *MAIN,
                "tag",
                "--batch",
                "--format",
                "jsonl",
            ],
            cwd=work,
            env=home.environment,
            stdout=stdout,
            stderr=stderr,
        )
        code = process.wait(TIMEOUT)
    memory = int((home.folder / "memory").read_text())
    return Trouble(home, Ended(code, out.read_text("utf-8"), err.read_text("utf-8")), memory)


def test_everything_else_is_tagged_and_each_failure_is_explained(trouble: Trouble) -> None:
    first, work = trouble.first, trouble.home.work
    assert first.code == EXIT_SOME_FAILED
    found = {item["path"]: item for item in objects(first)}
    assert set(found) == {*GOOD, *BAD}
    for name in GOOD:
        assert found[name]["error"] is None
        assert found[name]["faces"][0]["character"]["tag"] == "hatsune_miku"
        assert (work / f"{name}.txt").read_text() == MIKU_CAPTION
        assert json.loads((work / f"{name}.json").read_text("utf-8"))["faces"]
    for name, (kind, words) in BAD.items():
        assert found[name]["faces"] == []
        assert found[name]["error"]["kind"] == kind
        assert name in found[name]["error"]["message"] and words in found[name]["error"]["message"]
        assert found[name]["error"]["message"] in first.err.splitlines()
        assert not list(work.glob(f"{name}.*"))
    counts, rest = first.err.splitlines()[-2:]
    assert counts == "4 pictures tagged, 4 failed: 4 heads, 4 named"
    assert rest.startswith("8 files written; next: booru-tagger tag --batch ")
    assert "Traceback" not in first.err
    assert trouble.memory < 600_000_000


def test_a_second_run_changes_no_byte_and_tries_the_bad_ones_again(trouble: Trouble) -> None:
    before = snapshot(trouble.home.work)
    second = trouble.home.run("tag", "--batch", "--format", "jsonl")
    assert second.code == EXIT_SOME_FAILED
    assert {item["path"] for item in objects(second)} == set(BAD)
    assert "0 pictures tagged, 4 unchanged" in second.err
    assert snapshot(trouble.home.work) == before
    forced = trouble.home.run("tag", "--batch", "--force", "--format", "none")
    assert (forced.code, forced.out) == (EXIT_SOME_FAILED, "")
    assert "4 pictures tagged" in forced.err
    assert snapshot(trouble.home.work) == before


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_permission_are_failures(home: Home) -> None:
    draw(home.work / "good.png")
    draw(home.work / "locked.png").chmod(0)
    draw(home.work / "closed" / "a.png")
    (home.work / "closed").chmod(0)
    try:
        ended = home.run("tag", "--batch", "--dry-run", "--format", "jsonl")
    finally:
        (home.work / "closed").chmod(0o755)
    errors = {item["path"]: item["error"] for item in objects(ended)}
    assert errors["good.png"] is None
    for name in ("locked.png", "closed"):
        assert errors[name]["kind"] == "unreadable"
        assert "denied" in errors[name]["message"]
    assert ended.code == EXIT_SOME_FAILED


# The contract of the JSON lines.


def test_json_lines_are_as_promised(home: Home) -> None:
    draw(home.work / "two.png", MIKU, CIRNO)
    paint([]).save(home.work / "none.png")
    ended = home.run("tag", "two.png", "none.png", "missing.png", "--dry-run", "--format", "jsonl")
    two, none, missing = objects(ended)
    assert two["schema"] == 1
    assert (two["path"], two["width"], two["height"], two["error"]) == ("two.png", 320, 240, None)
    boxes = {face["character"]["tag"]: face["box"] for face in two["faces"]}
    assert boxes == {"hatsune_miku": list(MIKU.box), "cirno": list(CIRNO.box)}
    face = two["faces"][0]
    assert {"box", "score", "character", "candidates", "hair_color", "eye_color"} <= set(face)
    assert set(face["character"]) == {"tag", "score", "source"}
    assert [set(candidate) for candidate in face["candidates"]] == [{"tag", "score"}] * 3
    assert set(face["hair_color"]) == set(face["eye_color"]) == {"tag", "score"}
    assert all(set(tag) == {"tag", "category", "score", "source"} for tag in two["tags"])
    assert (none["faces"], none["tags"], none["error"]) == ([], [], None)
    assert missing["faces"] == [] and set(missing["error"]) == {"kind", "message"}
    assert ended.code == EXIT_SOME_FAILED


def test_a_dry_run_leaves_everything_untouched(home: Home) -> None:
    draw(home.work / "a.png")
    (home.work / "a.png.txt").write_text("mine\n")
    before = snapshot(home.work)
    ended = home.run("tag", "--batch", "--dry-run")
    assert ended.code == 0
    assert "hatsune_miku" in ended.out and "nothing written" in ended.err
    assert snapshot(home.work) == before
    assert not (home.folder / "state").exists()


# What a person wrote.


def test_hand_written_tags_survive_every_run(home: Home) -> None:
    draw(home.work / "a.png")
    sidecar = home.work / "a.png.txt"
    sidecar.write_text("my tag, aqua_hair, another\n")
    home.run("tag", "a.png")
    tagged = sidecar.read_text()
    assert tagged.startswith("my tag, aqua_hair, another, ") and "hatsune_miku" in tagged
    home.run("tag", "a.png", "--deny", "*", "--format", "none")
    assert sidecar.read_text() == "my tag, aqua_hair, another\n"


def test_a_tag_that_was_deleted_by_hand_stays_deleted(home: Home) -> None:
    draw(home.work / "a.png")
    home.run("tag", "a.png")
    sidecar = home.work / "a.png.txt"
    sidecar.write_text(sidecar.read_text().replace(", twintails", ""))
    for _ in range(2):
        home.run("tag", "a.png", "--force")
        assert "twintails" not in sidecar.read_text()


def test_a_read_only_sidecar_is_left_alone(home: Home) -> None:
    draw(home.work / "a.png")
    draw(home.work / "b.png")
    (home.work / "a.png.txt").write_text("mine\n")
    (home.work / "a.png.txt").chmod(0o444)
    ended = home.run("tag", "--batch", "--format", "jsonl")
    failed, good = objects(ended)
    assert (failed["error"]["kind"], failed["faces"], good["error"]) == ("output", [], None)
    assert "read-only" in ended.err
    assert (home.work / "a.png.txt").read_text() == "mine\n"
    assert ended.code == EXIT_SOME_FAILED


# Which pictures.


def test_a_folder_needs_batch(home: Home) -> None:
    draw(home.work / "art" / "a.png")
    ended = home.run("tag", "art")
    assert ended.code == 2
    assert "booru-tagger tag --batch art" in ended.err
    assert home.run("tag").code == 2


def test_batch_goes_through_the_folders_named_and_below_unless_told(home: Home) -> None:
    for name in ("art/a.png", "art/sub/b.png", "else/c.png"):
        draw(home.work / name)
    args = ("tag", "--batch", "--dry-run", "--format", "jsonl")
    paths = [item["path"] for item in objects(home.run(*args, "art", "else/c.png"))]
    assert paths == [os.path.join("art", "a.png"), os.path.join("art", "sub", "b.png"), "else/c.png"]  # noqa: PTH118
    flat = objects(home.run(*args, "art", "--no-recursive"))
    assert [Path(item["path"]).name for item in flat] == ["a.png"]


def test_no_picture_found_has_a_code_of_its_own(home: Home) -> None:
    ended = home.run("tag", "--batch")
    assert (ended.code, ended.err) == (EXIT_NOTHING_DONE, "booru-tagger: no pictures found\n")
    assert home.run("tag", "missing.png").code == EXIT_NOTHING_DONE


@posix
def test_names_of_any_kind(home: Home) -> None:
    names = [b"new\nline.png", b"caf\xe9.png", "絵文字😀.png".encode(), b"-dash.png", b"esc\x1b[31m.png"]
    for name in names:
        draw(home.work / os.fsdecode(name))
    ended = home.run("tag", "--null", "-", "--format", "jsonl", stdin=b"\0".join(names) + b"\0")
    assert ended.code == 0, ended.err
    assert [os.fsencode(item["path"]) for item in objects(ended)] == names
    for name in names:
        assert (home.work / (os.fsdecode(name) + ".txt")).read_text() == MIKU_CAPTION
    table = home.run("tag", "--batch", "--dry-run")
    assert table.code == 0
    assert "new\\nline.png" in table.out and "caf\\udce9.png" in table.out and "esc\\x1b[31m.png" in table.out
    assert "\x1b" not in table.out + table.err


@posix
def test_results_come_while_the_list_is_still_open(home: Home) -> None:
    for number in range(3):
        draw(home.work / f"{number}.png")
    process = home.start(
        "tag", "-", "--format", "jsonl", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    for number in range(3):
        process.stdin.write(b"%d.png\n" % number)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["path"] == f"{number}.png"
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err.decode()) == (
        0,
        "3 pictures tagged: 3 heads, 3 named\n6 files written\n",
    )


# How it ends early.


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_a_summary_and_the_next_run_does_the_rest(
    home: Home, number: signal.Signals, code: int
) -> None:
    for name in ("a.png", "b.png"):
        draw(home.work / name)
    process = home.start(
        "tag", "-", "--format", "jsonl", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"a.png\n")
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    assert "1 picture tagged" in err.decode() and "run the same command again" in err.decode()
    assert "Traceback" not in err.decode()
    rest = home.run("tag", "--batch", "--format", "jsonl")
    assert [item["path"] for item in objects(rest)] == ["b.png"]


@posix
def test_killed_in_the_middle_the_runs_together_are_like_one(home: Home) -> None:
    names = [f"{number:02}.png" for number in range(24)]
    for index, name in enumerate(names):
        for folder in ("killed", "calm"):
            draw(home.work / folder / name, Painted(10 + 5 * index, 20, 80))
            (home.work / folder / f"{name}.txt").write_text("mine\n")
    for lines in (1, 5):
        process = home.start(
            "tag", "--batch", "killed", "--format", "jsonl", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=TIMEOUT)
        for name in names:
            text = (home.work / "killed" / f"{name}.txt").read_text()
            assert text.startswith("mine") and text.endswith("\n")
    assert home.run("tag", "--batch", "killed", "calm").code == 0
    killed, calm = home.work / "killed", home.work / "calm"
    assert sorted(os.listdir(killed)) == sorted(os.listdir(calm))  # noqa: PTH208
    for name in names:
        assert (killed / f"{name}.txt").read_bytes() == (calm / f"{name}.txt").read_bytes()
    assert home.run("tag", "--batch", "--format", "jsonl").out == ""


def test_a_journal_full_of_noise_costs_no_tag(home: Home) -> None:
    draw(home.work / "a.png")
    (home.work / "a.png.txt").write_text("mine\n")
    journal = home.folder / "j.sqlite3"
    home.run("tag", "a.png", "--journal", journal)
    tagged = (home.work / "a.png.txt").read_text()
    journal.write_bytes(b"noise" * 5000)
    ended = home.run("tag", "a.png", "--journal", journal)
    assert ended.code == 0
    assert "journal" in ended.err and "1 picture tagged" in ended.err
    assert (home.work / "a.png.txt").read_text() == tagged


def test_without_a_journal_nothing_is_remembered(home: Home) -> None:
    draw(home.work / "a.png")
    for _ in range(2):
        assert "1 picture tagged" in home.run("tag", "a.png", "--no-journal").err
    assert not (home.folder / "state").exists()


# Options of the model and of what is written.


def test_thresholds_crops_and_implications(home: Home) -> None:
    draw(home.work / "weak.png", Painted(20, 20, 80, weak=True))
    args = ("tag", "weak.png", "--dry-run", "--format", "jsonl")
    assert objects(home.run(*args))[0]["faces"] == []
    [weak] = objects(home.run(*args, "--threshold", "face=0.1", "--threshold", "character=0.1"))
    assert weak["faces"][0]["character"]["tag"] == "hatsune_miku"
    [bare] = objects(home.run(*args, "--threshold", "face=0.1", "--no-imply"))
    assert "twintails" not in {tag["tag"] for tag in bare["tags"]}
    [crop] = objects(home.run(*args, "--crops"))
    assert [face["box"] for face in crop["faces"]] == [[0, 0, 320, 240]]


def test_the_policy_shapes_what_is_written_and_printed(home: Home) -> None:
    draw(home.work / "a.png")
    policy = [
        "--deny",
        "twin*",
        "--rename",
        "hatsune_miku=miku_(singer)",
        "--prefix",
        "my style",
        "--suffix",
        "end",
    ]
    more = ["--spaces", "--escape-brackets", "--category-threshold", "copyright=1", "--order", "name"]
    ended = home.run("tag", "a.png", "--format", "jsonl", "--writer", "txt", *policy, *more)
    names = [tag["tag"] for tag in objects(ended)[0]["tags"]]
    assert names[0] == "my style" and names[-1] == "end"
    assert {"miku_(singer)", "aqua_hair"} <= set(names) and "twintails" not in names
    caption = (home.work / "a.png.txt").read_text()
    assert caption.startswith("my style, aqua eyes, aqua hair, miku \\(singer\\)")
    assert not (home.work / "a.png.json").exists()


def test_changed_settings_are_done_again_and_jobs_are_not(home: Home) -> None:
    draw(home.work / "a.png")
    home.run("tag", "a.png")
    assert "1 unchanged" in home.run("tag", "a.png", "--jobs", "1", "--format", "none").err
    for change in (["--threshold", "hair=0.9"], ["--deny", "x"], ["--writer", "txt"], ["--spaces"]):
        assert "1 picture tagged" in home.run("tag", "a.png", *change).err, change


def test_writers_that_are_unknown_or_in_each_others_way(home: Home) -> None:
    draw(home.work / "a.png")
    unknown = home.run("tag", "a.png", "--writer", "txtt")
    assert (unknown.code, "txtt" in unknown.err) == (ConfigError.exit_code, True)
    both = home.run("tag", "a.png", "--writer", "txt", "--writer", "hydrus")
    assert (both.code, "hydrus" in both.err) == (OutputError.exit_code, True)
    assert not (home.work / "a.png.txt").exists()


def test_pictures_that_would_share_a_sidecar_are_refused(home: Home) -> None:
    for name in ("a.jpg", "a.png", "b.png"):
        draw(home.work / name)
    ended = home.run("tag", "--batch", "--sidecar-name", "stem")
    assert ended.code == EXIT_SOME_FAILED
    assert "a.jpg and a.png" in ended.err and "--sidecar-name full" in ended.err
    assert sorted(path.name for path in home.work.glob("*.txt")) == ["b.txt"]
    assert home.run("tag", "--batch", "--sidecar-name", "stem-or-full").code == 0
    assert sorted(path.name for path in home.work.glob("*.txt")) == ["a.jpg.txt", "a.png.txt", "b.txt"]
    assert home.run("untag", "--batch").code == 0
    assert not list(home.work.glob("*.txt"))


def test_output_grows_the_same_tree_elsewhere(home: Home) -> None:
    for name in ("art/a.png", "art/sub/b.png"):
        draw(home.work / name)
    before = snapshot(home.work)
    assert home.run("tag", "--batch", "art", "--output", home.folder / "tags", "--writer", "txt").code == 0
    assert snapshot(home.work) == before
    assert sorted(snapshot(home.folder / "tags")) == [
        str(home.folder / "tags" / "a.png.txt"),
        str(home.folder / "tags" / "sub" / "b.png.txt"),
    ]


def test_two_pictures_of_one_name_do_not_share_a_sidecar_elsewhere(home: Home) -> None:
    for name in ("one/a.png", "two/a.png"):
        draw(home.work / name)
    ended = home.run("tag", "one/a.png", "two/a.png", "--output", home.folder / "tags")
    assert ended.code == EXIT_NOTHING_DONE
    assert not (home.folder / "tags").exists()


def test_the_table_says_who_was_found_where(home: Home) -> None:
    draw(home.work / "two.png", MIKU, CIRNO)
    paint([]).save(home.work / "none.png")
    (home.work / "text.png").write_text("x")
    lines = home.run("tag", "--batch", "--dry-run").out.splitlines()
    assert lines[0].split() == ["picture", "head", "character", "hair", "eyes"]
    assert any(line.split()[:3] == ["two.png", "20,20", "80x80"] and "hatsune_miku" in line for line in lines)
    assert any(line.startswith("two.png") and "cirno" in line and "blue_hair" in line for line in lines)
    assert any(line.startswith("none.png") and "no face found" in line for line in lines)
    assert any(line.startswith("text.png") and "failed: not-an-image" in line for line in lines)


# The contact sheet.


def test_the_contact_sheet_is_the_same_on_the_next_run_and_is_not_tagged_itself(home: Home) -> None:
    draw(home.work / "two.png", MIKU, CIRNO)
    assert home.run("tag", "--batch", "--contact-sheet", "faces.png").code == 0
    with Image.open(home.work / "faces.png") as sheet:
        assert sheet.width >= 2 * 128
    before = snapshot(home.work)
    again = home.run("tag", "--batch", "--contact-sheet", "faces.png")
    assert (again.code, "1 unchanged" in again.err) == (0, True)
    assert {name: data for name, (data, _) in snapshot(home.work).items()} == {
        name: data for name, (data, _) in before.items()
    }


def test_a_contact_sheet_never_takes_the_place_of_something_else(home: Home) -> None:
    draw(home.work / "a.png")
    before = snapshot(home.work)
    assert home.run("tag", "a.png", "--contact-sheet", "a.png").code == OutputError.exit_code
    assert home.run("tag", "a.png", "--contact-sheet", "faces.jpg").code == 2
    assert home.run("tag", "a.png", "--contact-sheet", "faces.png", "--dry-run").code == 2
    assert snapshot(home.work) == before


@posix
def test_a_progress_bar_is_shown_on_a_terminal_and_cleared_at_the_end(home: Home) -> None:
    for number in range(3):
        draw(home.work / f"{number}.png")
    master, slave = os.openpty()
    process = home.start(
        "tag", "--batch", "--dry-run", "--format", "jsonl", stdout=subprocess.PIPE, stderr=slave
    )
    os.close(slave)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_to_the_end, master)
        out, _ = process.communicate(timeout=TIMEOUT)
        drawn = reading.result(TIMEOUT)
    assert process.returncode == 0
    assert b"\x1b" not in out and len(out.splitlines()) == 3
    assert b"3/3" in drawn
    counts, rest = drawn.replace(b"\r", b"").splitlines()[-2:]
    assert counts.endswith(b"\x1b[2K3 pictures tagged: 3 heads, 3 named")
    assert rest == b"nothing written (dry run); next: booru-tagger tag --batch --format jsonl"


def read_to_the_end(terminal: int) -> bytes:
    data = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(terminal, 65_536):
            data += chunk
    os.close(terminal)
    return data

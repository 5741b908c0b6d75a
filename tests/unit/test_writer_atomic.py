"""Swapping files in: what survives a kill, what is cleaned up, and locks between processes."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.files import temporary
from booru_tagger.files.locking import locked
from booru_tagger.files.replace import Replacement, output_error, replace_file
from booru_tagger.files.temporary import sweep
from booru_tagger.writers.atomic import ChangedMeanwhileError, revise
from booru_tagger.writers.base import Revision
from tests.support.writing import leftovers


def test_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        replace_file(tmp_path / "a", b"x")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_extended_attributes_stay(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"x")
    try:
        os.setxattr(target, "user.comment", b"mine")
    except (OSError, AttributeError):
        pytest.skip("the file system of the tests has no extended attributes")
    replace_file(target, b"y")
    assert os.getxattr(target, "user.comment") == b"mine"


def test_modification_time_on_request(tmp_path: Path) -> None:
    target = tmp_path / "a"
    made = Replacement(target, b"x", mtime_ns=10**18)
    made.put()
    made.discard()
    assert target.stat().st_mtime_ns == 10**18


def test_link_into_nothing_makes_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_file(tmp_path / "link", b"x")
    assert (tmp_path / "real").read_bytes() == b"x"
    assert (tmp_path / "link").is_symlink()


def test_target_that_keeps_changing_is_given_up(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"0")
    rounds = []

    def change(before: bytes | None) -> Revision:
        rounds.append(before)
        target.write_bytes(b"x" * (len(rounds) + 1))
        return Revision(b"ours", frozenset(), frozenset())

    with pytest.raises(ChangedMeanwhileError, match="keeps changing"):
        revise(target, change)
    assert len(rounds) == 5
    assert target.read_bytes() == b"x" * 6
    assert leftovers(tmp_path) == []


def test_file_that_appears_meanwhile_is_merged(tmp_path: Path) -> None:
    target = tmp_path / "a"
    seen: list[bytes | None] = []

    def change(before: bytes | None) -> Revision:
        if not seen:
            target.write_bytes(b"theirs")
        seen.append(before)
        return Revision((before or b"") + b" and ours", frozenset(), frozenset())

    revise(target, change)
    assert seen == [None, b"theirs"]
    assert target.read_bytes() == b"theirs and ours"


def test_deletion_spares_a_file_that_changed(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"ours")

    def change(before: bytes | None) -> Revision:
        if before == b"ours":
            target.write_bytes(b"theirs!")
            return Revision(None, frozenset(), frozenset())
        return Revision(before, frozenset(), frozenset())

    assert not revise(target, change).changed
    assert target.read_bytes() == b"theirs!"


@pytest.mark.skipif(os.name == "nt", reason="locks are tested by other means there")
def test_sweeping_spares_the_living(tmp_path: Path) -> None:
    mine = tmp_path / ".booru-tagger-dead.tmp"
    mine.write_bytes(b"half")
    other = tmp_path / ".hidden.tmp"
    other.touch()
    holder = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT);"
        "fcntl.flock(d, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    )
    living = tmp_path / ".booru-tagger-living.tmp"
    with subprocess.Popen(
        [sys.executable, "-c", holder, living], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        sweep(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, other.name]
        process.kill()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


def test_first_write_into_a_folder_sweeps_it(tmp_path: Path) -> None:
    (tmp_path / ".booru-tagger-dead.tmp").touch()
    replace_file(tmp_path / "a", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_temporary_file_that_is_swept_away_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync
    swept: list[str] = []

    def fsync(descriptor: int) -> None:
        if not swept:
            swept.extend(leftovers(tmp_path))
            (tmp_path / swept[0]).unlink()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    replace_file(tmp_path / "a", b"x")
    assert swept
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_in_the_middle_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from booru_tagger.files.replace import replace_file\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "replace_file(Path(sys.argv[1]), b'new')"
    )
    assert subprocess.run([sys.executable, "-c", script, target], check=False).returncode == -9
    assert target.read_bytes() == b"old"
    assert len(leftovers(tmp_path)) == 1
    temporary._swept.discard(tmp_path)
    replace_file(target, b"new")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="permission denied"):
            replace_file(tmp_path / "a", b"x")
    finally:
        tmp_path.chmod(0o755)


def test_lock_is_waited_for_and_given_up(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, 1), pytest.raises(OutputError, match=r"held this lock for 0\.05 s"), locked(lock, 0.05):
        pass
    assert not lock.exists()
    with locked(lock, 0):
        pass


def test_lock_keeps_threads_apart(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(20):
            with locked(tmp_path / "lock", 60):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"
    assert not (tmp_path / "lock").exists()


def test_unknown_errors_speak_for_themselves() -> None:
    error = output_error(Path("a"), OSError(errno.EIO, "Input/output error"))
    assert str(error) == "a: cannot be written: Input/output error"

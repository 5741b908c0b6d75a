"""Reading whole files: whatever stands at a path, the answer is bytes or an error, never a hang."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from booru_tagger.files.reading import IrregularFileError, OversizeFileError, read_regular, read_with_status
from booru_tagger.files.stamps import FileState, state_of


def test_a_regular_file_is_read_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    data, status = read_with_status(path, 3)
    assert data == b"abc"
    assert FileState.of(status) == state_of(str(path))


def test_a_larger_file_than_allowed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with pytest.raises(OversizeFileError) as caught:
        read_regular(path, 2)
    assert caught.value.size == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(IrregularFileError):
        read_regular(path)
    assert state_of(str(path)) is None


def test_folders_and_missing_files_are_the_systems_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")

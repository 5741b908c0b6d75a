"""``metadata.jsonl``: one line per picture, many writers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.files.locking import locked
from booru_tagger.writers.jsonl import JsonlWriter
from booru_tagger.writers.naming import Naming, WriterOptions
from tests.support.writing import leftovers, remove, write


@pytest.fixture
def writer() -> JsonlWriter:
    return JsonlWriter(WriterOptions())


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


def test_lines_as_imagefolder_reads_them(tmp_path: Path) -> None:
    writer = JsonlWriter(WriterOptions(spaces=True))
    write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair")
    write(writer, tmp_path / "b.png", "blue_hair")
    assert lines(tmp_path) == [
        {"file_name": "a.png", "text": "hatsune miku, aqua hair", "tags": ["hatsune_miku", "aqua_hair"]},
        {"file_name": "b.png", "text": "blue hair", "tags": ["blue_hair"]},
    ]


def test_file_name_is_seen_from_the_list(tmp_path: Path) -> None:
    naming = Naming(output=tmp_path / "out", roots=(tmp_path / "in",))
    write(JsonlWriter(WriterOptions(naming=naming)), tmp_path / "in/a.png", "aqua_hair")
    assert lines(tmp_path / "out")[0]["file_name"] == "../in/a.png"


def test_other_lines_keep_their_bytes(tmp_path: Path, writer: JsonlWriter) -> None:
    target = tmp_path / "metadata.jsonl"
    before = b'{"file_name":"b.png" , "text":"\\u6708"}\r\n\r\nnot json "a.png"\r\n\xff\xfe bytes\r\n'
    target.write_bytes(before)
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    assert target.read_bytes().startswith(before)
    assert target.read_bytes().endswith(b"\r\n")
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_bytes() == before


def test_byte_order_mark_hides_no_line(tmp_path: Path, writer: JsonlWriter) -> None:
    target = tmp_path / "metadata.jsonl"
    target.write_bytes(b'\xef\xbb\xbf{"file_name":"a.png"}\n')
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    assert target.read_bytes().count(b"\n") == 1
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_bytes() == b'\xef\xbb\xbf{"file_name":"a.png"}\n'


def test_text_of_a_person_stays(tmp_path: Path, writer: JsonlWriter) -> None:
    target = tmp_path / "metadata.jsonl"
    before = '{"file_name":"a.png","text":"A girl in the rain."}'
    target.write_text(before)
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    assert lines(tmp_path)[0] == {"file_name": "a.png", "text": "A girl in the rain.", "tags": ["aqua_hair"]}
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_text() == before


def test_text_of_ours_follows_until_a_person_edits_it(tmp_path: Path, writer: JsonlWriter) -> None:
    picture, target = tmp_path / "a.png", tmp_path / "metadata.jsonl"
    first = write(writer, picture, "aqua_hair")
    second = write(writer, picture, "aqua_hair", "aqua_eyes", after=first)
    assert lines(tmp_path)[0]["text"] == "aqua_hair, aqua_eyes"
    target.write_text(target.read_text().replace("aqua_hair, aqua_eyes", "A girl."))
    third = write(writer, picture, "aqua_eyes", after=second)
    assert lines(tmp_path)[0]["text"] == "A girl."
    remove(writer, picture, third.owned)
    assert lines(tmp_path) == [{"file_name": "a.png", "text": "A girl."}]


def test_text_that_a_person_took_out_stays_out(tmp_path: Path, writer: JsonlWriter) -> None:
    picture, target = tmp_path / "a.png", tmp_path / "metadata.jsonl"
    first = write(writer, picture, "aqua_hair")
    target.write_text('{"file_name": "a.png", "tags": ["aqua_hair"]}\n')
    second = write(writer, picture, "aqua_hair", after=first)
    third = write(writer, picture, "aqua_hair", "aqua_eyes", after=second)
    assert lines(tmp_path) == [{"file_name": "a.png", "tags": ["aqua_hair", "aqua_eyes"]}]
    assert third.deleted


def test_target_is_shared_and_so_not_restorable(tmp_path: Path, writer: JsonlWriter) -> None:
    assert not write(writer, tmp_path / "a.png", "aqua_hair").restorable


def test_last_line_takes_the_list_with_it(tmp_path: Path, writer: JsonlWriter) -> None:
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    second = write(writer, tmp_path / "b.png", "aqua_hair")
    remove(writer, tmp_path / "a.png", first.owned)
    assert [line["file_name"] for line in lines(tmp_path)] == ["b.png"]
    remove(writer, tmp_path / "b.png", second.owned)
    assert list(tmp_path.iterdir()) == []


def test_tags_that_are_no_list(tmp_path: Path, writer: JsonlWriter) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "tags": "a, b"}')
    with pytest.raises(OutputError, match="not a list of strings"):
        write(writer, tmp_path / "a.png", "aqua_hair")


def test_held_list_is_given_up_in_time(tmp_path: Path) -> None:
    writer = JsonlWriter(WriterOptions(lock_timeout=0.05))
    with (
        locked(tmp_path / ".booru-tagger-metadata.jsonl.lock", 1),
        pytest.raises(OutputError, match="another process"),
    ):
        write(writer, tmp_path / "a.png", "aqua_hair")


def test_threads_lose_no_line(tmp_path: Path, writer: JsonlWriter) -> None:
    def write_some(start: int) -> None:
        for number in range(start, 40, 4):
            write(writer, tmp_path / f"{number:02}.png", "aqua_hair")

    threads = [threading.Thread(target=write_some, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line["file_name"] for line in lines(tmp_path)) == [
        f"{number:02}.png" for number in range(40)
    ]
    assert leftovers(tmp_path) == []


def test_processes_lose_no_line(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from booru_tagger.types import Tag, TagResult\n"
        "from booru_tagger.writers.base import Job; from booru_tagger.writers.registry import make_writer\n"
        "for n in range(10):\n"
        "    name = Path(sys.argv[1]) / f'{sys.argv[2]}{n}.png'\n"
        "    tags = (Tag('a', 'general', 1, 'm'),)\n"
        "    make_writer('jsonl').write(Job(name, name.with_name('metadata.jsonl'), TagResult(''), tags))"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "xyz"]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert len({line["file_name"] for line in lines(tmp_path)}) == 30
    assert leftovers(tmp_path) == []

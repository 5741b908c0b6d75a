"""Writers by name, writers of other packages, and writers that get in each other's way."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from booru_tagger.errors import ConfigError, OutputError
from booru_tagger.journal import Journal
from booru_tagger.runner import Output
from booru_tagger.types import TagResult
from booru_tagger.writers.base import Job, TagReader, Writer, Written
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.registry import GROUP, check_writers, make_writer, writer_names
from booru_tagger.writers.sidecar import Sidecar
from tests.support.writing import remove, write

PLUGIN = Path(__file__).parents[2] / "examples" / "writer_plugin"
BUILT_IN = ("txt", "hydrus", "json", "jsonl", "xmp", "embed")

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that packages with these entry points are installed: name, object, package."""

    def installed(*entries: tuple[str, str, str]) -> None:
        made = []
        for name, value, package in entries:
            entry = EntryPoint(name, value, GROUP)
            vars(entry)["dist"] = SimpleNamespace(name=package)
            made.append(entry)

        def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
            return [entry for entry in made if group == GROUP and name in (None, entry.name)]

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)

    return installed


@pytest.fixture
def plugin(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PLUGIN))
    install(("csv", "booru_tagger_csv:CsvWriter", "booru-tagger-csv"))
    yield
    sys.modules.pop("booru_tagger_csv", None)


def test_names() -> None:
    assert writer_names()[: len(BUILT_IN)] == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN[:5])
def test_every_built_in_writer_can_be_made_and_read(name: str) -> None:
    writer = make_writer(name)
    assert writer.name == name
    assert isinstance(writer, TagReader)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'yaml'; there are: txt, hydrus"):
        make_writer("yaml")


def test_example_plugin(plugin: None, tmp_path: Path) -> None:
    assert writer_names() == (*BUILT_IN, "csv")
    writer: Writer = make_writer("csv", WriterOptions(naming=Naming("stem")))
    target = tmp_path / "a.csv"
    target.write_text("by_hand;general;1\n")
    first = write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair")
    assert target.read_text().splitlines() == [
        "by_hand;general;1",
        "hatsune_miku;character;0.9000",
        "aqua_hair;general;0.9000",
    ]
    assert not write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair", after=first).changed
    target.write_text(target.read_text().replace("aqua_hair;general;0.9000\n", ""))
    second = write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair", after=first)
    assert "aqua_hair" in second.deleted
    remove(writer, tmp_path / "a.png", second.owned)
    assert target.read_text() == "by_hand;general;1\n"


def test_example_plugin_takes_its_own_file_away(plugin: None, tmp_path: Path) -> None:
    writer = make_writer("csv")
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    remove(writer, tmp_path / "a.png", written.owned)
    assert list(tmp_path.iterdir()) == []


def test_example_plugin_declares_its_entry_point() -> None:
    import tomllib

    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == {"csv": "booru_tagger_csv:CsvWriter"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("csv", "no_such_module:Writer", "pkg-a")], r"'csv' of pkg-a does not load .*no_such_module"),
        ([("csv", "math:pi", "pkg-a")], r"'csv' of pkg-a is not callable"),
        ([("csv", "a:B", "pkg-a"), ("csv", "c:D", "pkg-b")], "pkg-a and pkg-b; uninstall all but one"),
    ],
)
def test_broken_plugins_are_named(
    install: Install, entries: list[tuple[str, str, str]], message: str
) -> None:
    install(*entries)
    with pytest.raises(ConfigError, match=message):
        make_writer("csv")


def test_plugin_does_not_replace_a_built_in_writer(install: Install) -> None:
    install(("txt", "no_such_module:Writer", "pkg-a"))
    assert make_writer("txt").name == "txt"
    assert writer_names() == BUILT_IN


def test_two_writers_for_one_file_are_refused() -> None:
    with pytest.raises(OutputError, match=r"'txt' and 'hydrus' would both write a picture's \.txt"):
        check_writers([make_writer("txt"), make_writer("json"), make_writer("hydrus")])
    with pytest.raises(OutputError, match="'txt' is named twice"):
        check_writers([make_writer("txt"), make_writer("txt")])
    check_writers([make_writer(name) for name in ("txt", "json", "jsonl", "xmp")])


def test_two_writers_for_one_file_in_a_mirrored_tree(tmp_path: Path) -> None:
    options = WriterOptions(naming=Naming("stem", tmp_path / "out", (tmp_path / "in",)))
    with pytest.raises(OutputError, match=r"a picture's \.txt"):
        check_writers([make_writer("txt", options), make_writer("hydrus", options)])


def test_nothing_heavy_is_loaded() -> None:
    script = (
        "import sys; from booru_tagger.writers.registry import make_writer\n"
        "[make_writer(name) for name in ('txt', 'hydrus', 'json', 'jsonl', 'xmp')]\n"
        "print(sorted({'PIL', 'numpy', 'pyexiv2', 'onnxruntime'} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


class Elsewhere:
    """A writer with a mind of its own about where its tags go."""

    def __init__(self, name: str, target: Path) -> None:
        self.name = name
        self.asked = 0
        self._target = target

    def target(self, picture: Path) -> Path:
        self.asked += 1
        return self._target

    def write(self, job: Job) -> Written:
        return Written(job.target, True, frozenset(), frozenset(), None, "")

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        raise NotImplementedError


def test_writers_that_choose_the_same_file_for_a_picture_are_refused_there(tmp_path: Path) -> None:
    writers = [Elsewhere("one", tmp_path / "list"), Elsewhere("two", tmp_path / "list")]
    check_writers(writers)
    kept = Output(writers, Naming()).keep(tmp_path / "a.png", TagResult(""))
    assert [str(error) for error in kept.failures] == [
        f"the writers 'one' and 'two' would both write {tmp_path / 'list'}; use one of them"
    ]


def test_a_writer_is_asked_for_its_target_once_a_picture(tmp_path: Path) -> None:
    writer = Elsewhere("one", tmp_path / "list")
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        output = Output([writer], Naming(), journal=journal)
        output.is_done(tmp_path / "a.png")
        assert not output.keep(tmp_path / "a.png", TagResult("")).failures
    assert writer.asked == 1


def test_the_writer_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "writers.md").read_text("utf-8")
    code = re.search(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert code is not None
    names: dict[str, type[Sidecar]] = {}
    exec(code[1], names)
    writer = names["LinesWriter"](WriterOptions())
    picture, target = tmp_path / "a.png", tmp_path / "a.png.lines"
    written = write(writer, picture, "hatsune_miku", "aqua_hair")
    assert target.read_text().splitlines() == ["hatsune_miku", "aqua_hair"]
    assert not write(writer, picture, "hatsune_miku", "aqua_hair", after=written).changed
    remove(writer, picture, written.owned)
    assert not target.exists()

"""Writers by name, writers of other packages, and writers that get in each other's way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from booru_tagger.errors import ConfigError, OutputError
from booru_tagger.writers import registry
from booru_tagger.writers.base import TagReader, Writer
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.registry import GROUP, check_writers, make_writer, writer_names
from tests.support.writing import job

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

        monkeypatch.setattr(registry, "entry_points", entry_points)

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
    first = writer.write(job(tmp_path / "a.png", "hatsune_miku", "aqua_hair"))
    assert target.read_text().splitlines() == [
        "by_hand;general;1",
        "hatsune_miku;character;0.9000",
        "aqua_hair;general;0.9000",
    ]
    assert not writer.write(job(tmp_path / "a.png", "hatsune_miku", "aqua_hair", after=first)).changed
    target.write_text(target.read_text().replace("aqua_hair;general;0.9000\n", ""))
    second = writer.write(job(tmp_path / "a.png", "hatsune_miku", "aqua_hair", after=first))
    assert "aqua_hair" in second.deleted
    writer.remove(tmp_path / "a.png", second.owned)
    assert target.read_text() == "by_hand;general;1\n"


def test_example_plugin_takes_its_own_file_away(plugin: None, tmp_path: Path) -> None:
    writer = make_writer("csv")
    written = writer.write(job(tmp_path / "a.png", "aqua_hair"))
    writer.remove(tmp_path / "a.png", written.owned)
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
    with pytest.raises(OutputError, match=r"'txt' and 'hydrus' would both write picture\.png\.txt"):
        check_writers([make_writer("txt"), make_writer("json"), make_writer("hydrus")])
    with pytest.raises(OutputError, match="'txt' is named twice"):
        check_writers([make_writer("txt"), make_writer("txt")])
    check_writers([make_writer(name) for name in ("txt", "json", "jsonl", "xmp")])


def test_two_writers_for_one_file_in_a_mirrored_tree(tmp_path: Path) -> None:
    options = WriterOptions(naming=Naming("stem", tmp_path / "out", (tmp_path / "in",)))
    with pytest.raises(OutputError, match=r"picture\.txt"):
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

"""The command line as a whole: help that costs nothing, plug-ins, errors, configuration, pages about it."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from booru_tagger import errors
from booru_tagger.cli import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED
from booru_tagger.cli.plugins import entry_points
from booru_tagger.config import settings
from booru_tagger.config.toml import literal
from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, TIMEOUT, Home, make_home

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def loaded_by(home: Home, *args: str) -> set[str]:
    """Modules and packages that a command leaves imported."""
    code = (
        "import sys; from booru_tagger.cli import main; main(sys.argv[1:]); print('\\n', sorted(sys.modules))"
    )
    ended = home.run(*args, main=[MAIN[0], "-c", code])
    assert ended.code == 0, ended.err
    found = ast.literal_eval(ended.out.splitlines()[-1])
    return set(found)


WEB = "urllib.request http email ssl html.parser"
OTHERS = (
    "torch rich watchdog exifread yaml booru_export booru_tagger.server booru_tagger.boorus ray fsspec av"
)


@pytest.mark.parametrize("like", [False, True], ids=["journal", "face"])
def test_a_search_loads_networks_only_for_a_face(home: Home, tiny_bundle: Path, like: bool) -> None:
    paint([Painted(20, 30, 90)]).save(home.work / "a.png")
    model = ("--model", str(tiny_bundle))
    assert home.run("tag", "a.png", *model).code == 0
    pictures = "numpy PIL onnxruntime booru_tagger.imaging booru_tagger.models booru_tagger.tagging.tagger"
    rest = "booru_tagger.writers booru_tagger.runner booru_tagger.journal.merging"
    asked = ("--like", "a.png") if like else ("hatsune_miku",)
    loaded = loaded_by(home, "find", *asked, *(model if like else ()))
    assert loaded & set(f"{WEB} {OTHERS}".split()) == set()
    assert bool(loaded & set(pictures.split())) is like
    assert like or loaded & set(rest.split()) == set()


def test_one_picture_loads_what_it_takes_and_no_more(home: Home, tiny_bundle: Path) -> None:
    paint([Painted(20, 30, 90)]).save(home.work / "a.jpg")
    loaded = loaded_by(home, "tag", "a.jpg", "--format", "none", "--model", str(tiny_bundle))
    assert {"onnxruntime", "booru_tagger.writers.json_sidecar"} <= loaded
    unused = (
        "PIL.PdfImagePlugin PIL.PngImagePlugin PIL.GifImagePlugin PIL.ImageCms decimal fractions"
        " secrets asyncio numpy.random"
        " booru_tagger.drawing booru_tagger.reporting booru_tagger.enrol"
        " booru_tagger.library booru_tagger.models.formats booru_tagger.models.model_record"
        " booru_tagger.models.store.archives"
        " booru_tagger.writers.xmp booru_tagger.writers.regions booru_tagger.writers.embedded"
        " booru_tagger.journal.merging booru_tagger.review.named_regions booru_tagger.parallel.cluster"
    )
    assert loaded & set(f"{WEB} {OTHERS} {unused}".split()) == set()


def test_help_loads_click_and_nothing_else_of_weight(home: Home) -> None:
    heavy = (
        "numpy PIL rich onnxruntime platformdirs watchdog exifread sqlite3 tomllib torch yaml booru_export"
    )
    assert not loaded_by(home, "--help") & set(heavy.split())


@pytest.mark.parametrize(
    "command",
    [["tag", "--help"], ["characters", "add", "--help"], ["config", "--help"], ["config", "show"]],
)
def test_no_model_is_loaded_for_help_or_configuration(home: Home, command: list[str]) -> None:
    assert not loaded_by(home, *command) & {"numpy", "PIL", "rich", "onnxruntime", "torch", "booru_export"}


def test_every_command_is_listed_with_a_line_of_help(home: Home) -> None:
    ended = home.run("--help")
    listed = dict(re.findall(r"^  (\w+)  +(\S.*)$", ended.out.partition("Pictures:")[2], re.MULTILINE))
    assert {"tag", "config", "train", "evaluate"} <= set(listed)
    for name in listed:
        assert home.run(name, "--help").code == 0, name


def test_training_has_a_section_of_its_own(home: Home, plugged: Home) -> None:
    _, _, training = home.run("--help").out.partition("\nTraining")
    assert re.findall(r"^  (\w+)  ", training, re.MULTILINE)[:2] == ["dataset", "train"]
    _, _, more = plugged.run("--help").out.partition("\nMore:\n")
    assert "  greet" in more and "tag" not in more.split()


def test_version(home: Home) -> None:
    for flag in ("--version", "-V"):
        assert home.run(flag).out.split()[-1] == metadata.version("booru-tagger")


def test_a_misspelt_command_is_told_what_was_meant(home: Home) -> None:
    ended = home.run("tagg")
    assert ended.code == 2
    assert "'tagg'" in ended.err and "'tag'" in ended.err


def test_no_command_shows_help(home: Home) -> None:
    ended = home.run()
    assert ended.code == 2
    assert "Pictures:" in ended.out + ended.err


# Commands of other packages.


@pytest.fixture
def plugged(tmp_path: Path) -> Home:
    """A home where a package is installed that adds commands, most of them broken."""
    site = tmp_path / "site"
    info = site / "other_package-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[booru_tagger.commands]\n"
        "greet = other_commands:greet\n"
        "absent = no_such_module_at_all:command\n"
        "odd = other_commands:odd\n"
        "extra = other_commands_extra:command\n"
        "tag = other_commands:greet\n"
    )
    (site / "other_commands.py").write_text(
        "import click\n@click.command()\ndef greet():\n    click.echo('hello')\nodd = 3\n"
    )
    (site / "other_commands_extra.py").write_text(
        "from booru_tagger.errors import MissingExtraError\nraise MissingExtraError('install other[extra]')\n"
    )
    return make_home(tmp_path / "home", PYTHONPATH=str(site))


def test_plugins_are_found_as_the_standard_library_finds_them() -> None:
    group = "booru_tagger.commands"
    expected = {entry.name: entry.value for entry in metadata.entry_points(group=group)}
    assert {name: entry.value for name, entry in entry_points(group).items()} == expected
    assert {entry.package for entry in entry_points(group).values()} == {"booru-tagger"}


def test_other_packages_add_commands(plugged: Home) -> None:
    assert "greet" in plugged.run("--help").out
    assert plugged.run("greet").out == "hello\n"


def test_a_broken_command_shows_only_when_it_is_used(plugged: Home) -> None:
    listing = plugged.run("--help")
    assert listing.code == 0
    assert "absent" in listing.out and "other-package" in listing.out
    for name, words in (("absent", "no_such_module_at_all"), ("odd", "not a click command")):
        ended = plugged.run(name)
        assert ended.code == errors.MissingExtraError.exit_code
        assert words in ended.err and "other-package" in ended.err
        assert "Traceback" not in ended.err
    assert plugged.run("extra").err == "booru-tagger: install other[extra]\n"


def test_other_packages_cannot_take_the_place_of_our_commands(plugged: Home) -> None:
    assert "--dry-run" in plugged.run("tag", "--help").out


@pytest.mark.parametrize(
    "failure", ["ImportError('no torch')", "RuntimeError('operator nms does not exist')"]
)
def test_training_commands_explain_themselves_without_torch(tmp_path: Path, failure: str) -> None:
    (tmp_path / "site" / "torch").mkdir(parents=True)
    (tmp_path / "site" / "torch" / "__init__.py").write_text(f"raise {failure}\n")
    home = make_home(tmp_path / "home", PYTHONPATH=str(tmp_path / "site"))
    ended = home.run("train", "--help")
    assert ended.code == 0, ended.err
    assert "Usage" in ended.out


# Errors.


def test_errors_are_messages_with_their_codes(home: Home) -> None:
    (home.work / "booru-tagger.toml").write_text("treshold = {}\n")
    ended = home.run("tag", "a.png")
    assert ended.code == errors.ConfigError.exit_code
    assert (
        ended.err
        == "booru-tagger: booru-tagger.toml: there is no setting 'treshold'; did you mean 'threshold'?\n"
    )
    (home.work / "booru-tagger.toml").unlink()
    ended = home.run("tag", "a.png", "--model", "nowhere")
    assert ended.code == errors.ModelError.exit_code
    assert "nowhere" in ended.err and "Traceback" not in ended.err


def test_debug_shows_where_an_error_comes_from(home: Home) -> None:
    ended = home.run("--debug", "tag", "a.png", "--model", "nowhere")
    assert ended.code == errors.ModelError.exit_code
    assert "Traceback" in ended.err and "ModelError" in ended.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--threshold", "chracter=0.5"], ["--threshold", "did you mean 'character'"]),
        (["--threshold", "face"], ["--threshold", "key=number"]),
        (["--jobs", "0"], ["--jobs", "at least 1"]),
        (["--format", "xml"], ["--format", "table, jsonl or none"]),
        (["--journal", "x", "--no-journal"], ["--no-journal"]),
        (["--no-such-flag"], ["--no-such-flag"]),
    ],
)
def test_wrong_flags_are_named(home: Home, args: list[str], words: list[str]) -> None:
    ended = home.run("tag", "a.png", *args)
    assert ended.code == 2
    for word in words:
        assert word in ended.err


def test_a_closed_pipe_ends_it_quietly(home: Home, tiny_bundle: Path) -> None:
    for number in range(30):
        paint([Painted(20, 20, 80)]).save(home.work / f"{number}.png")
    args = ["tag", "--batch", "--model", str(tiny_bundle), "--dry-run", "--format", "jsonl", "--jobs", "1"]
    process = home.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline().startswith(b'{"schema"')
    process.stdout.close()
    assert process.wait(TIMEOUT) == EXIT_BROKEN_PIPE
    assert process.stderr.read() == b""
    process.stderr.close()


# Configuration.


def test_config_init_show_and_check(home: Home) -> None:
    first = home.run("config", "init")
    assert first.code == 0
    path = Path(first.out.removeprefix("Wrote ").strip())
    assert path.is_relative_to(home.folder) and path.is_file()
    again = home.run("config", "init")
    assert again.code == errors.ConfigError.exit_code and "left alone" in again.err
    path.write_text(path.read_text() + "jobs = 3\n")
    checked = home.run("config", "check")
    assert (checked.code, str(path) in checked.out) == (0, True)
    assert f"jobs = 3  # {path}" in home.run("config", "show").out.splitlines()
    path.write_text("jobs = 'three'\n")
    wrong = home.run("config", "check")
    assert wrong.code == errors.ConfigError.exit_code
    assert str(path) in wrong.err and "jobs" in wrong.err


def test_config_init_takes_a_file(home: Home) -> None:
    assert home.run("config", "init", "mine.toml").code == 0
    assert home.run("config", "check", "--config", "mine.toml").code == 0


# Pages that say what the program does say it truly.


def test_every_setting_is_a_flag_of_tag_push_or_serve(home: Home) -> None:
    commands = (["tag"], ["push", "hydrus"], ["push", "szurubooru"], ["serve"])
    text = "".join(home.run(*command, "--help").out for command in commands)
    for setting in settings().values():
        assert re.search(rf"{setting.flag}\b", text), setting.flag


def test_every_setting_is_on_the_page_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|", (DOCS / "configuration.md").read_text("utf-8"), re.MULTILINE)
    )
    assert set(rows) == set(settings())
    for name, shown in rows.items():
        setting = settings()[name]
        unset = setting.default is None and not setting.automatic
        assert shown == ("not set" if unset else f"`{literal(setting.default)}`"), name


def test_every_exit_code_is_on_the_page() -> None:
    listed = set(
        map(int, re.findall(r"^\| (\d+) \|", (DOCS / "exit-codes.md").read_text("utf-8"), re.MULTILINE))
    )
    raised = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.BooruTaggerError)
    }
    ours = {0, 2, errors.EXIT_SOME_FAILED, errors.EXIT_NOTHING_DONE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE, 143}
    assert listed == raised | ours

"""What the README promises is there, and its first command does what it says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import requires
from itertools import takewhile
from pathlib import Path

import click
import pytest
from PIL import Image

from booru_tagger.cli import cli
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.store.local import SHIPPED
from booru_tagger.sources.listed import suffixes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = SHELL.findall(README)
ENDS = {"|", "&&", "||", ";", "&"}
"""What a shell command ends with."""
SET_UP = "python3 -m venv .venv && "


def program_lines(text: str) -> list[list[str]]:
    """The words after ``booru-tagger`` in every shell command that runs it, up to a pipe or the next one."""
    lines = []
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        for index, word in enumerate(words):
            if Path(word).name == "booru-tagger":
                lines.append(list(takewhile(lambda word: word not in ENDS, words[index + 1 :])))
    return lines


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and the words that are left for it."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None, f"no such command: {words}"
        command = found
    return command, rest


def options_of(command: click.Command) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)}


def test_two_commands_set_up_everything_by_themselves() -> None:
    commands = [block.strip() for block in BLOCKS if block.startswith(SET_UP)]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[1].endswith("-m pytest")


def test_the_checks_run_the_readme_s_second_command_to_the_letter() -> None:
    second = [block.strip() for block in BLOCKS if block.startswith(SET_UP)][1]
    assert second in [line.strip() for line in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for words in program_lines("\n".join(SHELL.findall(page.read_text("utf-8")))):
        command, rest = command_of(words)
        given = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"}
        assert given <= options_of(command) | {"--help"}, words


def test_every_option_and_command_named_in_running_text_exists() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", README))
    assert named
    assert named <= options_of(command_of(["tag"])[0]) | {"--help"}
    for words in re.findall(r"`booru-tagger ([a-z ]+)", README):
        command_of(words.split())


def test_the_formats_listed_are_those_looked_for_in_folders() -> None:
    section = README.partition("## What it reads\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"`(\.\w+)`", section)) == sorted(suffixes(videos=True))


def test_the_base_installation_asks_for_no_training_package() -> None:
    base = {
        re.split(r"[^a-z0-9_.-]", requirement.lower())[0]
        for requirement in requires("booru-tagger") or []
        if "extra ==" not in requirement
    }
    assert base == {
        "onnxruntime",
        "numpy",
        "pillow",
        "click",
        "watchdog",
        "exifread",
        "rich",
        "platformdirs",
    }


@pytest.mark.skipif(not (SHIPPED / "manifest.json").exists(), reason="no model is shipped yet")
def test_the_first_command_tags_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = program_lines(BLOCKS[0])[0]
    pictures = tmp_path / "examples" / "pictures"
    truth = (ROOT / "examples" / "pictures" / "truth.jsonl").read_text("utf-8")
    names = [json.loads(line)["path"] for line in truth.splitlines()]
    pictures.mkdir(parents=True)
    for name in names:
        shutil.copy(ROOT / "examples" / "pictures" / name, pictures / name)
    monkeypatch.setenv("BOORU_TAGGER_JOURNAL", str(tmp_path / "journal.sqlite"))
    code = "import sys; from booru_tagger.cli import main; sys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 0, done.stderr
    for name in names:
        assert name in done.stdout
        assert json.loads((pictures / f"{name}.json").read_text("utf-8"))["faces"]
    with Image.open(tmp_path / "faces.png") as sheet:
        assert sheet.format == "PNG"


def test_whom_it_knows_is_what_the_model_that_ships_knows() -> None:
    labels = Bundle.load(SHIPPED).labels
    series = Counter(label.series for label in labels if label.series)
    said, _, _ = README.partition("## Try it")
    assert f"{len(labels):,} characters of {len(series)} series" in said
    named = dict(re.findall(r"([A-Z][A-Za-z ]+) \((\d+)\)", said))
    largest = {name.replace("_", " ").title(): str(count) for name, count in series.most_common(len(named))}
    assert named == largest and f"and {len(series) - len(named)} more" in said


def test_the_model_card_is_that_of_the_model_that_ships() -> None:
    shipped = (ROOT / "booru_tagger" / "models" / "default" / "MODEL_CARD.md").read_text("utf-8")
    assert (ROOT / "docs" / "model-card.md").read_text("utf-8") == shipped

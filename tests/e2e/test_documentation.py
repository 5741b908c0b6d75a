"""What the pages name is there: links, files, commands, rooms."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from benchmarks.experiment import experiments
from booru_tagger.cli import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / ".github").rglob("*.md"))]
MEASURED = [DOCS / "results.md", DOCS / "history.md", DOCS / "performance.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
URLS = PROJECT["project"]["urls"]
OURS = re.compile(
    rf"(?:{URLS['Source']}/blob|{URLS['Source'].replace('github.com', 'raw.githubusercontent.com')})/main/"
)
"""What is in front of a file's path in a link that also leads there from PyPI's page."""
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def name_of(page: object) -> str:
    return str(page.relative_to(ROOT)) if isinstance(page, Path) else ""


def links_of(page: Path) -> list[str]:
    return [inline or defined for inline, defined in LINK.findall(page.read_text("utf-8"))]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links_of(page):
        ours = OURS.match(target)
        if "://" in target and ours is None:
            continue
        path, _, anchor = target[ours.end() if ours else 0 :].partition("#")
        file = ((ROOT if ours else page.parent) / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_links_of_the_readme_and_the_package_work_on_pypi() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [target for target in links_of(ROOT / "README.md") if "://" not in target] == []
    defined = re.findall(r"^\[([^\]]+)\]: ", readme, re.MULTILINE)
    used = re.findall(r"\]\[([^\]]+)\]", readme)
    assert sorted(set(used)) == sorted(defined)
    for url in URLS.values():
        ours = OURS.match(url)
        assert ours is None or (ROOT / url[ours.end() :]).is_file(), url


def test_every_page_is_reached_from_the_documentation_s_index() -> None:
    index = DOCS / "index.md"
    listed = {(DOCS / target).resolve() for target in links_of(index)}
    assert {*DOCS.rglob("*.md"), *ROOT.glob("*.md")} - {index} <= listed


@pytest.mark.parametrize("page", MEASURED, ids=name_of)
def test_measurements_name_tests_and_experiments_that_exist(page: Path) -> None:
    text = re.sub(r"\s+", " ", page.read_text("utf-8"))
    for path in re.findall(r"\btests/[\w/]+\.py", text):
        assert (ROOT / path).is_file(), path
    for file, chosen in re.findall(r"pytest (tests/[\w/]+\.py)[^`]*? -k (\w+)", text):
        assert re.search(rf"def test_\w*{chosen}", (ROOT / file).read_text("utf-8")), chosen
    assert set(re.findall(r"python -m benchmarks experiment (\w+)", text)) <= set(experiments())
    assert not re.findall(r"python -m (?!benchmarks\b|pytest\b)[\w.]+", text)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_commands_in_running_text_exist_with_their_options(page: Path) -> None:
    text = re.sub(r"\s+", " ", page.read_text("utf-8"))
    for words in re.findall(r"`booru-tagger ([^`…]+)[`…]", text):
        command: click.Command = cli
        for word in shlex.split(words):
            if isinstance(command, click.Group) and not word.startswith("-"):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found
            if word.startswith("--"):
                assert word.partition("=")[0] in options_of(command) | {"--help"}, words


def options_of(command: click.Command) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", DOCS / "architecture.md"], ids=name_of)
def test_files_named_for_contributors_exist(page: Path) -> None:
    folders = (ROOT, ROOT / "booru_tagger", ROOT / "export", DOCS.parent / "booru_tagger" / "boorus")
    named = re.findall(r"`([\w./]+(?:\.py|\.md|\.toml|/))`", page.read_text("utf-8"))
    assert named
    inside = {
        "tagging/",
        "review/",
        "library/",
        "gallery/",
        "formats/",
        "store/",
        "support/",
        "unit/",
        "contract/",
    }
    inside |= {"e2e/", "labelled/", "web/", "export/", "experiments/", "manifest.json"}
    missing = [
        name
        for name in named
        if "NAME" not in name
        and name not in inside
        and not any((folder / name).exists() for folder in folders)
    ]
    assert missing == []


@pytest.mark.parametrize("package", ["booru_tagger", "booru_export"])
def test_every_room_is_on_the_page_on_its_floor(package: str) -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == [package])
    floors = {
        room: floor for floor, rooms in enumerate(reversed(layers), 1) for room in re.split(r" [|:] ", rooms)
    }
    page = (DOCS / "architecture.md").read_text("utf-8")
    ours, _, training = page.partition("| floor | room of `booru_export`")
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \|", ours if package == "booru_tagger" else training, re.MULTILINE
    )
    assert {room: int(floor) for floor, room in rows} == floors


def test_every_command_is_on_some_page() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in PAGES if page.name != "CHANGELOG.md")
    missing = []
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        inner = list(command.commands) if isinstance(command, click.Group) else []
        wanted = [f"booru-tagger {name}", *(f"booru-tagger {name} {each}" for each in inner)]
        missing += [words for words in wanted if words not in pages]
    assert missing == []


def test_the_glossary_is_a_page_s_worth_of_words() -> None:
    _, _, glossary = (DOCS / "architecture.md").read_text("utf-8").partition("## Glossary")
    words = re.findall(r"^\| ([a-z, ]+) \| \w", glossary, re.MULTILINE)[1:]
    assert 18 <= len(words) <= 26 and words == sorted(words, key=str.lower)


def test_the_task_runner_lists_its_tasks_and_knows_no_other() -> None:
    if sys.platform == "win32":
        pytest.skip("needs bash")
    listed = subprocess.run([ROOT / "task"], capture_output=True, text=True, check=True).stdout
    tasks = re.findall(r"^\./task (\w+)", listed, re.MULTILINE)
    assert tasks == ["setup", "test", "slow", "format", "check"]
    named = re.findall(r"\./task ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert set(named) == set(tasks)
    assert subprocess.run([ROOT / "task", "dance"], capture_output=True, check=False).returncode == 2


def test_the_changelog_has_notes_of_the_version_that_the_package_has() -> None:
    script: list[str | Path] = [sys.executable, ROOT / ".ci" / "release_notes.py"]
    version = PROJECT["project"]["version"]
    done = subprocess.run([*script, f"v{version}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 5
    assert subprocess.run([*script, "v99.0"], capture_output=True, check=False).returncode == 1

"""Help that a stranger can use: examples, sections, addresses; how much is said; completion in shells."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from booru_tagger.cli import cli
from booru_tagger.cli.help import FAST, READ, SURE, WRITE
from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, TIMEOUT, Home, make_home

ROOT = Path(__file__).parents[2]
URL = re.compile(r"https://github\.com/booru-tagger/booru-tagger/blob/main/(docs/\S+\.md)")


def all_commands(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from all_commands(inner, (*path, name))


def help_of(path: tuple[str, ...], command: click.Command) -> str:
    return command.get_help(click.Context(command, info_name=" ".join(("booru-tagger", *path))))


COMMANDS = list(all_commands())


@pytest.mark.parametrize(
    ("path", "command"), COMMANDS, ids=[" ".join(path) or "root" for path, _ in COMMANDS]
)
def test_help_has_an_example_and_addresses_that_exist(path: tuple[str, ...], command: click.Command) -> None:
    text = help_of(path, command)
    if not isinstance(command, click.Group):
        assert re.search(rf"^ +.*booru-tagger {' '.join(path)}\b", text, re.MULTILINE), "no example"
    assert not re.search(r"(?<!main/)docs/", text), "a page is named without its address"
    for page in URL.findall(text):
        assert (ROOT / page).is_file(), page


def test_the_options_of_tag_stand_in_sections() -> None:
    text = help_of(("tag",), dict(COMMANDS)[("tag",)])
    sections = re.split(r"^(\S[^\n]*):$", text, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    for section, flags in {
        READ: ["--batch", "--null", "--ignore", "--crops"],
        WRITE: ["--dry-run", "--writer", "--contact-sheet", "--deny"],
        SURE: ["--threshold", "--model", "--gallery"],
        FAST: ["--jobs", "--provider"],
    }.items():
        assert all(f"{flag} " in found[section] for flag in flags), section
    assert "--help" in found["General"] and "PATH" not in found["General"]


def test_the_options_of_find_stand_in_sections() -> None:
    text = help_of(("find",), dict(COMMANDS)[("find",)])
    headings = re.findall(r"^(\S[^\n]*):$", text, flags=re.MULTILINE)
    assert headings[:3] == ["Who and what", "Which files", "A face"] and "Options" not in headings


def test_a_command_s_own_options_come_first_and_no_line_of_a_group_is_cut() -> None:
    commands = dict(COMMANDS)
    untag = help_of(("untag",), commands[("untag",)])
    assert untag.index("--forget-deletions") < untag.index("--recursive") < untag.index("--help")
    for name in ("characters", "models", "config", "push"):
        assert "..." not in help_of((name,), commands[(name,)]).partition("Commands:")[2]


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    home = make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle))
    paint([Painted(20, 20, 80)]).save(home.work / "a.png")
    (home.work / "bad.png").write_text("no picture")
    return home


@pytest.mark.parametrize("args", [["-q", "tag", "--batch"], ["tag", "-q", "--batch"]])
def test_quiet_leaves_errors(home: Home, args: list[str]) -> None:
    ended = home.run(*args)
    assert (ended.code, ended.out) == (3, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("bad.png: ")
    assert (home.work / "a.png.txt").exists()
    lines = home.run("tag", "a.png", "-q", "--force", "--format", "jsonl").out.splitlines()
    assert len(lines) == 1, "JSON lines stay"


def test_verbose_says_what_is_used(home: Home) -> None:
    ended = home.run("tag", "-v", "a.png")
    assert "model: tiny 1" in ended.err and "journal.sqlite3" in ended.err
    assert "model: " not in home.run("tag", "a.png").err


# Completion.

SHIM = "import sys; from booru_tagger.cli import main; sys.exit(main())"


def completed(home: Home, shell: str, words: list[str], incomplete: str) -> list[str]:
    """What the program answers when a shell asks."""
    joined = "\n".join(words) if shell == "powershell" else shlex.join(["booru-tagger", *words, incomplete])
    variables = {
        "_BOORU_TAGGER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": joined,
        "COMP_CWORD": str(len(words) + 1) if shell in ("bash", "zsh") else incomplete,
    }
    answer = Home(home.folder, {**home.variables, **variables}).run()
    assert answer.code == 0, answer.err
    return answer.out.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_is_answered(home: Home, shell: str) -> None:
    def answer(*words: str) -> str:
        return "\n".join(completed(home, shell, list(words[:-1]), words[-1]))

    assert {"characters", "config"} <= set(re.findall(r"\w+", answer("c")))
    assert "--contact-sheet" in answer("tag", "--cont")
    assert "stem-or-full" in answer("tag", "--sidecar-name", "st")
    assert answer("tag", "a.p").split("\n")[0].startswith("file"), "the shell looks for files itself"
    assert "hatsune_miku" in answer("characters", "show", "hatsu")


def test_powershell_is_given_a_script(home: Home) -> None:
    variables = {"_BOORU_TAGGER_COMPLETE": "powershell_source"}
    script = Home(home.folder, variables).run().out
    assert "Register-ArgumentCompleter -Native -CommandName booru-tagger" in script
    assert "$env:_BOORU_TAGGER_COMPLETE = 'powershell_complete'" in script and "%" not in script.replace(
        "% ", ""
    )


def program(folder: Path) -> Path:
    """`booru-tagger` as a shell finds it."""
    folder.mkdir()
    path = folder / "booru-tagger"
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(SHIM)} "$@"\n')
    path.chmod(0o755)
    return folder


IN_BASH = """
eval "$(_BOORU_TAGGER_COMPLETE=bash_source booru-tagger)"
COMP_WORDS=(booru-tagger tag --sidecar-name st) COMP_CWORD=3
_booru_tagger_completion booru-tagger && printf '%s\\n' "${COMPREPLY[@]}"
"""
IN_ZSH = """
autoload -U compinit && compinit -D
compadd() { print -l -- "${(@P)@[-1]}"; print -l -- ${completions} }
_describe() { print -l -- $completions_with_descriptions }
eval "$(_BOORU_TAGGER_COMPLETE=zsh_source booru-tagger)"
words=(booru-tagger tag --sidecar-name st) CURRENT=4
_booru_tagger_completion
"""
IN_FISH = """
_BOORU_TAGGER_COMPLETE=fish_source booru-tagger | source
complete -C 'booru-tagger tag --sidecar-name st'
"""
IN_POWERSHELL = """
$env:_BOORU_TAGGER_COMPLETE = 'powershell_source'
booru-tagger | Out-String | Invoke-Expression
Remove-Item Env:_BOORU_TAGGER_COMPLETE
$line = 'booru-tagger tag --sidecar-name st'
(TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches.CompletionText
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the program is a shell script")
@pytest.mark.parametrize(
    ("shell", "script"),
    [("bash", IN_BASH), ("zsh", IN_ZSH), ("fish", IN_FISH), ("pwsh", IN_POWERSHELL)],
)
def test_the_shell_itself_completes(home: Home, tmp_path: Path, shell: str, script: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    path = f"{program(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"
    flag = "-Command" if shell == "pwsh" else "-c"
    quick = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"], "pwsh": ["-NoProfile"]}[shell]
    done = subprocess.run(
        [found, *quick, flag, script],
        env={**home.environment, "PATH": path},
        cwd=home.work,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert {"stem", "stem-or-full"} <= set(done.stdout.split()), done.stderr


def test_nothing_heavy_is_loaded_to_complete_a_command(home: Home) -> None:
    code = (
        "import sys, atexit; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr));"
        "from booru_tagger.cli import main; main()"
    )
    variables = {"_BOORU_TAGGER_COMPLETE": "bash_complete", "COMP_WORDS": "booru-tagger t", "COMP_CWORD": "1"}
    ended = Home(home.folder, variables).run(main=[MAIN[0], "-c", code])
    assert "tag" in ended.out
    assert not {"'numpy'", "'PIL'", "'booru_export'", "'rich'"} & set(re.findall(r"'\w+'", ended.err))


@pytest.mark.parametrize(("call", "frozen"), [("main()", True), ("main(['config', 'show'])", False)])
def test_only_the_whole_program_ends_without_searching_its_memory(
    home: Home, call: str, frozen: bool
) -> None:
    code = (
        "import atexit, gc; atexit.register(lambda: print('frozen', gc.get_freeze_count() > 0));"
        f"from booru_tagger.cli import main; {call}"
    )
    ended = home.run("config", "show", main=[MAIN[0], "-c", code])
    assert ended.code == 0 and f"frozen {frozen}" in ended.out


PROGRAM = """
import atexit, os
def at_once(code, leave=os._exit):
    os.write(1, b"at once")
    leave(code)
os._exit = at_once
{begin}
from booru_tagger.cli import main, program
{call}
"""


@pytest.mark.parametrize(
    ("begin", "call", "at_once"),
    [
        ("", "program()", True),
        ("atexit.register(print, 'saved')", "program()", False),
        ("", "main()", False),
    ],
    ids=["script", "profiled", "library"],
)
def test_only_the_script_ends_at_once(home: Home, begin: str, call: str, at_once: bool) -> None:
    ended = home.run("config", "show", main=[MAIN[0], "-c", PROGRAM.format(begin=begin, call=call)])
    assert ended.code == 0 and ended.err == "" and "model = " in ended.out
    assert ended.out.endswith("at once") is at_once
    assert ("saved" in ended.out) == bool(begin)


def test_the_script_ends_with_the_code_of_an_error(home: Home) -> None:
    for words in (("tag", "missing.png"), ("nonsense",)):
        script = home.run(*words, main=[MAIN[0], "-c", "from booru_tagger.cli import program; program()"])
        ended = home.run(*words)
        assert script == ended and ended.code != 0

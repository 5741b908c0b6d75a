"""The page about Windows: its commands exist, and PowerShell hands them on as meant."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from booru_tagger.cli import cli

PAGE = (Path(__file__).parents[2] / "docs" / "windows.md").read_text("utf-8")
BLOCKS = re.findall(r"^```powershell\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = {
    r"""booru-tagger tag --batch 'D:\fan art' --deny 'multicolored_*' --threshold character=0.9""": [
        *("tag", "--batch", r"D:\fan art", "--deny", "multicolored_*", "--threshold", "character=0.9"),
    ],
    r"""booru-tagger characters add 'my_oc_(original)' D:\art\my_oc""": [
        *("characters", "add", "my_oc_(original)", r"D:\art\my_oc"),
    ],
    r"""booru-tagger serve --host 0.0.0.0 --token '@token.txt'""": [
        *("serve", "--host", "0.0.0.0", "--token", "@token.txt"),
    ],
}
"""Lines of the page, and the words that the program is to get."""


def test_the_page_shows_these_lines() -> None:
    shown = {line.strip() for block in BLOCKS for line in block.splitlines()}
    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("words", COMMANDS.values(), ids=lambda words: words[0])
def test_the_commands_and_options_exist(words: list[str]) -> None:
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None
        command = found
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.skipif(not shutil.which("pwsh") and not shutil.which("powershell"), reason="no PowerShell here")
@pytest.mark.parametrize("line", COMMANDS)
def test_powershell_hands_the_words_on_as_meant(line: str, tmp_path: Path) -> None:
    shell = shutil.which("pwsh") or shutil.which("powershell")
    assert shell is not None
    echo = tmp_path / "echo.py"
    echo.write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program = f"& '{sys.executable}' '{echo}'"
    script = tmp_path / "line.ps1"
    script.write_text(line.replace("booru-tagger", program, 1), "utf-8")
    run = [shell, "-NoProfile", "-ExecutionPolicy", "Bypass", "-File", str(script)]
    ended = subprocess.run(run, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == COMMANDS[line]

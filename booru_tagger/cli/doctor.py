"""`booru-tagger doctor`: whether all works here, ready to be pasted into a report."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import more_at
from booru_tagger.cli.printing import printable
from booru_tagger.errors import EXIT_SOME_FAILED, counted

if TYPE_CHECKING:
    from booru_tagger.app.doctor import Check

_GAP, _NARROWEST = 2, 50
_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "problem": ("!!  ", "red")}


@click.command(epilog=more_at("doctor"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def doctor(as_json: bool) -> int:
    """See whether all works here: versions, providers, extras, models, gallery, journal, limits.

    At the end a drawn picture is tagged for a few seconds. Nothing is changed, and nothing is sent anywhere;
    what is printed can be pasted into a report: your own folder is written ~, keys are not in it.

    \b
      booru-tagger doctor
      booru-tagger doctor --json
    """
    from booru_tagger.app.doctor import PROBLEM, examine  # numpy, Pillow and onnxruntime

    checks = []
    for check in examine():
        checks.append(check)
        if not as_json:
            _print(check)
    problems = sum(check.state == PROBLEM for check in checks)
    if as_json:
        rows = [{"name": check.name, "state": check.state, "said": check.said} for check in checks]
        click.echo(json.dumps({"problems": problems, "checks": rows}, ensure_ascii=False, indent=1))
    else:
        click.echo(counted(problems, "problem") if problems else "all is well", err=True)
    return EXIT_SOME_FAILED if problems else 0


def _print(check: Check) -> None:
    """A mark, the name, what is said of it; further lines are indented."""
    mark, color = _MARKS[check.state]
    width = shutil.get_terminal_size((100, 0)).columns
    name = f"{check.name:14} "
    begin = " " * (len(mark) + _GAP) + name
    said = textwrap.fill(
        printable(check.said),
        width=max(width, _NARROWEST),
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(click.style(mark, fg=color) + said[len(mark) :])

"""Finds an experiment by its name; none is imported before it is asked for, as they need PyTorch."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import click

FOLDER = Path(__file__).with_name("experiments")


def experiments() -> dict[str, str]:
    """The first line of what each says about itself, by name."""
    files = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
    return {path.stem: _first_line(path) for path in files}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def experiment(name: str | None, arguments: tuple[str, ...]) -> None:
    """Measure again what decided something once; without a NAME, list what there is."""
    known = experiments()
    if name is None:
        for each, line in known.items():
            click.echo(f"{each:12} {line}")
    elif name in known:
        import_module(f"benchmarks.experiments.{name}").main(arguments)
    else:
        raise click.BadParameter(f"there is no {name!r}, but {', '.join(known)}", param_hint="NAME")

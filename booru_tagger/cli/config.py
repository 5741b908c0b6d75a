"""`booru-tagger config`: show, begin and check the configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from booru_tagger.cli.help import FullGroup, more_at
from booru_tagger.cli.options import Loaded, load_only
from booru_tagger.config import user_file
from booru_tagger.config.toml import show as shown
from booru_tagger.config.toml import template
from booru_tagger.errors import ConfigError


@click.group(cls=FullGroup, epilog=more_at("configuration"))
def config() -> None:
    """Show, create or check the configuration."""


@config.command()
@load_only
def show(loaded: Loaded) -> None:
    """Print all settings in force, as TOML, each with where it comes from.

    \b
      booru-tagger config show
    """
    click.echo(shown(loaded), nl=False)


@config.command()
@load_only
def check(loaded: Loaded) -> None:
    """Check the configuration files and variables; the exit code is 5 where something is wrong.

    \b
      booru-tagger config check
    """
    files = ", ".join(map(str, loaded.files)) or f"no file (there is no {user_file()})"
    click.echo(f"All settings are valid: {files}.")


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def init(file: Path | None) -> None:
    """Write a configuration file to begin with: FILE, or the user's own. An existing one is left alone.

    \b
      booru-tagger config init
    """
    path = file or user_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already and is left alone") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
    click.echo(f"Wrote {path}")

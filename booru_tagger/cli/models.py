"""`booru-tagger models`: which models there are, and how they get here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from booru_tagger.cli.help import FullGroup, more_at
from booru_tagger.cli.printing import console, printable

if TYPE_CHECKING:
    from booru_tagger.models.store.hub import Listener


@click.group(cls=FullGroup, epilog=more_at("models"))
def models() -> None:
    """List models, pull them from a hub, check and remove them.

    MODEL is `default`, a name that `models list` shows, a hub id (hf:owner/name@revision), a folder or a zip
    file. Only `models pull` ever downloads anything.
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_(as_json: bool) -> None:
    """List the models that have a name, and those in the cache folder.

    \b
      booru-tagger models list
    """
    from booru_tagger.app.models import known_models

    rows = list(known_models())
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.to_json(), ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "here", "licence", "what it gives, or is"):
        table.add_column(column, overflow="fold")
    for row in rows:
        style = "" if row.state == "here" else "red" if row.state == "damaged" else "dim"
        licence = row.licence.partition(";")[0] or "see the hub"
        cells = (row.name, row.state, licence, row.about or row.kind)
        table.add_row(*(Text(printable(cell), style) for cell in cells))
    console().print(table)
    click.echo("To get one: booru-tagger models pull MODEL. To use one: --model MODEL.", err=True)


@models.command()
@click.argument("model")
def show(model: str) -> None:
    """Show what MODEL is: its kind, source and licence, its labels, thresholds and how it wants a picture.

    \b
      booru-tagger models show default
    """
    from rich.table import Table
    from rich.text import Text

    from booru_tagger.app.models import facts_of

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in facts_of(model).items():
        table.add_row(key, Text(printable(value)))
    console().print(table)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def pull(names: tuple[str, ...]) -> None:
    """Get MODEL from its hub into the cache folder, or bring it up to date.

    Each file is compared with the hash that the hub states. What is interrupted goes on where it stopped
    when the same command is run again.

    \b
      booru-tagger models pull wd-vit-tagger-v3
      booru-tagger models pull hf:SmilingWolf/wd-vit-tagger-v3@v2.0
    """
    from booru_tagger.models.store.hub import Hub, hub_id

    ids = [(name, hub_id(name)) for name in names]  # a wrong name is said before anything is fetched
    hub = Hub()
    for name, wanted in ids:
        with _progress() as listener:
            pulled = hub.pull(wanted, listener)
        licence = pulled.record.licence or "none is stated"
        _note_licence(name, pulled.record.licence)
        state = "Pulled" if pulled.fresh else "Up to date:"
        click.echo(printable(f"{state} {name} ({pulled.record.source}; licence: {licence})"))


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def verify(names: tuple[str, ...]) -> None:
    """Compare every file of MODEL with its hash, and see whether its networks load.

    \b
      booru-tagger models verify default
    """
    from booru_tagger.app.models import verified

    for name in names:
        click.echo(printable(f"{name}: {verified(name)}"))


@models.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def remove_(names: tuple[str, ...]) -> None:
    """Delete MODEL from the cache folder. A folder or a zip file of your own is left alone.

    \b
      booru-tagger models remove wd-vit-tagger-v3
    """
    from booru_tagger.models.store.local import remove

    for name in names:
        click.echo(printable(f"Removed {name} ({remove(name)})"))


@models.command()
@click.argument("model", required=False)
def path(model: str | None) -> None:
    """Print the folder that MODEL is in, or the cache folder.

    \b
      booru-tagger models path default
    """
    from booru_tagger.models.store.local import locate
    from booru_tagger.models.store.model_folders import pulled_folder

    click.echo(pulled_folder() if model is None else locate(model))


def _note_licence(name: str, stated: str) -> None:
    from booru_tagger.models.store.catalogue import CATALOGUE

    entry = CATALOGUE.get(name)
    if entry is not None and entry.licence and stated and stated.lower() != entry.licence:
        click.echo(printable(f"{name}: its licence was {entry.licence}, now the hub says {stated}"), err=True)


@contextmanager
def _progress() -> Iterator[Listener]:
    """A bar for each file on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def listener(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(printable(name), total=total)
            bar.update(tasks[name], completed=done)

        yield listener

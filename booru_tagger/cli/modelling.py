"""What `booru-tagger models` does, put together from the store and the hub."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from booru_tagger.cli.printing import counted, printable
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.store.catalogue import CATALOGUE
from booru_tagger.models.store.local import (
    DEFAULT,
    Stored,
    describe,
    locate,
    open_model,
    remove,
    stored,
    verify,
)
from booru_tagger.models.store.model_folders import pulled_folder

if TYPE_CHECKING:
    from booru_tagger.models.store.hub import Listener

_PIPE_WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    state: str
    kind: str
    licence: str
    source: str
    about: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "state": self.state,
            "kind": self.kind,
            "licence": self.licence,
            "source": self.source,
            "about": self.about,
        }


def list_models(*, as_json: bool) -> None:
    """Print the catalogue and what is in the cache folder."""
    rows = list(_rows())
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.to_json(), ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "here", "licence", "what it gives, or is"):
        table.add_column(column, overflow="fold")
    for row in rows:
        style = "" if row.state == "here" else "red" if row.state == "damaged" else "dim"
        licence = row.licence.partition(";")[0] or "see the hub"
        cells = (row.name, row.state, licence, row.about or row.kind)
        table.add_row(*(Text(printable(cell), style) for cell in cells))
    _console().print(table)
    click.echo("To get one: booru-tagger models pull MODEL. To use one: --model MODEL.", err=True)


def _rows() -> Iterator[_Row]:
    yield _row(describe(DEFAULT, locate(DEFAULT)), "heads, characters, hair and eye colours; comes along")
    there = {model.name: model for model in stored()}
    for entry in CATALOGUE.values():
        found = there.pop(entry.name, None)
        if found is None:
            yield _Row(entry.name, "-", "", entry.licence, str(entry.hub), entry.about)
        else:
            yield _row(found, entry.about)
    for model in there.values():
        yield _row(model, "")


def _row(model: Stored, about: str) -> _Row:
    state = "damaged" if model.problem else "here"
    return _Row(model.name, state, model.kind, model.licence, model.source, model.problem or about)


def show_model(name: str) -> None:
    """Print what there is to know of a model that is here, or of one of the catalogue that is not."""
    entry = CATALOGUE.get(name)
    if entry is not None and not entry.hub.path.is_dir():
        facts = {
            "model": entry.name,
            "here": f"no; get it with: booru-tagger models pull {entry.name}",
            "source": str(entry.hub),
            "licence": entry.licence or "see the hub",
            "gives": entry.about,
        }
    else:
        opened = open_model(name)
        known = describe(name, opened.folder)
        facts = {
            "model": name,
            "folder": str(opened.folder),
            "source": known.source,
            "licence": known.licence or "not recorded",
            "size": f"{known.bytes:,} bytes",
        }
        facts |= _bundle_facts(opened) if isinstance(opened, Bundle) else _tagger_facts(opened)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, Text(printable(value)))
    _console().print(table)


def _bundle_facts(bundle: Bundle) -> dict[str, str]:
    parts = [name for name in ("detector", "recogniser") if getattr(bundle, name) is not None]
    return {
        "kind": f"bundle: {' and '.join(parts)}",
        "name": f"{bundle.name} {bundle.version}",
        "labels": counted(len(bundle.labels), "character"),
    }


def _tagger_facts(tagger: ForeignTagger) -> dict[str, str]:
    how, layout = tagger.format.preparation, tagger.format
    counts = Counter(label.category for label in tagger.columns.labels if label.tag is not None)
    unused = len(tagger.columns.labels) - sum(counts.values())
    labels = [f"{number:,} {category}" for category, number in counts.most_common()]
    labels += [f"{unused:,} not used"] if unused else []
    return {
        "kind": f"{layout.title} (layout {layout.name})",
        "files": ", ".join(tagger.found.files),
        "labels": ", ".join(labels),
        "thresholds": ", ".join(f"{category} {value:g}" for category, value in layout.thresholds.items()),
        "picture": f"{how.fit}, {how.filter}, {how.channels}, {how.layout}, mean {how.mean}, std {how.std}",
    }


def pull_models(names: Sequence[str]) -> None:
    """Get models from their hubs, one after the other."""
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


def _note_licence(name: str, stated: str) -> None:
    entry = CATALOGUE.get(name)
    if entry is not None and entry.licence and stated and stated.lower() != entry.licence:
        click.echo(printable(f"{name}: its licence was {entry.licence}, now the hub says {stated}"), err=True)


@contextmanager
def _progress() -> Iterator[Listener]:
    """A bar for each file on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def listener(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(printable(name), total=total)
            bar.update(tasks[name], completed=done)

        yield listener


def verify_models(names: Sequence[str]) -> None:
    """Check models from the first file to the last."""
    for name in names:
        opened = verify(name)
        if isinstance(opened, Bundle):
            number, what = len(opened.files), "as the manifest has it"
        elif opened.record is not None:
            number, what = len(opened.record.files), "as the hub or the archive had it"
        else:
            number, what = 0, "but no hashes are known of these files"
        checked = f"{counted(number, 'file')}, {what}" if number else f"its network loads, {what}"
        click.echo(printable(f"{name}: {checked}"))


def remove_models(names: Sequence[str]) -> None:
    """Delete models from the cache folder."""
    for name in names:
        click.echo(printable(f"Removed {name} ({remove(name)})"))


def print_path(name: str | None) -> None:
    """Print where a model is, or where those from hubs are kept."""
    click.echo(pulled_folder() if name is None else locate(name))


def _console() -> Console:
    options: dict[str, Any] = {} if sys.stdout.isatty() else {"width": _PIPE_WIDTH, "color_system": None}
    return Console(**options)

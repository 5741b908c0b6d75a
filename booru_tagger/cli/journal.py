"""`booru-tagger journal`: bring together what several machines found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from booru_tagger.cli.help import FullGroup, more_at
from booru_tagger.cli.options import Loaded, refuse_without_journal, with_settings
from booru_tagger.cli.printing import tell
from booru_tagger.errors import counted

F = TypeVar("F", bound=Callable[..., Any])

_file = click.Path(path_type=Path, dir_okay=False)


class _Renamed(click.ParamType):  # type: ignore[type-arg]
    name = "OLD=NEW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        old, equals, new = str(value).partition("=")
        if not (old and equals and new):
            self.fail("must have the form OLD=NEW", param, ctx)
        return old, new


def _mapped(function: F) -> F:
    return click.option(
        "--map",
        "renamed",
        multiple=True,
        type=_Renamed(),
        metavar="OLD=NEW",
        help="A folder that is called OLD there and NEW here. May be repeated.",
    )(function)


@click.group(cls=FullGroup, epilog=more_at("scale", "journal"))
def journal() -> None:
    """Bring together what several machines found."""


@journal.command()
@click.argument("others", nargs=-1, required=True, type=_file, metavar="FILE...")
@_mapped
@with_settings("journal")
def merge(others: tuple[Path, ...], renamed: tuple[tuple[str, str], ...], loaded: Loaded) -> int:
    """Take over what the journals FILE know into your own, or into the one that --journal names.

    Of each picture the later state wins; tags that either wrote are known for ours, and what people said of
    faces is kept from both. The other journals stay as they are, and merging twice changes nothing.

    \b
      booru-tagger journal merge shard-*.db
      booru-tagger journal merge nas.sqlite3 --map /volume1/art=/mnt/art
    """
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.journals import merge_journals, path_map

    reports = merge_journals(others, path_map(renamed), loaded.settings.recording, tell)
    for other, report in zip(others, reports, strict=True):
        said = f"; {counted(report.verdicts, 'picture')} with new verdicts" if report.verdicts else ""
        tell(
            f"{other}: {counted(report.added, 'picture')} added, {report.renewed:,} renewed, "
            f"{report.left:,} left as they were{said}"
        )
    return 0


@journal.command()
@click.argument("records", nargs=-1, required=True, type=_file, metavar="FILE...")
@_mapped
@with_settings("journal")
def read(records: tuple[Path, ...], renamed: tuple[tuple[str, str], ...], loaded: Loaded) -> int:
    """Take what `booru-tagger tag --records` wrote into FILE, JSON Lines or Parquet, into the journal.

    From then on `find`, `report` and `show` know these pictures. Nothing is written beside them yet: `tag`
    does that, of a Parquet file without looking at the pictures again.

    \b
      booru-tagger journal read tags.parquet
    """
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.journals import path_map, read_data_sets

    reports = read_data_sets(records, path_map(renamed), loaded.settings.recording, tell)
    for path, report in zip(records, reports, strict=True):
        passed = f", {report.passed:,} passed over" if report.passed else ""
        tell(f"{path}: {counted(report.added, 'picture')} added, {report.left:,} known already{passed}")
    return 0

"""``booru-tagger dataset``: import, look over and split the pictures that training learns from.

numpy and the models are imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from booru_export.cli.collect import approve, collect, gaps
from booru_export.cli.options import DATA, PATH
from booru_tagger.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from booru_export.data.importing import Imported
    from booru_export.data.tables import FaceItem

SHARE = click.FloatRange(0, 0.9)

PRESETS: dict[str, dict[str, Any]] = {
    "moeimouto-146": {"layout": "moeimouto", "ignored": False, "min_pictures": 1},
    "moeimouto-173": {"layout": "moeimouto", "ignored": True, "min_pictures": 10},
    "moeimouto-176": {"layout": "moeimouto", "ignored": True, "min_pictures": 5},
}
"""Filters under which Nagadomi's data set is quoted, by the number of classes; see docs/datasets.md."""


@click.group()
def dataset() -> None:
    """Import, look over and split training data."""


@dataset.command("import", short_help="Make a faces.csv of pictures you have.")
@click.argument("place", metavar="SOURCE", type=DATA)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for faces.csv (and crops, copies).")
@click.option(
    "--layout",
    type=click.Choice(["auto", "moeimouto", "folders", "csv", "danbooru"]),
    default="auto",
    show_default=True,
    help="How SOURCE lies on the disk.",
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Layout and filter of a known data set.")
@click.option("--images", type=DATA, help="With danbooru: the folder of the pictures.")
@click.option(
    "--ignored/--no-ignored", default=None, help="With moeimouto: take folders marked 'ignore' too."
)
@click.option("--min-pictures", "min_pictures", type=click.IntRange(1), help="Leave rarer characters out.")
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Another label; repeatable.")
@click.option("--rename-file", type=DATA, help="CSV of old,new labels.")
@click.option("--source", default="", help="What to write into the column source (default: folder name).")
@click.option(
    "--detect/--crops",
    "whole",
    default=None,
    help="Pictures are illustrations to cut faces out of, or crops already (default: illustrations with "
    "danbooru, else crops).",
)
@click.option("--model", default="default", show_default=True, help="Bundle whose detector cuts.")
@click.option("--expand", type=click.FloatRange(0.5, 4), help="Side of a crop in sides of the head.")
@click.option(
    "--several",
    type=click.Choice(["skip", "largest"]),
    default="skip",
    show_default=True,
    help="Several heads on a picture: leave it out, or take one that is much larger.",
)
@click.option("--copy", is_flag=True, help="Copy crops into the output folder instead of naming them.")
@click.option("--add", is_flag=True, help="Add to the faces.csv that is there.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many pictures, for a trial.")
@click.option("--dry-run", is_flag=True, help="Do everything except write.")
def import_(
    preset: str | None, layout: str, renames: tuple[str, ...], rename_file: Path | None, **given: Any
) -> None:
    """Make a faces.csv (path, label, source, group, split) of the pictures in SOURCE.

    SOURCE is a folder with one folder per character, Nagadomi's moeimouto-faces, a CSV with the columns path
    and label, or Danbooru-style metadata as JSON lines.

    \b
      booru-tagger dataset import pictures -o data
    """
    from booru_export.data.importing import ImportRequest, import_data
    from booru_export.data.layouts import DataLayout, read_renames

    values = {name: value for name, value in given.items() if value is not None}
    values = {**PRESETS.get(preset or "", {}), **({"layout": layout} if layout != "auto" else {}), **values}
    if "layout" in values:
        values["layout"] = DataLayout(values["layout"])
    request = ImportRequest(renames=read_renames(renames, rename_file), **values)
    _tell_import(import_data(request), request.dry_run)


def _tell_import(done: Imported, dry_run: bool) -> None:
    for error in done.errors:
        click.echo(f"left out: {error}", err=True)
    for reason, count in done.left_out.most_common():
        click.echo(f"left out {count:,}: {reason}", err=True)
    labels = {item.label for item in done.new}
    click.echo(f"{len(done.new):,} pictures of {len(labels):,} characters ({done.layout} layout)")
    if dry_run:
        click.echo("nothing written (dry run)")
    else:
        every = {item.label for item in done.items}
        click.echo(f"{done.table}: {len(done.items):,} pictures of {len(every):,} characters")


@dataset.command(short_help="Count pictures per character; find what is wrong.")
@click.argument("data", type=DATA)
@click.option("--few", type=click.IntRange(1), default=100, show_default=True, help="Mark rarer characters.")
@click.option(
    "--chart", type=PATH, help="Write a bar chart to this PNG file, of series where characters are many."
)
@click.option("--json", "report", type=PATH, help="Write everything to this JSON file.")
@click.option("--no-pictures", is_flag=True, help="Count only: no sizes, no duplicates.")
@click.option(
    "--most", "max_examples", type=click.IntRange(1), default=20, show_default=True, help="Examples to print."
)
def stats(
    data: Path, few: int, chart: Path | None, report: Path | None, no_pictures: bool, max_examples: int
) -> None:
    """Count pictures per character; find copies, sizes, and labels that may be one character.

    \b
      booru-tagger dataset stats data
    """
    from booru_export.data.stats import MANY, collect_stats, describe
    from booru_export.data.tables import read_faces
    from booru_export.evaluation.charts import bar_chart, png_bytes
    from booru_export.progress import progress
    from booru_tagger.files.replace import replace_file

    items = read_faces(data)
    with progress("reading pictures", 0 if no_pictures else len(items)) as step:
        found = collect_stats(items, few=few, look=not no_pictures, step=step)
    for line in describe(found, max_examples=max_examples):
        click.echo(line)
    if chart is not None:
        title = f"{len(items):,} pictures of {len(found.characters):,} characters"
        if len(found.characters) > MANY:
            bars = [(f"{one.series or 'not given'} ({one.characters})", one.pictures) for one in found.series]
            image = bar_chart(bars, title=f"{title}; by series, with the number of characters")
        else:
            image = bar_chart(found.characters, title=f"{title}; red: fewer than {few}", few=few)
        replace_file(chart, png_bytes(image))
    if report is not None:
        replace_file(report, (json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n").encode())


@dataset.command(short_help="Divide into train, validation and test.")
@click.argument("data", type=DATA)
@click.option("-o", "--output", type=PATH, help="Table to write (default: the faces.csv in DATA).")
@click.option(
    "--mode",
    type=click.Choice(["random", "stratified", "grouped"]),
    default="grouped",
    show_default=True,
    help="Shuffle all pictures; or character by character; or keep near-duplicates and groups together.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--validation", type=SHARE, default=0.1, show_default=True, help="Share of the pictures.")
@click.option("--test", "test_", type=SHARE, default=0.1, show_default=True, help="Share of the pictures.")
@click.option("--near/--no-near", default=True, show_default=True, help="Look for near-duplicates.")
@click.option("--json", "report", type=PATH, help="Write the comparison to this JSON file.")
@click.option("--replace", is_flag=True, help="Divide again a table that already has a split.")
@click.option("--dry-run", is_flag=True, help="Compare only; write nothing.")
def split(
    data: Path, output: Path | None, mode: Any, report: Path | None, dry_run: bool, **given: Any
) -> None:
    """Divide DATA into train, validation and test, and say what another way would have changed.

    \b
      booru-tagger dataset split data
    """
    from booru_export.data.split_report import explain, judge_splits
    from booru_export.data.tables import read_faces, table_of, write_split
    from booru_tagger.files.replace import replace_file

    if given["validation"] + given["test_"] >= 1:
        raise DataError("--validation and --test together leave nothing to train on")
    items = read_faces(data)
    table = output or table_of(data)
    if not dry_run and not given["replace"] and output is None and any(item.split for item in items):
        raise DataError(
            f"{table} has a split already: divide it again with --replace, or write elsewhere with -o"
        )
    items, pairs, prints = _looked_at(items, given["near"])
    shares = (given["validation"], given["test_"])
    judged = judge_splits(items, pairs, prints, seed=given["seed"], shares=shares)
    for line in explain(judged, mode):
        click.echo(line)
    if report is not None:
        replace_file(
            report, (json.dumps([one.to_json() for one in judged.values()], indent=1) + "\n").encode()
        )
    if not dry_run:
        parts = {item.path: part for item, part in zip(items, judged[mode].parts, strict=True)}
        write_split(data, table, parts)
        click.echo(f"{table}: split written")


def _looked_at(items: Sequence[FaceItem], near: bool) -> tuple[list[FaceItem], Any, Any]:
    """The items that can be read, their near-duplicates and prints; without ``near`` just the items."""
    from booru_export.data.duplicates import near_pairs, take_prints
    from booru_export.progress import progress

    if not near:
        return list(items), (), None
    with progress("reading pictures", len(items)) as step:
        prints, read, bad = take_prints([item.path for item in items], step)
    for _, error in bad:
        click.echo(f"left out of the split: {error}", err=True)
    return [items[index] for index in read], near_pairs(prints), prints


for command in (gaps, collect, approve):
    dataset.add_command(command)

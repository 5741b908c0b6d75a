"""``booru-tagger dataset gaps|collect|approve``: more pictures of the characters that have few."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.errors import DataError

PATH = click.Path(path_type=Path)
DATA = click.Path(path_type=Path, exists=True)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FEW = click.option("--few", type=click.IntRange(1), default=100, show_default=True, help="Pictures wanted.")
SHEET = "sheet.html"


@click.command()
@click.argument("data", type=DATA)
@FEW
def gaps(data: Path, few: int) -> None:
    """List the characters in DATA that have fewer pictures than wanted, the rarest first."""
    from booru_export.collecting import find_gaps
    from booru_export.dataset import read_faces

    found = find_gaps(read_faces(data), few)
    for gap in found:
        click.echo(f"{gap.label:40} {gap.pictures:>6,} pictures, {gap.missing:,} missing")
    total = sum(gap.missing for gap in found)
    click.echo(f"{len(found):,} characters with fewer than {few} pictures, {total:,} pictures missing")


@click.command()
@click.argument("data", type=DATA)
@click.argument("folder", type=FOLDER)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for the labelling sheet.")
@FEW
@click.option("--label", "labels", multiple=True, help="Look for this character; repeatable.")
@click.option("--model", default="default", show_default=True, help="Bundle that finds and compares faces.")
@click.option(
    "--closeness",
    type=click.FloatRange(-1, 1),
    default=0.4,
    show_default=True,
    help="Least cosine between a face and a character's mean embedding.",
)
@click.option("--most", type=click.IntRange(1), default=60, show_default=True, help="Candidates a character.")
def collect(
    data: Path,
    folder: Path,
    output: Path,
    few: int,
    labels: tuple[str, ...],
    model: str,
    closeness: float,
    most: int,
) -> None:
    """Search the pictures in FOLDER for characters that have few in DATA; write a sheet to approve them on.

    The sheet is a folder with sheet.html (look, tick, save), candidates.csv (the same as a table, with a
    column to fill in) and the crops. Nothing joins DATA before `booru-tagger dataset approve`.
    """
    from booru_export.collecting import (
        TABLE,
        Candidate,
        Collector,
        find_gaps,
        pictures_below,
        ranked,
        without_known,
        write_candidates,
    )
    from booru_export.dataset import read_faces
    from booru_export.progress import progress
    from booru_export.sheet_page import sheet
    from booru_tagger.writers.atomic import replace_file

    if (output / TABLE).exists():
        raise DataError(f"{output / TABLE} exists already, perhaps filled in: choose another folder")
    items = read_faces(data)
    wanted = frozenset(labels) or frozenset(gap.label for gap in find_gaps(items, few))
    unknown = wanted - {item.label for item in items}
    if unknown:
        raise DataError(f"{data}: no picture of {', '.join(sorted(unknown))} to compare with")
    if not wanted:
        raise DataError(f"{data}: every character has {few} pictures or more; ask for more with --few")
    collector = Collector(model, output)
    with progress("learning faces", len(items)) as step:
        prototypes = collector.prototypes(items, step)
    paths = pictures_below(folder)
    candidates: list[Candidate] = []
    with progress("searching", len(paths)) as step:
        for found in collector.search(paths, prototypes, wanted, closeness):
            if found is None:
                step()
            elif isinstance(found, Candidate):
                candidates.append(found)
            else:
                click.echo(f"left out: {found}", err=True)
    kept = ranked(without_known(candidates, items), most)
    _discard([candidate.crop for candidate in candidates], {candidate.crop for candidate in kept})
    output.mkdir(parents=True, exist_ok=True)
    table = write_candidates(output, kept, model)
    replace_file(output / SHEET, sheet(kept, output).encode())
    click.echo(f"{len(kept):,} candidates in {len(paths):,} pictures: look at {output / SHEET} or {table}")


def _discard(crops: list[Path], kept: set[Path]) -> None:
    """Crops that were cut for candidates that are not on the sheet."""
    for crop in set(crops) - kept:
        crop.unlink(missing_ok=True)


@click.command()
@click.argument("sheet", type=FOLDER)
@click.argument("data", type=DATA)
@click.option("--list", "listed", type=DATA, help="approved.csv, as saved from the sheet.")
@click.option("--all", "everything", is_flag=True, help="Approve every candidate.")
@click.option(
    "--closer-than", "closeness", type=click.FloatRange(-1, 1), help="Approve all at least this near."
)
@click.option("--dry-run", is_flag=True, help="Only say what would join.")
def approve(
    sheet: Path, data: Path, listed: Path | None, everything: bool, closeness: float | None, dry_run: bool
) -> None:
    """Let approved candidates of the labelling sheet in SHEET join the data set DATA, with their provenance.

    Approved is what has an x in the column approve of candidates.csv, what is in the list saved from the
    sheet, or what the options approve in bulk.
    """
    from booru_export.collecting import approved_rows, join, read_candidates

    rows = approved_rows(read_candidates(sheet), everything=everything, closeness=closeness, listed=listed)
    if not rows:
        raise DataError(
            f"{sheet}: nothing is approved: put an x into the column approve, or give --list, --closer-than "
            "or --all"
        )
    if dry_run:
        click.echo(f"{len(rows):,} candidates approved; nothing written (dry run)")
        return
    new = join(data, sheet, rows)
    labels = {item.label for item in new}
    click.echo(f"{len(new):,} pictures of {len(labels):,} characters joined {data}")

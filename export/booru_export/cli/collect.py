"""``booru-tagger dataset gaps|collect|approve``: more pictures of the characters that have few."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_export.cli.options import DATA, FOLDER, PATH
from booru_tagger.errors import DataError

if TYPE_CHECKING:
    from booru_export.data.collecting import Candidate, Collector
    from booru_export.data.tables import FaceItem

FEW = click.option("--few", type=click.IntRange(1), default=100, show_default=True, help="Pictures wanted.")
SHEET = "sheet.html"


@click.command(short_help="List the characters that have few pictures.")
@click.argument("data", type=DATA)
@FEW
def gaps(data: Path, few: int) -> None:
    """List the characters in DATA that have fewer pictures than wanted, the rarest first.

    \b
      booru-tagger dataset gaps data
    """
    from booru_export.data.collecting import find_gaps
    from booru_export.data.tables import read_faces

    found = find_gaps(read_faces(data), few)
    for gap in found:
        click.echo(f"{gap.label:40} {gap.pictures:>6,} pictures, {gap.missing:,} missing")
    total = sum(gap.missing for gap in found)
    click.echo(f"{len(found):,} characters with fewer than {few} pictures, {total:,} pictures missing")


@click.command(short_help="Search pictures for characters that have few.")
@click.argument("data", type=DATA)
@click.argument("folder", type=FOLDER, required=False)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for the labelling sheet.")
@FEW
@click.option("--label", "labels", multiple=True, help="Look for this character; repeatable.")
@click.option("--model", default="default", show_default=True, help="Bundle that finds and compares faces.")
@click.option(
    "--closeness",
    type=click.FloatRange(-1, 1),
    default=0.4,
    show_default=True,
    help="Minimum cosine between a face and a character's mean embedding.",
)
@click.option(
    "--most",
    "max_candidates",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Candidates a character.",
)
@click.option(
    "--verdicts",
    type=DATA,
    metavar="FILE.csv",
    help="Take faces named on the review page (booru-tagger review --export) instead of searching FOLDER.",
)
def collect(
    data: Path,
    folder: Path | None,
    output: Path,
    few: int,
    labels: tuple[str, ...],
    model: str,
    closeness: float,
    max_candidates: int,
    verdicts: Path | None,
) -> None:
    """Search the pictures in FOLDER for characters that have few in DATA; write a sheet to approve them on.

    The sheet is a folder with sheet.html (look, tick, save), candidates.csv (the same as a table, with a
    column to fill in) and the crops. Nothing joins DATA before `booru-tagger dataset approve`. With
    --verdicts the sheet holds what people named already, ticked.

    \b
      booru-tagger dataset collect data ~/fanart -o sheet
    """
    from booru_export.data.collecting import TABLE, Collector, ranked, without_known, write_candidates
    from booru_export.data.sheet_page import sheet
    from booru_export.data.tables import read_faces
    from booru_tagger.files.replace import replace_file

    if (folder is None) == (verdicts is None):
        raise click.UsageError("Name a FOLDER to search, or give --verdicts; not both.")
    if (output / TABLE).exists():
        raise DataError(f"{output / TABLE} exists already, perhaps filled in: choose another folder")
    items = read_faces(data)
    collector = Collector(model, output)
    if verdicts is not None:
        candidates, looked = _named(verdicts, labels, collector)
        kept = without_known(candidates, items)
    else:
        assert folder is not None
        wanted = _wanted(data, items, labels, few)
        candidates, looked = _searched(folder, items, collector, wanted, closeness)
        kept = ranked(without_known(candidates, items), max_candidates)
    _discard([candidate.crop for candidate in candidates], {candidate.crop for candidate in kept})
    output.mkdir(parents=True, exist_ok=True)
    kept.sort(key=lambda candidate: candidate.label)  # the sheet groups them
    table = write_candidates(output, kept, model)
    replace_file(output / SHEET, sheet(kept, output).encode())
    click.echo(f"{len(kept):,} candidates in {looked:,} pictures: look at {output / SHEET} or {table}")


def _wanted(data: Path, items: list[FaceItem], labels: tuple[str, ...], few: int) -> frozenset[str]:
    """The characters to look for. Raises :class:`DataError` where there is none."""
    from booru_export.data.collecting import find_gaps

    wanted = frozenset(labels) or frozenset(gap.label for gap in find_gaps(items, few))
    unknown = wanted - {item.label for item in items}
    if unknown:
        raise DataError(f"{data}: no picture of {', '.join(sorted(unknown))} to compare with")
    if not wanted:
        raise DataError(f"{data}: every character has {few} pictures or more; ask for more with --few")
    return wanted


def _searched(
    folder: Path,
    items: list[FaceItem],
    collector: Collector,
    wanted: frozenset[str],
    closeness: float,
) -> tuple[list[Candidate], int]:
    """The candidates, and in how many pictures they were looked for."""
    from booru_export.data.collecting import Candidate, pictures_below
    from booru_export.progress import progress

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
    return candidates, len(paths)


def _named(verdicts: Path, labels: tuple[str, ...], collector: Collector) -> tuple[list[Candidate], int]:
    """The faces that people named, and in how many pictures those are."""
    from booru_export.data.collecting import Candidate
    from booru_export.data.named_faces import named_faces, read_verdicts

    candidates: list[Candidate] = []
    rows = read_verdicts(verdicts, labels)
    for found in named_faces(rows, collector.cutter):
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            click.echo(f"left out: {found}", err=True)
    if not candidates:
        raise DataError(f"{verdicts}: no face in it has a name; name some with booru-tagger review")
    return candidates, len({row["picture"] for row in rows})


def _discard(crops: list[Path], kept: set[Path]) -> None:
    """Crops that were cut for candidates that are not on the sheet."""
    for crop in set(crops) - kept:
        crop.unlink(missing_ok=True)


@click.command(short_help="Let approved pictures of the sheet join.")
@click.argument("sheet", type=FOLDER)
@click.argument("data", type=DATA)
@click.option("--list", "listed", type=DATA, help="approved.csv, as saved from the sheet.")
@click.option("--all", "everything", is_flag=True, help="Approve every candidate.")
@click.option(
    "--closer-than", "closeness", type=click.FloatRange(-1, 1), help="Approve all at least this near."
)
@click.option("--dry-run", is_flag=True, help="Only print what would be added.")
def approve(
    sheet: Path, data: Path, listed: Path | None, everything: bool, closeness: float | None, dry_run: bool
) -> None:
    """Let approved candidates of the labelling sheet in SHEET join the data set DATA, with their provenance.

    Approved is what has an x in the column approve of candidates.csv, what is in the list saved from the
    sheet, or what the options approve in bulk.

    \b
      booru-tagger dataset approve sheet data
    """
    from booru_export.data.collecting import approved_rows, join, read_candidates

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

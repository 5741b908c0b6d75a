"""``evaluate``: a bundle is judged through the runtime on labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from booru_export.cli.options import FOLDER, PATH
from booru_tagger.files.replace import replace_file


@click.command()
@click.argument("bundle", type=FOLDER)
@click.argument("data", type=FOLDER)
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test", "all"]),
    default="validation",
    show_default=True,
    help="Part of the data to judge on; 'all' where none of it was trained on.",
)
@click.option(
    "--strangers", type=FOLDER, help="Folder of face crops of characters that the bundle does not know."
)
@click.option("--tune", is_flag=True, help="Choose thresholds on this part and write them into the bundle.")
@click.option(
    "--strangers-named",
    type=click.FloatRange(0, 1),
    default=0.04,
    show_default=True,
    help="With --tune: the largest share of strangers that may get a name.",
)
@click.option(
    "--known-named",
    type=click.FloatRange(0, 1),
    default=0.9,
    show_default=True,
    help="With --tune: share of known faces that should get one, right or wrong, at most.",
)
@click.option(
    "--enrol",
    type=click.IntRange(0),
    default=0,
    help="Enrol this many faces of each character the bundle does not know; test on the others.",
)
@click.option("--json", "report", type=PATH, help="Write the figures to this file too.")
@click.option("--card", type=PATH, help="Write a model card with them, in Markdown.")
@click.option("--characters", type=PATH, help="Write how each character is told to this CSV file.")
@click.option(
    "--sheet",
    type=PATH,
    help="Draw the heads whose hair or eyes are told otherwise than labelled into this PNG file.",
)
def evaluate(
    bundle: Path,
    data: Path,
    part: str,
    strangers: Path | None,
    tune: bool,
    strangers_named: float,
    known_named: float,
    enrol: int,
    report: Path | None,
    card: Path | None,
    characters: Path | None,
    sheet: Path | None,
) -> None:
    """Judge a bundle through the runtime on a folder with faces/ and scenes/ (or one of them).

    \b
      booru-tagger evaluate runs/bundle data --part test
    """
    from booru_export.evaluation.evaluate import Tuning
    from booru_export.evaluation.judging import judge

    tuning = Tuning(strangers_named, known_named) if tune else None
    judged = judge(bundle, data, part, strangers=strangers, tune=tuning, enrol=enrol)
    for line in judged.lines():
        click.echo(line)
    if report:
        replace_file(report, (json.dumps(judged.figures, indent=1) + "\n").encode())
    if card:
        replace_file(card, judged.card.encode())
    if characters:
        replace_file(characters, judged.characters)
    if sheet:
        from booru_export.evaluation.color_sheet import color_sheet

        replace_file(sheet, color_sheet(judged.disputed))

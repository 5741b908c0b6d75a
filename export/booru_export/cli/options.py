"""Options and arguments that several commands of the training side take."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
DATA = click.Path(path_type=Path, exists=True)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
SIZE = click.IntRange(16, 512)
"""Of a face's sides, in pixels."""

OUT = click.option(
    "--out", type=PATH, required=True, help="Folder for checkpoint, metrics.csv and curves.png."
)
MINUTES = click.option("--minutes", type=click.FloatRange(0.1), help="End the schedule after this time.")
RESUME = click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
THREADS = click.option("--threads", type=click.IntRange(1), help="Processor threads (default: all).")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …, or auto.")
CANON = click.option("--canon", type=PATH, help="CSV of the characters' series, colors and implied tags.")
BUNDLE_OUT = click.option(
    "-o", "--output", type=PATH, required=True, help="The bundle's folder; made if it is not there."
)

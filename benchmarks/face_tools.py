"""The same pictures through older tools that find faces and do not name them; this program does both.

OpenCV's cascade for anime faces is a file of github.com/nagadomi/lbpcascade_animeface that no package holds:
without ``lbpcascade_animeface.xml`` in the work folder that tool is left out.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import pictures, rivals
from benchmarks.report import FigureTable, Workload
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger

PACKAGES = ("animeface", "pillow<11", "opencv-python-headless<5")
"""With newer versions of Pillow animeface silently finds nothing; newer ones of OpenCV have no cascades."""
CASCADE = "lbpcascade_animeface.xml"
FEWER = 5
"""These tools take a second for a picture, so they get fewer than other taggers do."""


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    paths = pictures.large(folder / "run-jpg", "jpg", sizes.rival_pictures)
    python = rivals.environment(folder / "rivals-faces", *PACKAGES)
    tools = ["animeface"]
    if (folder / CASCADE).exists():
        tools.append("lbpcascade")
    else:
        click.echo(f"lbpcascade is left out: {folder / CASCADE} is not there", err=True)
    tagger = Tagger(TaggerOptions(model, gallery=None))
    found = sum(bool(tagger.tag(path).faces) for path in paths) / len(paths)
    ours = rivals.throughput(tagger, paths, sizes.repeats)
    others = rivals.of_others(python, tools, folder, paths[: len(paths) // FEWER or 1], sizes.repeats)
    ours = max(ours, rivals.throughput(tagger, paths, sizes.repeats))
    rivals.add(report, "faces and who they are", ours, others)
    report.add("this program: share of pictures with a face", found, "")

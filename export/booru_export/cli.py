"""The training commands of ``booru-tagger``. torch is imported when a command runs, never for ``--help``."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import click

from booru_tagger.errors import DataError, MissingExtraError

PATH = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


def need_torch() -> None:
    """Raise :class:`MissingExtraError` where the training packages are not installed."""
    for package in ("torch", "onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(
                f"training and export need {package}; install them with: pip install 'booru-tagger[export]'"
            )


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def train() -> None:
    """Train a head detector or a face recogniser."""


def _run_options(command: click.decorators.FC) -> click.decorators.FC:
    for option in (
        click.option(
            "--out", type=PATH, required=True, help="Folder for checkpoint, metrics.csv and curves.png."
        ),
        click.option("--minutes", type=click.FloatRange(0.1), help="End the schedule after this time."),
        click.option("--start", type=PATH, help="Checkpoint of an earlier run to begin with the weights of."),
        click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out."),
        click.option("--threads", type=click.IntRange(1), help="Processor threads (default: all)."),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …, or auto."),
        click.option(
            "--amp/--no-amp", default=None, help="Compute in bfloat16 where safe (default: on accelerators)."
        ),
    ):
        command = option(command)
    return command


@train.command("detector")
@click.option("--recipe", default="detector", show_default=True, help="A recipe's name or TOML file.")
@click.option("--scenes", type=PATH, required=True, help="boxes.jsonl, or the folder that holds it.")
@click.option("--more-scenes", type=PATH, multiple=True, help="More of them, all for training (self-label).")
@click.option(
    "--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that make batches."
)
@_run_options
def train_detector(
    recipe: str,
    scenes: Path,
    more_scenes: tuple[Path, ...],
    workers: int,
    out: Path,
    minutes: float | None,
    start: Path | None,
    resume: bool,
    threads: int | None,
    device: str,
    amp: bool | None,
) -> None:
    """Train the head detector on whole illustrations with head boxes."""
    need_torch()
    from booru_export import train as loop
    from booru_export.checkpoint import start_from
    from booru_export.detector.task import DetectorTask
    from booru_export.device import device_named
    from booru_export.recipe import DetectorRecipe, read_recipe

    _prepare(threads, out, resume)
    chosen = read_recipe(DetectorRecipe, recipe)
    task = DetectorTask(chosen, scenes, more_scenes, device=device_named(device, amp), workers=workers)
    if start and not resume:
        start_from(task.net, start)
    checkpoint = loop.run(task, chosen.schedule, out, minutes=minutes, resume=resume, say=_say)
    click.echo(checkpoint)


@train.command("recogniser")
@click.option("--recipe", default="recogniser", show_default=True, help="A recipe's name or TOML file.")
@click.option("--faces", type=PATH, required=True, help="faces.csv, its folder, or a folder of folders.")
@click.option("--scenes", type=PATH, help="boxes.jsonl with strangers and colour labels.")
@click.option("--more-scenes", type=PATH, multiple=True, help="More of them, of strangers, all for training.")
@click.option("--teacher", type=PATH, help="Checkpoint of a net, a larger one say, to learn from as well.")
@_run_options
def train_recogniser(
    recipe: str,
    faces: Path,
    scenes: Path | None,
    more_scenes: tuple[Path, ...],
    teacher: Path | None,
    out: Path,
    minutes: float | None,
    start: Path | None,
    resume: bool,
    threads: int | None,
    device: str,
    amp: bool | None,
) -> None:
    """Train the recogniser on face crops, one label each."""
    need_torch()
    from booru_export import train as loop
    from booru_export.checkpoint import start_from
    from booru_export.device import device_named
    from booru_export.recipe import RecogniserRecipe, read_recipe
    from booru_export.recogniser.task import RecogniserTask

    _prepare(threads, out, resume)
    chosen = read_recipe(RecogniserRecipe, recipe)
    place = device_named(device, amp)
    task = RecogniserTask(chosen, faces, scenes, more=more_scenes, teacher=teacher, device=place)
    if start and not resume:
        start_from(task.net, start)
    checkpoint = loop.run(task, chosen.schedule, out, minutes=minutes, resume=resume, say=_say)
    click.echo(checkpoint)


@train.command("self-label")
@click.argument("bundle", type=FOLDER)
@click.argument("pictures", type=FOLDER)
@click.option("-o", "--output", type=PATH, required=True, help="The boxes.jsonl to write.")
@click.option(
    "--sure", type=click.FloatRange(0, 1), default=0.55, show_default=True, help="A head from here."
)
@click.option(
    "--maybe", type=click.FloatRange(0, 1), default=0.15, show_default=True, help="Ignored from here."
)
def self_label(bundle: Path, pictures: Path, output: Path, sure: float, maybe: float) -> None:
    """Let a bundle's detector label a folder of pictures, for --more-scenes."""
    from booru_export.dataset import PICTURE_SUFFIXES, write_scenes
    from booru_export.detector.self_label import label_heads

    paths = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    with click.progressbar(length=len(paths), label="labelling", file=sys.stderr) as bar:
        scenes = list(
            label_heads(bundle, paths, sure=sure, maybe=maybe, complain=_say, step=lambda: bar.update(1))
        )
    write_scenes(output, scenes)
    click.echo(f"{output}: {sum(len(scene.boxes) for scene in scenes)} heads in {len(scenes)} pictures")


def _prepare(threads: int | None, out: Path, resume: bool) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)
    if not resume and (out / "last.ckpt").exists():
        raise DataError(f"{out} holds a run already: go on with --resume, or choose another --out")


@click.command()
@click.argument("checkpoint", type=PATH)
@click.option(
    "-o", "--output", type=PATH, required=True, help="The bundle's folder; made if it is not there."
)
@click.option("--calibrate", "data", type=PATH, help="Folder with faces/ and scenes/ to fit temperatures on.")
@click.option("--canon", type=PATH, help="CSV of the characters' series, colours and implied tags.")
def export(checkpoint: Path, output: Path, data: Path | None, canon: Path | None) -> None:
    """Export a checkpoint as the detector or recogniser of a bundle, and compare both on a picture."""
    need_torch()
    from booru_export.exporting import export_checkpoint

    bundle, difference = export_checkpoint(checkpoint, output, data=data, canon=canon)
    total = sum(record.bytes for record in bundle.files.values())
    click.echo(f"{output}: {total / 1e6:.1f} MB, largest difference from torch {difference:.5f}")


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
    help="With --tune: share of strangers that may get a name.",
)
@click.option("--json", "report", type=PATH, help="Write the figures to this file too.")
def evaluate(
    bundle: Path,
    data: Path,
    part: str,
    strangers: Path | None,
    tune: bool,
    strangers_named: float,
    report: Path | None,
) -> None:
    """Judge a bundle through the runtime on a folder with faces/ and scenes/ (or one of them)."""
    from booru_export.judging import judge

    figures, mistakes = judge(
        bundle, data, part, strangers=strangers, tune=tune, strangers_named=strangers_named
    )
    for name, value in figures.items():
        click.echo(f"{name:32} {value:.4f}" if isinstance(value, float) else f"{name:32} {value}")
    for label, taken, count in mistakes:
        click.echo(f"{label} taken for {taken}: {count}")
    if report:
        report.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")

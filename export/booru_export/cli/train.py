"""The training commands of ``booru-tagger``. torch is imported when a command runs, never for ``--help``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from booru_export.cli.preparing import need, refuse_second_run, say, use_threads
from booru_tagger.errors import DataError
from booru_tagger.files.replace import replace_file

if TYPE_CHECKING:
    from booru_export.training.device import Device
    from booru_export.training.loop import TrainingTask
    from booru_export.training.recipe import Recipe, Schedule

PATH = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)

TORCH = ("torch", "onnx", "onnxscript", "matplotlib")
"""What networks are trained and exported with."""


class _Run(TypedDict):
    """The options that say how a run begins, ends and goes on."""

    out: Path
    minutes: float | None
    start: Path | None
    blend: float | None
    resume: bool
    threads: int | None
    device: str
    amp: bool | None


@click.group()
def train() -> None:
    """Train a head detector or a face recogniser."""


def _run_options(command: click.decorators.FC) -> click.decorators.FC:
    for option in (
        click.option(
            "--out", type=PATH, required=True, help="Folder for checkpoint, metrics.csv and curves.png."
        ),
        click.option("--minutes", type=click.FloatRange(0.1), help="End the schedule after this time."),
        click.option("--start", type=PATH, help="Checkpoint or bundle whose weights to start from."),
        click.option(
            "--blend",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            help="Also write blended.ckpt: the average with --start, whose weights have this share.",
        ),
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
@click.option(
    "--scenes",
    type=PATH,
    multiple=True,
    required=True,
    help="boxes.jsonl, or a folder that holds one; several.",
)
@click.option(
    "--more-scenes",
    type=PATH,
    multiple=True,
    help="More scenes, used for training only (see train self-label).",
)
@click.option(
    "--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that prepare batches."
)
@_run_options
def train_detector(
    recipe: str,
    scenes: tuple[Path, ...],
    more_scenes: tuple[Path, ...],
    workers: int,
    **run: Unpack[_Run],
) -> None:
    """Train the head detector on whole illustrations with head boxes.

    \b
      booru-tagger train detector --scenes data/scenes --minutes 60 --out runs/detector
    """
    need(*TORCH)
    from booru_export.detector.task import DetectorTask
    from booru_export.training.recipe import DetectorRecipe

    def task(chosen: DetectorRecipe, place: Device) -> TrainingTask:
        return DetectorTask(chosen, scenes, more_scenes, device=place, workers=workers)

    click.echo(_train(DetectorRecipe, recipe, task, **run))


@train.command("recogniser")
@click.option("--recipe", default="recogniser", show_default=True, help="A recipe's name or TOML file.")
@click.option(
    "--faces",
    type=PATH,
    required=True,
    multiple=True,
    help="faces.csv, its folder, or a folder of folders; may be repeated.",
)
@click.option(
    "--scenes", type=PATH, multiple=True, help="boxes.jsonl with strangers and color labels; several."
)
@click.option(
    "--more-scenes", type=PATH, multiple=True, help="More scenes of strangers, used for training only."
)
@click.option(
    "--leave-out", multiple=True, help="A character to leave out of training, to be a stranger in evaluate."
)
@click.option("--leave-out-some", is_flag=True, help="Leave out a fixed sample of characters of every kind.")
@click.option("--teacher", type=PATH, help="Checkpoint of a (larger) net to learn from as well.")
@_run_options
def train_recogniser(
    recipe: str,
    faces: tuple[Path, ...],
    scenes: tuple[Path, ...],
    more_scenes: tuple[Path, ...],
    leave_out: tuple[str, ...],
    leave_out_some: bool,
    teacher: Path | None,
    **run: Unpack[_Run],
) -> None:
    """Train the recogniser on face crops, one label each.

    \b
      booru-tagger train recogniser --faces data/faces --minutes 60 --out runs/recogniser
    """
    need(*TORCH)
    from booru_export.data.splits import left_out
    from booru_export.data.tables import read_all_faces
    from booru_export.recogniser.task import RecogniserTask
    from booru_export.training.recipe import RecogniserRecipe

    def task(chosen: RecogniserRecipe, place: Device) -> TrainingTask:
        without = {*leave_out, *(left_out(read_all_faces(faces)) if leave_out_some else ())}
        return RecogniserTask(
            *(chosen, faces, scenes), more=more_scenes, teacher=teacher, leave_out=without, device=place
        )

    click.echo(_train(RecogniserRecipe, recipe, task, **run))


@train.command("self-label")
@click.argument("bundle", type=FOLDER)
@click.argument("pictures", type=FOLDER)
@click.option("-o", "--output", type=PATH, required=True, help="The boxes.jsonl to write.")
@click.option(
    "--sure", type=click.FloatRange(0, 1), default=0.55, show_default=True, help="Minimum score of a head."
)
@click.option(
    "--maybe", type=click.FloatRange(0, 1), default=0.15, show_default=True, help="Ignored from here."
)
@click.option(
    "--checked",
    type=PATH,
    help="boxes.jsonl of what people saw there: heads that both see count.",
)
def self_label(
    bundle: Path, pictures: Path, output: Path, sure: float, maybe: float, checked: Path | None
) -> None:
    """Let a bundle's detector label a folder of pictures, for --more-scenes.

    \b
      booru-tagger train self-label runs/bundle ~/fanart -o more.jsonl
    """
    from booru_export.data.collecting import pictures_below
    from booru_export.data.tables import read_scenes, write_scenes
    from booru_export.detector.self_label import confirmed, label_heads

    paths = pictures_below(pictures)
    with click.progressbar(length=len(paths), label="labelling", file=sys.stderr) as bar:
        scenes = list(
            label_heads(bundle, paths, sure=sure, maybe=maybe, complain=say, step=lambda: bar.update(1))
        )
    if checked:
        by_eye = {scene.path.name: scene for scene in read_scenes(checked)}
        scenes = [confirmed(one, by_eye[one.path.name]) for one in scenes if one.path.name in by_eye]
    write_scenes(output, scenes)
    click.echo(f"{output}: {sum(len(scene.boxes) for scene in scenes)} heads in {len(scenes)} pictures")


def _train(
    kind: type[Recipe], recipe: str, make: Callable[[Recipe, Device], TrainingTask], **run: Unpack[_Run]
) -> Path:
    """Train what ``make`` makes of a recipe, as one of several processes perhaps; returns the checkpoint."""
    from booru_export.training import distributed
    from booru_export.training.device import device_named
    from booru_export.training.recipe import read_recipe

    use_threads(run["threads"])
    if run["blend"] and not run["start"]:
        raise DataError("--blend averages with the weights of --start: name them")
    refuse_second_run(run["out"], run["resume"])
    with distributed.together(run["device"]) as own:
        chosen = distributed.own_samples(read_recipe(kind, recipe))
        return _trained(make(chosen, device_named(own, run["amp"])), chosen.schedule, **run)


def _trained(task: TrainingTask, schedule: Schedule, **run: Unpack[_Run]) -> Path:
    """Run a task to its end, from the weights and with the averaging asked for; returns its checkpoint."""
    from booru_export.training import distributed, loop
    from booru_export.training.starting import blend, start_from

    start, share, resume = run["start"], run["blend"], run["resume"]
    size = schedule.sizes[-1]
    before = start_from(task, start, size) if start and (share or not resume) else None
    begun = {name: value.clone() for name, value in task.net.state_dict().items()} if share else {}
    checkpoint = loop.run(
        *(task, schedule, run["out"]), minutes=run["minutes"], resume=resume, before=before, say=say
    )
    if share and distributed.is_first():
        checkpoint = blend(task, checkpoint, begun, share, size)
    return checkpoint


@click.command()
@click.argument("source", metavar="CHECKPOINT|BUNDLE", type=PATH)
@click.option(
    "-o", "--output", type=PATH, required=True, help="The bundle's folder; made if it is not there."
)
@click.option(
    "--calibrate",
    "data",
    type=PATH,
    help="Folder with faces/ and scenes/ to fit temperatures and 8-bit scales on.",
)
@click.option("--canon", type=PATH, help="CSV of the characters' series, colors and implied tags.")
@click.option(
    "--int8",
    type=click.Choice(["detector", "recogniser", "both"]),
    help="Compute these in 8 bits, where the pictures of --calibrate show that it loses little.",
)
@click.option(
    "--most-loss",
    "max_loss",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="With --int8: what any figure may lose; 0.005 is half a point.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 512),
    help="Side in pixels at which a recogniser looks at faces (default: that of the end of training).",
)
@click.option(
    "--complete",
    is_flag=True,
    help="Name exactly the characters of --canon: add those left out of training, by their faces in "
    "--calibrate, and take out all others. The last step.",
)
def export(
    source: Path,
    output: Path,
    data: Path | None,
    canon: Path | None,
    int8: str | None,
    max_loss: float,
    complete: bool,
    size: int | None,
) -> None:
    """Export a checkpoint as the detector or recogniser of a bundle, and compare both on a picture.

    With --int8, a bundle's folder may be given instead: its parts are quantised and put into --output, which
    may be the same folder.

    \b
      booru-tagger export runs/recogniser/last.ckpt -o runs/bundle --calibrate data
    """
    need(*TORCH)
    if complete and data is None:
        raise DataError("--complete needs the faces of the characters to add: --calibrate FOLDER")
    if int8 and data is None:
        raise DataError("--int8 needs pictures to take scales from and to judge on: --calibrate FOLDER")
    if source.is_dir():
        if not (int8 or complete):
            raise DataError(f"{source}: already a bundle; only --int8 and --complete can be done with it")
    else:
        from booru_export.bundles.exporting import export_checkpoint

        bundle, difference = export_checkpoint(source, output, data=data, canon=canon, size=size)
        total = sum(record.bytes for record in bundle.files.values())
        click.echo(f"{output}: {total / 1e6:.1f} MB, largest difference from torch {difference:.5f}")
        source = output
    if int8 and data is not None:
        _to_int8(source, output, int8, data, max_loss)
        source = output
    if complete and data is not None:
        from booru_export.bundle_folder import copy_bundle
        from booru_export.bundles.identity import complete as complete_bundle
        from booru_export.data.canon import read_canon

        copy_bundle(source, output)
        bundle = complete_bundle(output, data, read_canon(canon))
        click.echo(f"{output}: knows {len(bundle.labels)} characters")


def _to_int8(source: Path, output: Path, which: str, data: Path, max_loss: float) -> None:
    from booru_export.bundles.int8 import PARTS, to_int8

    parts = [part for part in PARTS if which in (part, "both")]
    for verdict in to_int8(source, output, parts, data, max_loss=max_loss):
        before, after = (f"{size / 1e6:.1f} MB" for size in verdict.sizes)
        click.echo(
            f"{verdict.part}: {before} -> {after}" if verdict.taken else f"{verdict.part}: stays as it was"
        )
        for name, value in verdict.before.items():
            click.echo(f"  {name:12} {value:.4f} -> {verdict.after[name]:.4f}")


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

"""``train``: a detector or a recogniser, and labels for more. torch is imported when a command runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from booru_export.cli.options import DEVICE, FOLDER, MINUTES, OUT, PATH, RESUME, THREADS
from booru_export.cli.preparing import TORCH, need, refuse_second_run, say, use_threads
from booru_export.cli.train_methods import backbone, classic
from booru_tagger.errors import DataError

if TYPE_CHECKING:
    from booru_export.training.device import Device
    from booru_export.training.loop import TrainingTask
    from booru_export.training.recipe import Recipe, Schedule


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


train.add_command(classic)
train.add_command(backbone)


_RUN = (
    OUT,
    MINUTES,
    click.option("--start", type=PATH, help="Checkpoint or bundle whose weights to start from."),
    click.option(
        "--blend",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Also write blended.ckpt: the average with --start, whose weights have this share.",
    ),
    RESUME,
    THREADS,
    DEVICE,
    click.option(
        "--amp/--no-amp", default=None, help="Compute in bfloat16 where safe (default: on accelerators)."
    ),
)
"""The options of :class:`_Run`, in the order in which help lists them."""


def _run_options(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_RUN):
        command = option(command)
    return command


@train.command("detector", short_help="Train the head detector.")
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
    help="More scenes, used for training only (see train self-label, train head-scenes).",
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


@train.command("recogniser", short_help="Train the recogniser on face crops.")
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
            *(chosen, faces, scenes),
            more=more_scenes,
            teacher=teacher,
            leave_out=without,
            fresh=not (run["start"] or run["resume"]),
            device=place,
        )

    click.echo(_train(RecogniserRecipe, recipe, task, **run))


@train.command("roll", short_help="Train the network that says how far a head is turned.")
@click.option("--recipe", default="roll", show_default=True, help="A recipe's name or TOML file.")
@click.option(
    "--faces", type=PATH, required=True, multiple=True, help="faces.csv, or a folder that holds one; several."
)
@click.option("--scenes", type=PATH, multiple=True, help="boxes.jsonl, or a folder that holds one; several.")
@click.option("--measured", type=PATH, help="CSV of heads with their roll in degrees, as measured by eye.")
@click.option("--teacher", type=PATH, help="Checkpoint of an earlier run, which sees how heads are turned.")
@_run_options
def train_roll(
    recipe: str,
    faces: tuple[Path, ...],
    scenes: tuple[Path, ...],
    measured: Path | None,
    teacher: Path | None,
    **run: Unpack[_Run],
) -> None:
    """Train the network by which crops --upright knows how far a head is turned.

    It learns from heads that are upright in the mean, turned by known angles.

    \b
      booru-tagger train roll --faces data/identities --scenes data/scenes --out runs/roll
    """
    need(*TORCH)
    from booru_export.roll.task import RollTask
    from booru_export.training.recipe import RollRecipe

    def task(chosen: RollRecipe, place: Device) -> TrainingTask:
        return RollTask(chosen, faces, scenes, measured=measured, teacher=teacher, device=place)

    click.echo(_train(RollRecipe, recipe, task, **run))


@train.command("self-label", short_help="Label pictures with a detector.")
@click.argument("bundle", type=FOLDER)
@click.argument("pictures", type=FOLDER)
@click.option("-o", "--output", type=PATH, required=True, help="The boxes.jsonl to write.")
@click.option(
    "--sure",
    type=click.FloatRange(0, 1),
    default=0.55,
    show_default=True,
    help="Least score of a head, on the network's own scale.",
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


@train.command("head-scenes", short_help="Make scenes of crops with head boxes.")
@click.argument("faces", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, required=True, help="The boxes.jsonl to write.")
@click.option("--most", type=click.IntRange(1), default=700, show_default=True, help="Crops taken.")
@click.option("--without", multiple=True, help="A source of which none is taken; several.")
def head_scenes(faces: tuple[Path, ...], output: Path, most: int, without: tuple[str, ...]) -> None:
    """Take crops with head boxes evenly from all sources of FACES, for --more-scenes.

    \b
      booru-tagger train head-scenes data/identities -o crops.jsonl
    """
    from booru_export.data.tables import read_all_faces, write_scenes
    from booru_export.detector.head_crops import scenes_of_crops

    scenes = list(scenes_of_crops(read_all_faces(faces), most, without=without))
    if not scenes:
        raise DataError(
            f"{', '.join(map(str, faces))}: no crop there has a head box (columns x0, y0, x1, y1)"
        )
    write_scenes(output, scenes)
    click.echo(f"{output}: {len(scenes)} crops")


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

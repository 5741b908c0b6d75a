"""``train classic`` and ``train backbone``: the other methods, which ``compare`` puts side by side.

scikit-learn and torch are imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from booru_export.cli.options import BUNDLE_OUT, CANON, DATA, DEVICE, MINUTES, OUT, RESUME, SIZE, THREADS
from booru_export.cli.preparing import need, refuse_second_run, say, use_threads
from booru_export.training.architectures import BACKBONES


@click.command(short_help="Fit a classic method to face crops.")
@click.argument("data", type=DATA)
@BUNDLE_OUT
@click.option(
    "--method",
    type=click.Choice(["logistic", "linear-svm", "rbf-svm"]),
    default="logistic",
    show_default=True,
)
@click.option(
    "--features",
    type=click.Choice(["pixels", "embedding"]),
    default="pixels",
    show_default=True,
    help="Learn from resized pixels, or from what a network makes of a face.",
)
@click.option(
    "--model", help="With embedding: the bundle whose network gives it ('default': the shipped one)."
)
@click.option("--size", type=SIZE, default=128, show_default=True, help="Side of the faces in pixels.")
@click.option(
    "--components", type=click.IntRange(1, 4096), default=128, show_default=True, help="With pixels."
)
@click.option("--strength", type=click.FloatRange(1e-6), help="C of the classifier (default: tried out).")
@click.option("--seed", type=int, default=0, show_default=True)
@CANON
def classic(data: Path, output: Path, model: str | None, canon: Path | None, **given: Any) -> None:
    """Fit logistic regression or a support vector machine to the faces in DATA; write a bundle.

    \b
      booru-tagger train classic data/faces -o runs/svm --method linear-svm
    """
    need("sklearn", "skl2onnx", "onnx")
    from booru_export.comparison.classic import ClassicRecipe, train_classic
    from booru_export.comparison.classic_export import export_classic
    from booru_export.data.canon import read_canon
    from booru_export.data.splits import split_faces
    from booru_export.data.tables import read_faces

    parts = split_faces(read_faces(data))
    if given["features"] == "embedding" and model is None:
        model = "default"
    table = read_canon(canon)
    trained = train_classic(ClassicRecipe(**given), parts["train"], parts["validation"], model=model, say=say)
    examples = (parts["validation"] or parts["train"])[:8]
    bundle, difference = export_classic(trained, output, table, examples)
    total = sum(record.bytes for record in bundle.files.values())
    click.echo(f"{output}: {total / 1e6:.1f} MB, largest difference from scikit-learn {difference:.6f}")


@click.command(short_help="Train a torchvision network on faces.")
@click.option("--faces", type=DATA, required=True, help="faces.csv, its folder, or a folder of folders.")
@click.option("--scenes", type=DATA, help="boxes.jsonl with strangers and color labels.")
@OUT
@click.option("--arch", type=click.Choice(tuple(BACKBONES)), help="The network (default: the recipe's).")
@click.option(
    "--pretrained",
    type=click.Choice(["imagenet", "none"]),
    help="Weights to start from: ImageNet's, downloaded by torchvision (default), or none.",
)
@click.option("--weights", type=DATA, help="Start from this state dict instead.")
@click.option("--recipe", default="backbone", show_default=True, help="A recipe's name or TOML file.")
@click.option("--size", type=SIZE, help="Side of the faces in pixels (default: the recipe's).")
@MINUTES
@RESUME
@THREADS
@DEVICE
def backbone(
    faces: Path,
    scenes: Path | None,
    out: Path,
    recipe: str,
    arch: str | None,
    pretrained: str | None,
    weights: Path | None,
    size: int | None,
    minutes: float | None,
    resume: bool,
    threads: int | None,
    device: str,
) -> None:
    """Train a recogniser on a network of torchvision, usually from its ImageNet weights.

    `booru-tagger export` makes a bundle of the checkpoint.

    \b
      booru-tagger train backbone --faces data/faces --arch resnet18 --out runs/resnet18
    """
    need("torch", "torchvision", "matplotlib")
    from booru_export.recogniser.task import RecogniserTask
    from booru_export.training import loop
    from booru_export.training.device import device_named
    from booru_export.training.recipe import RecogniserRecipe, read_recipe

    if pretrained and weights:
        raise click.UsageError("--weights is what to start from: leave out --pretrained")
    refuse_second_run(out, resume)
    use_threads(threads)
    chosen = read_recipe(RecogniserRecipe, recipe)
    initial = str(weights or pretrained or chosen.initial or "imagenet")
    schedule = chosen.schedule
    if size is not None:
        schedule = replace(schedule, sizes=(size,), size_until=(1.0,))
    chosen = replace(
        chosen,
        schedule=schedule,
        backbone=arch or chosen.backbone,
        initial="" if resume or initial == "none" else initial,  # a checkpoint has weights of its own
        scene_share=chosen.scene_share if scenes else 0.0,
    )
    task = RecogniserTask(chosen, [faces], [scenes] if scenes else [], device=device_named(device))
    click.echo(loop.run(task, schedule, out, minutes=minutes, resume=resume, say=say))

"""Commands for the other methods: ``train classic``, ``train backbone`` and ``compare``.

scikit-learn and torch are imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from booru_export.cli.preparing import need, refuse_second_run, say, use_threads
from booru_export.training.architectures import BACKBONES
from booru_tagger.errors import DataError

PATH = click.Path(path_type=Path)
DATA = click.Path(path_type=Path, exists=True)
SIZE = click.IntRange(16, 512)


@click.command()
@click.argument("data", type=DATA)
@click.option(
    "-o", "--output", type=PATH, required=True, help="The bundle's folder; made if it is not there."
)
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
@click.option("--canon", type=PATH, help="CSV of the characters' series, colors and implied tags.")
def classic(data: Path, output: Path, model: str | None, canon: Path | None, **given: Any) -> None:
    """Fit logistic regression or a support vector machine to the faces in DATA; write a bundle."""
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


@click.command()
@click.option("--faces", type=DATA, required=True, help="faces.csv, its folder, or a folder of folders.")
@click.option("--scenes", type=DATA, help="boxes.jsonl with strangers and color labels.")
@click.option("--out", type=PATH, required=True, help="Folder for checkpoint, metrics.csv and curves.png.")
@click.option("--arch", type=click.Choice(tuple(BACKBONES)), help="The network (default: the recipe's).")
@click.option(
    "--pretrained",
    type=click.Choice(["imagenet", "none"]),
    help="Weights to start from: ImageNet's, downloaded by torchvision (default), or none.",
)
@click.option("--weights", type=DATA, help="Start from this state dict instead.")
@click.option("--recipe", default="backbone", show_default=True, help="A recipe's name or TOML file.")
@click.option("--size", type=SIZE, help="Side of the faces in pixels (default: the recipe's).")
@click.option("--minutes", type=click.FloatRange(0.1), help="End the schedule after this time.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads (default: all).")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …, or auto.")
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


@click.command()
@click.argument("data", type=DATA)
@click.option("-o", "--output", type=PATH, required=True, help="The report, an HTML file.")
@click.option("--method", "methods", multiple=True, help="A method to compare; repeatable (default: eight).")
@click.option("--all", "all_", is_flag=True, help="Compare every method, all five backbones too.")
@click.option("--work", type=PATH, help="Folder for what is trained (default: beside the report).")
@click.option("--scenes", type=DATA, help="boxes.jsonl for the networks: strangers and colors.")
@click.option("--size", type=SIZE, default=128, show_default=True, help="Side of the faces in pixels.")
@click.option(
    "--minutes", type=click.FloatRange(0.01), default=10, show_default=True, help="For each network."
)
@click.option("--model", help="Bundle whose embedding is used (default: of the network trained here).")
@click.option("--pretrained", type=click.Choice(["imagenet", "none"]), default="none", show_default=True)
@click.option("--weights", multiple=True, metavar="ARCH=FILE", help="State dict for a backbone; repeatable.")
@click.option("--recipe", "network_recipe", default="recogniser-quick", show_default=True)
@click.option("--backbone-recipe", default="backbone", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--again", is_flag=True, help="Train again what was trained before.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads for training (default: all).")
@click.option("--json", "figures", type=PATH, help="Write the figures to this file too.")
def compare(
    data: Path,
    output: Path,
    methods: tuple[str, ...],
    all_: bool,
    work: Path | None,
    pretrained: str,
    weights: tuple[str, ...],
    threads: int | None,
    figures: Path | None,
    **given: Any,
) -> None:
    """Train several methods on the faces in DATA and write one page that compares them.

    DATA is a faces.csv, its folder or a folder of folders; its split is used where it has one. What was
    trained stays in the work folder, and the same command goes on from there.

    \b
      booru-tagger compare data -o report.html
    """
    need("torch", "torchvision", "sklearn", "skl2onnx", "onnx", "onnxscript", "matplotlib")
    from booru_export.comparison.comparing import ALL, USUAL, Contest, compare_methods, to_json
    from booru_export.comparison.page import page
    from booru_tagger.files.replace import replace_file

    use_threads(threads)
    initial = {arch: "imagenet" for arch in BACKBONES if pretrained == "imagenet"} | _weights(weights)
    contest = Contest(
        faces=data,
        folder=work or output.with_name(f"{output.stem}-models"),
        methods=ALL if all_ else methods or USUAL,
        initial=initial,
        **given,
    )
    outcome = compare_methods(contest, say=say)
    output.parent.mkdir(parents=True, exist_ok=True)
    replace_file(output, page(outcome).encode())
    rows = to_json(outcome)
    if figures:
        replace_file(figures, (json.dumps(rows, indent=1) + "\n").encode())
    for row in rows:
        shown = row["error"] if "error" in row else _figures(row)
        click.echo(f"{row['method']:22} {shown}")
    click.echo(output)
    if all("error" in row for row in rows):
        raise DataError("none of the methods could be trained; the reasons stand above")


def _figures(row: dict[str, Any]) -> str:
    return (
        f"{row['accuracy']:.4f}  per character {row['macro']:.4f}  {row['train_seconds']:>7,.0f} s  "
        f"{row['bytes'] / 1e6:6.1f} MB  {row['pictures_per_second']:6,.0f} pictures/s"
    )


def _weights(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        arch, _, file = pair.partition("=")
        if arch not in BACKBONES or not file:
            raise click.UsageError(f"--weights {pair}: expected ARCH=FILE with one of {', '.join(BACKBONES)}")
        found[arch] = file
    return found

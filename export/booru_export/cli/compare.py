"""``compare``: several methods trained on the same faces, on one page.

scikit-learn and torch are imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from booru_export.cli.options import DATA, PATH, SIZE
from booru_export.cli.preparing import need, say, use_threads
from booru_export.training.architectures import BACKBONES
from booru_tagger.errors import DataError


@click.command()
@click.argument("data", type=DATA)
@click.option("-o", "--output", type=PATH, required=True, help="The report, an HTML file.")
@click.option("--method", "methods", multiple=True, help="A method to compare; repeatable (default: eight).")
@click.option("--all", "all_", is_flag=True, help="Compare every method, all backbones too.")
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

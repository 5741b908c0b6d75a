"""``export``: a checkpoint, or a network that was trained elsewhere, becomes a part of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from booru_export.cli.options import BUNDLE_OUT, CANON, DATA, PATH
from booru_export.cli.preparing import TORCH, need, say
from booru_tagger.errors import DataError

if TYPE_CHECKING:
    from booru_tagger.models.bundle import Bundle

RGB = click.Tuple([float, float, float])


@click.command()
@click.argument("source", metavar="CHECKPOINT|BUNDLE", type=PATH)
@BUNDLE_OUT
@click.option(
    "--calibrate",
    "data",
    type=PATH,
    help="Folder with faces/ and scenes/ (or hard/) to fit scores and 8-bit scales on.",
)
@CANON
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
    help="Side in pixels at which a recogniser looks at faces (default: that of the end of training; "
    "224 with --labels).",
)
@click.option(
    "--beside",
    type=PATH,
    help="Checkpoint of a second recogniser of the same characters: both answer as one.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="With --beside: how much of the answer is the second's.",
)
@click.option(
    "--first-size",
    type=click.IntRange(32, 512),
    help="With --beside: side in pixels at which the first looks at faces, if smaller: the second makes up "
    "for it, and a face takes less time.",
)
@click.option(
    "--complete",
    is_flag=True,
    help="Name exactly the characters of --canon: add those left out of training, by their faces in "
    "--calibrate, and take out all others. The last step.",
)
@click.option(
    "--labels",
    type=DATA,
    help="The network was trained elsewhere and gives a score for each of these: a text file with one a "
    "line, a CSV with a column tag or label, or a JSON list.",
)
@click.option("--arch", help="With --labels: the network of torchvision whose weights the file holds.")
@click.option(
    "--scores",
    type=click.Choice(["logits", "probabilities", "sigmoid"]),
    help="With --labels: what the outputs are (default: logits, for a softmax).",
)
@click.option("--mean", type=RGB, help="With --labels: of the pixels, 0 to 1 (default: ImageNet's).")
@click.option("--std", type=RGB, help="With --labels: their standard deviation (default: ImageNet's).")
@click.option(
    "--expand",
    type=click.FloatRange(0.5, 4),
    help="With --labels: side of the faces it was trained on, in longer sides of the head (default: 1).",
)
@click.option("--picture", type=DATA, help="With --labels: a face to compare both on (default: noise).")
def export(
    source: Path,
    output: Path,
    data: Path | None,
    canon: Path | None,
    int8: str | None,
    max_loss: float,
    size: int | None,
    beside: Path | None,
    share: float,
    first_size: int | None,
    complete: bool,
    labels: Path | None,
    **elsewhere: Any,
) -> None:
    """Export a checkpoint as a part of a bundle, and compare both on a picture.

    A bundle's folder may be given instead, and put into --output, which may be the same: with --int8 its
    parts are quantised, with --calibrate alone the scores of its heads are calibrated. With --labels,
    CHECKPOINT is a recogniser that was trained elsewhere: weights of a network of torchvision, or a program
    that torch.export saved.

    \b
      booru-tagger export runs/recogniser/last.ckpt -o runs/bundle --calibrate data
      booru-tagger export weights.pth --arch resnet18 --labels names.txt -o theirs
    """
    given = {name: value for name, value in elsewhere.items() if value is not None}
    need(*TORCH)
    if beside and (source.is_dir() or labels is not None):
        raise DataError("--beside goes with the checkpoint of the first recogniser")
    if first_size and not beside:
        raise DataError("--first-size is of the first of two recognisers: name the second with --beside")
    _refuse_what_does_not_fit(source, data, int8, complete, labels, given)
    if labels is not None:
        _from_elsewhere(source, output, labels, canon, {**given, **({"size": size} if size else {})})
        return
    if not source.is_dir():
        from booru_export.bundles.exporting import export_checkpoint, kind_of

        exported = export_checkpoint(
            *(source, output),
            data=data,
            canon=canon,
            size=size,
            beside=beside,
            share=share,
            first_size=first_size,
        )
        _tell(output, *exported)
        if kind_of(source) == "roll":
            return  # no other part is calibrated
        source = output
    if int8 and data is not None:
        _to_int8(source, output, int8, data, max_loss)
        source = output
    if data is not None:
        _calibrate_scores(source, output, data)
    if complete and data is not None:
        from booru_export.bundles.identity import complete as complete_bundle
        from booru_export.data.canon import read_canon

        bundle = complete_bundle(output, data, read_canon(canon))
        click.echo(f"{output}: knows {len(bundle.labels)} characters")


def _refuse_what_does_not_fit(
    source: Path,
    data: Path | None,
    int8: str | None,
    complete: bool,
    labels: Path | None,
    elsewhere: Mapping[str, Any],
) -> None:
    if labels is not None and (int8 or complete or data is not None):
        raise DataError("a network from elsewhere (--labels) takes no --calibrate, --int8 or --complete")
    if labels is None and elsewhere:
        raise DataError(f"--{next(iter(elsewhere))} is for networks from elsewhere: name their --labels")
    if complete and data is None:
        raise DataError("--complete needs the faces of the characters to add: --calibrate FOLDER")
    if int8 and data is None:
        raise DataError("--int8 needs pictures to take scales from and to judge on: --calibrate FOLDER")
    if source.is_dir() and data is None:
        raise DataError(f"{source}: already a bundle; to do more with it, give pictures: --calibrate FOLDER")


def _from_elsewhere(
    source: Path, output: Path, labels: Path, canon: Path | None, given: dict[str, Any]
) -> None:
    need("torchvision")
    from booru_export.bundles.torch_import import describe, export_foreign
    from booru_export.data.canon import read_canon

    picture = given.pop("picture", None)
    foreign = describe(source, labels, **given)
    _tell(output, *export_foreign(foreign, output, read_canon(canon), picture))


def _tell(output: Path, bundle: Bundle, difference: float) -> None:
    total = sum(record.bytes for record in bundle.files.values())
    click.echo(f"{output}: {total / 1e6:.1f} MB, largest difference from torch {difference:.5f}")


def _calibrate_scores(source: Path, output: Path, data: Path) -> None:
    from booru_export.bundle_folder import copy_bundle
    from booru_export.bundles.head_scores import calibrate_scores

    if copy_bundle(source, output).detector is None:
        return
    scores = calibrate_scores(output, data)
    if scores is None:
        say(f"{data}: too few heads, or boxes that are none, to calibrate the detector's scores")
        return
    click.echo(
        f"detector: scores fitted on {scores.boxes} boxes and {scores.heads} heads: "
        f"slope {scores.curve.slope}, level {scores.curve.level}; "
        f"threshold {scores.threshold:.4g}, best there {scores.best_threshold:.4g}"
    )


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

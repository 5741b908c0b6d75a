"""`booru-tagger crops`: faces cut out for a data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.options import Loaded, refuse_null_alone, refuse_without_journal, with_settings
from booru_tagger.cli.printing import REHEARSED, printable, tell
from booru_tagger.cli.progress import looking
from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, counted
from booru_tagger.importing import import_small_numpy

if TYPE_CHECKING:
    from booru_tagger.app.cropping import CropReport

_MOST_FAILURES = 20


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the cut-outs go.",
)
@click.option(
    "--size",
    type=click.IntRange(16, 8192),
    default=512,
    show_default=True,
    help="Longer side of a cut-out, in pixels.",
)
@click.option(
    "--cut",
    type=click.Choice(["square", "head", "upper-body"]),
    default="square",
    show_default=True,
    help="A square around the head, the head's box alone, or head and chest.",
)
@click.option(
    "--expand",
    type=click.FloatRange(0.2, 10),
    help="How much is shown, in sides of the head's box.  [default: 1.5 for square, else 1]",
)
@click.option("--image-format", type=click.Choice(["png", "webp", "jpeg"]), default="png", show_default=True)
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of WebP and JPEG files."
)
@click.option("--flat", is_flag=True, help="All in one folder, not in folders by character.")
@click.option(
    "--min-size",
    type=click.IntRange(0),
    default=64,
    show_default=True,
    help="Leave out heads whose longer side has fewer pixels.",
)
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, help="Leave out less sure faces.")
@click.option("--named-only", is_flag=True, help="Leave out faces without a name.")
@click.option(
    "--max-per-character", type=click.IntRange(1), metavar="N", help="The N surest faces of each, at most."
)
@click.option("--duplicates", is_flag=True, help="Take near-duplicates, too.")
@click.option("--upright", is_flag=True, help="Turn faces upright, where it is sure how they are turned.")
@click.option("--null", "-0", is_flag=True, help="Paths on standard input end with a null byte.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would be cut out of whom.")
@with_settings(
    "model", "face_model", "recursive", "follow_links", "ignore", "journal", "jobs", "max_pixels", "max_bytes"
)
def crops(
    paths: tuple[str, ...],
    into: Path,
    size: int,
    cut: str,
    expand: float | None,
    image_format: str,
    quality: int,
    flat: bool,
    min_size: int,
    min_score: float,
    named_only: bool,
    max_per_character: int | None,
    duplicates: bool,
    upright: bool,
    null: bool,
    dry_run: bool,
    loaded: Loaded,
) -> int:
    """Cut the faces out of tagged pictures, as training sets for LoRA and GAN want them.

    PATH is a picture, a folder, or - for a list on standard input. Near-duplicates are left out. Two lists go
    with the cut-outs: metadata.jsonl says who and what each is, left_out.jsonl which faces were left out and
    why. The same command goes on after an interruption, and adds what has come since.

    \b
      booru-tagger crops ~/fanart --into ~/faces --named-only --max-per-character 100
      booru-tagger find hatsune_miku --null | booru-tagger crops - --null --into ~/miku --flat
    """
    refuse_null_alone(paths, null)
    refuse_without_journal(loaded.settings.recording)
    import_small_numpy()
    from booru_tagger.app.cropping import CropRequest, make_crops
    from booru_tagger.library.cropping import EXPANDS, Shape

    shape = Shape(size, cut, EXPANDS[cut] if expand is None else expand, image_format, quality)  # type: ignore[arg-type, index]
    request = CropRequest(
        paths,
        into,
        shape,
        flat,
        min_size,
        min_score,
        named_only,
        max_per_character,
        duplicates,
        null,
        dry_run,
        upright,
    )
    with looking(None, "cutting out faces") as step:
        report = make_crops(request, loaded.settings, step=step, tell=tell)
    if dry_run:
        _print_characters(report)
    _summarise(report, into, REHEARSED if dry_run else "", upright=upright)
    if report.signal is not None:
        return 128 + report.signal
    if not report.kept:
        return EXIT_NOTHING_DONE
    return EXIT_SOME_FAILED if report.failures else 0


def _print_characters(report: CropReport) -> None:
    """A line for each: how many faces would be cut out of whose, and how many left out, and why."""
    from booru_tagger.library.folders import UNKNOWN

    reasons: dict[str | None, Counter[str]] = {}
    for (label, reason), count in report.left_out.items():
        reasons.setdefault(label, Counter())[reason] += count
    for label in sorted({*report.made, *reasons}, key=lambda label: (-report.made[label], label or "")):
        left_out = f"; left out: {_listed(reasons[label])}" if label in reasons else ""
        click.echo(printable(f"{label or UNKNOWN}: {counted(report.made[label], 'face')}{left_out}"))


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())


def _summarise(report: CropReport, into: Path, rehearsed: str, *, upright: bool) -> None:
    for failure in report.failures[:_MOST_FAILURES]:
        click.echo(printable(failure.message), err=True)
    if len(report.failures) > _MOST_FAILURES:
        click.echo(f"and {len(report.failures) - _MOST_FAILURES:,} failures more", err=True)
    whose, holds = counted(report.characters, "character"), "would hold" if rehearsed else "holds"
    made = counted(report.made.total(), "face")
    tell(f"{made} cut out; {into} {holds} {report.kept:,}, of {whose}{rehearsed}")
    if upright:
        left = f"of {counted(report.unsure, 'other')} it is not sure how they are turned"
        tell(f"{counted(report.turned, 'face')} turned upright; {left}")
    reasons: Counter[str] = Counter()
    for (_, reason), count in report.left_out.items():
        reasons[reason] += count
    if reasons:
        tell(f"left out: {_listed(reasons)}")
    if report.signal is not None:
        tell("interrupted; run the same command again to do the rest")

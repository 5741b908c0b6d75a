"""One command for all measurements: prints tables and writes JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import pipeline, rivals, scaling, stages, startup
from benchmarks.experiment import experiment
from benchmarks.report import FigureTable, Workload, machine

MEASUREMENTS: dict[str, Callable[[Workload, str, Path, FigureTable], None]] = {
    "stages": stages.measure,
    "pipeline": pipeline.measure,
    "startup": startup.measure,
    "rivals": rivals.measure,
    "scaling": scaling.measure,
}

QUICK = Workload(pictures=96, repeats=2, counts=(100, 1_000, 4_000), rival_pictures=24)
FULL = Workload(pictures=300, repeats=3, counts=(100, 1_000, 100_000), rival_pictures=60)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="About three minutes instead of ten; figures are rougher.")
@click.option("--only", type=click.Choice(list(MEASUREMENTS)), multiple=True, help="May be repeated.")
@click.option("--model", default="default", show_default=True, help="The bundle to measure.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks.json"), show_default=True)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for pictures, kept for the next time.",
)
@click.option(
    "--rivals-python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Python of an environment with the other taggers; made by pip in --work where not given.",
)
@click.pass_context
def main(
    context: click.Context,
    quick: bool,
    only: tuple[str, ...],
    model: str,
    output: Path,
    work: Path | None,
    rivals_python: Path | None,
) -> None:
    """Measure this program on this machine. Leave the machine alone meanwhile: it measures that, too."""
    if context.invoked_subcommand:
        return
    report = FigureTable(machine(model))
    sizes = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="booru-tagger-benchmarks-") as temporary:
        folder = work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if rivals_python:
            sizes = sizes.with_python(rivals_python)
        for name in only or MEASUREMENTS:
            click.echo(f"\n== {name} ==")
            MEASUREMENTS[name](sizes, model, folder, report)
            report.save(output)
    click.echo(f"\n{output}")


main.add_command(experiment)

if __name__ == "__main__":
    main()

"""One command for all measurements: prints tables and writes JSON."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path

import click

from benchmarks.experiment import experiment
from benchmarks.report import FigureTable, Workload, machine

MEASUREMENTS = {
    "stages": "benchmarks.stages",
    "pipeline": "benchmarks.pipeline",
    "startup": "benchmarks.startup",
    "rivals": "benchmarks.rivals",
    "face-tools": "benchmarks.face_tools",
    "characters": "benchmarks.characters",
    "scaling": "benchmarks.scaling",
    "serving": "benchmarks.experiments.serving",
    "review": "benchmarks.experiments.review_page",
    "library": "benchmarks.library",
}
"""Modules with a function ``measure``, which is given the workload, the model, a folder and the table."""

QUICK = Workload(pictures=96, repeats=2, counts=(100, 1_000, 4_000), rival_pictures=24, faces=1_000)
FULL = Workload(pictures=300, repeats=3, counts=(100, 1_000, 100_000), rival_pictures=60, faces=11_000)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="About ten minutes instead of half an hour; figures are rougher.")
@click.option("--only", type=click.Choice(list(MEASUREMENTS)), multiple=True, help="May be repeated.")
@click.option("--model", default="default", show_default=True, help="The bundle to measure.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks.json"), show_default=True)
@click.option("--markdown", type=click.Path(path_type=Path), help="A file for the same as Markdown tables.")
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
@click.option(
    "--library",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="Pictures of yours, each of which is measured, for `experiment scale`.",
)
@click.pass_context
def main(
    context: click.Context,
    quick: bool,
    only: tuple[str, ...],
    model: str,
    output: Path,
    markdown: Path | None,
    work: Path | None,
    rivals_python: Path | None,
    library: Path | None,
) -> None:
    """Measure this program on this machine. Leave the machine alone meanwhile: it measures that, too.

    What --output has of the same machine, model and day stays in it, but for what is measured again.
    """
    if context.invoked_subcommand:
        return
    names = only or tuple(name for name in MEASUREMENTS if library or name != "library")
    report = FigureTable.resumed(output, machine(model), names)
    sizes = dataclasses.replace(QUICK if quick else FULL, rivals_python=rivals_python, library=library)
    failed = []
    with tempfile.TemporaryDirectory(prefix="booru-tagger-benchmarks-") as temporary:
        folder = work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for report.section in names:
            click.echo(f"\n== {report.section} ==")
            try:
                import_module(MEASUREMENTS[report.section]).measure(sizes, model, folder, report)
            except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
                failed.append(report.section)
                click.echo(f"{report.section} is left out: {error}", err=True)
            report.save(output)
            if markdown:
                markdown.write_text(report.markdown(), "utf-8")
    click.echo(f"\n{output}")
    if failed:
        raise click.ClickException(f"not measured: {', '.join(failed)}")


main.add_command(experiment)

if __name__ == "__main__":
    main()

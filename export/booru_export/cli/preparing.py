"""What the commands of the training side see to before they begin."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from booru_tagger.errors import DataError, MissingExtraError

TORCH = ("torch", "onnx", "onnxscript", "matplotlib")
"""What networks are trained and exported with."""


def need(*packages: str) -> None:
    """Raise :class:`MissingExtraError` where a package of the training side is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(
                f"this needs {package}; install what training needs with: pip install 'booru-tagger[export]'"
            )


def say(line: str) -> None:
    """Tell a person how far it is; results alone go to standard output."""
    click.echo(line, err=True)


def use_threads(threads: int | None) -> None:
    """Have torch compute with so many threads; without a number, with as many as it likes."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def refuse_second_run(out: Path, resume: bool) -> None:
    """Raise :class:`DataError` where a new run would overwrite the one in ``out``."""
    from booru_export.training.checkpoint import CHECKPOINT

    if not resume and (out / CHECKPOINT).exists():
        raise DataError(f"{out} holds a run already: go on with --resume, or choose another --out")

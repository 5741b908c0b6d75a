"""`booru-tagger models`: which models there are, and how they get here."""

from __future__ import annotations

import click


@click.group()
def models() -> None:
    """List models, pull them from a hub, check and remove them.

    MODEL is `default`, a name that `models list` shows, a hub id (hf:owner/name@revision), a folder or a zip
    file. Nothing is ever downloaded but by `models pull`. See docs/models.md.
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_(as_json: bool) -> None:
    """List the models that have a name, and those in the cache folder."""
    from booru_tagger.cli.modelling import list_models

    list_models(as_json=as_json)


@models.command()
@click.argument("model")
def show(model: str) -> None:
    """Show what MODEL is: its kind, source and licence, its labels, thresholds and how it wants a picture."""
    from booru_tagger.cli.modelling import show_model

    show_model(model)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def pull(names: tuple[str, ...]) -> None:
    """Get MODEL from its hub into the cache folder, or bring it up to date.

    Each file is compared with the hash that the hub states. What is interrupted goes on where it stopped
    when the same command is run again.

    \b
      booru-tagger models pull wd-vit-tagger-v3
      booru-tagger models pull hf:SmilingWolf/wd-vit-tagger-v3@v2.0
    """
    from booru_tagger.cli.modelling import pull_models

    pull_models(names)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def verify(names: tuple[str, ...]) -> None:
    """Compare every file of MODEL with its hash, and see whether its networks load."""
    from booru_tagger.cli.modelling import verify_models

    verify_models(names)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def remove(names: tuple[str, ...]) -> None:
    """Delete MODEL from the cache folder. A folder or a zip file of your own is left alone."""
    from booru_tagger.cli.modelling import remove_models

    remove_models(names)


@models.command()
@click.argument("model", required=False)
def path(model: str | None) -> None:
    """Print the folder that MODEL is in, or the cache folder."""
    from booru_tagger.cli.modelling import print_path

    print_path(model)

"""`booru-tagger characters`: enrol characters that the model does not know, and share them."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.options import Loaded, with_settings

_path = click.Path(path_type=Path)


@click.group()
def characters() -> None:
    """Enrol characters that the model does not know; they take part in all tagging from then on.

    They are kept in a gallery: your own, or the file that --gallery names. See docs/characters.md.
    """


@characters.command()
@click.argument("name")
@click.argument("pictures", nargs=-1, required=True, type=_path, metavar="PICTURE...")
@click.option("--series", default="", metavar="TAG", help="The series (copyright) that it is from.")
@click.option(
    "--hair",
    multiple=True,
    metavar="COLOUR",
    help="Its hair colour, or none.  [default: measured] May be repeated.",
)
@click.option(
    "--eyes",
    multiple=True,
    metavar="COLOUR",
    help="Its eye colour, or none.  [default: measured] May be repeated.",
)
@click.option(
    "--imply", multiple=True, metavar="TAG", help="A tag that follows from its name. May be repeated."
)
@click.option("--replace", is_flag=True, help="Put it in place of the enrolled character of this name.")
@click.option("--keep-outliers", is_flag=True, help="Keep faces that are unlike the others.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be enrolled.")
@with_settings("gallery", "model", "threshold", "crops", "provider", "max_pixels", "max_bytes")
def add(
    name: str,
    pictures: tuple[Path, ...],
    series: str,
    hair: tuple[str, ...],
    eyes: tuple[str, ...],
    imply: tuple[str, ...],
    replace: bool,
    keep_outliers: bool,
    dry_run: bool,
    loaded: Loaded,
) -> int:
    """Enrol the character NAME from 5 to 20 pictures of it; a folder stands for the pictures in it.

    Give whole pictures, in which the character may be with others: it is whoever is in most of them. With
    --crops each picture is the character's face.

    \b
      booru-tagger characters add "my_oc_(original)" ~/art/my_oc --series original --imply sword
    """
    from booru_tagger.cli.enrolling import Request, add_character  # numpy, Pillow and onnxruntime

    request = Request(name, pictures, series, hair, eyes, imply, replace, keep_outliers, dry_run)
    return add_character(request, loaded.settings)


@characters.command("list")
@with_settings("gallery")
def list_(loaded: Loaded) -> None:
    """List the enrolled characters: name, faces, least similarity, what the name implies."""
    from booru_tagger.cli.enrolling import list_characters

    list_characters(loaded.settings)


@characters.command()
@click.argument("name")
@with_settings("gallery")
def show(name: str, loaded: Loaded) -> None:
    """Show what is known of the enrolled character NAME, and how alike its faces are."""
    from booru_tagger.cli.enrolling import show_character

    show_character(name, loaded.settings)


@characters.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@with_settings("gallery")
def remove(names: tuple[str, ...], loaded: Loaded) -> None:
    """Forget the enrolled characters NAME.

    The gallery as it was is kept beside it, with .bak added to its name.
    """
    from booru_tagger.cli.enrolling import remove_characters

    remove_characters(names, loaded.settings)


@characters.command()
@click.argument("pack", type=_path)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--replace", is_flag=True, help="Write over an older pack of this name.")
@with_settings("gallery")
def export(pack: Path, names: tuple[str, ...], replace: bool, loaded: Loaded) -> None:
    """Write the characters NAME, or all, into PACK: one file to share, without pictures or their names."""
    from booru_tagger.cli.enrolling import export_pack

    export_pack(pack, names, loaded.settings, replaces=replace)


@characters.command("import")
@click.argument("pack", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Take OLD in as NEW. May be repeated.")
@click.option("--replace", is_flag=True, help="Put its characters in place of yours of the same names.")
@click.option("--dry-run", is_flag=True, help="Write nothing; check the pack and say what is in it.")
@with_settings("gallery")
def import_(pack: Path, rename: tuple[str, ...], replace: bool, dry_run: bool, loaded: Loaded) -> None:
    """Take the characters of PACK into the gallery."""
    from booru_tagger.cli.enrolling import import_pack

    import_pack(pack, rename, loaded.settings, replaces=replace, dry_run=dry_run)

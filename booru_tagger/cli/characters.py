"""`booru-tagger characters`: enrol characters that the model does not know, and share them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import FullGroup, complete_known, more_at
from booru_tagger.cli.learn import learn
from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.cli.progress import looking
from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, counted

if TYPE_CHECKING:
    from booru_tagger.enrol import Enrolment
    from booru_tagger.models.gallery import Enrolled, Gallery

_path = click.Path(path_type=Path)
_SEARCHES = {"hydrus": "TAG", "szurubooru": "QUERY"}
"""What `learn` wants to be told of a booru."""


@click.group(cls=FullGroup, epilog=more_at("characters"))
def characters() -> None:
    """List whom the model knows, and enrol others; they take part in all tagging from then on.

    They are kept in a gallery: your own, or the file that --gallery names.
    """


@characters.command()
@click.argument("name")
@click.argument("pictures", nargs=-1, required=True, type=_path, metavar="PICTURE...")
@click.option("--series", default="", metavar="TAG", help="The series (copyright) that it is from.")
@click.option(
    "--hair",
    multiple=True,
    metavar="COLOR",
    help="Its hair color, or none.  [default: measured] May be repeated.",
)
@click.option(
    "--eyes",
    multiple=True,
    metavar="COLOR",
    help="Its eye color, or none.  [default: measured] May be repeated.",
)
@click.option(
    "--imply", multiple=True, metavar="TAG", help="A tag that follows from its name. May be repeated."
)
@click.option("--replace", is_flag=True, help="Put it in place of the enrolled character of this name.")
@click.option("--keep-outliers", is_flag=True, help="Keep faces that are unlike the others.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be enrolled.")
@with_settings("gallery", "model", "threshold", "crops", "provider", "ignore", "max_pixels", "max_bytes")
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

    Give whole pictures: of all who are in them, the one who is in most is enrolled. With --crops, each
    picture is the character's face.

    \b
      booru-tagger characters add "my_oc_(original)" ~/art/my_oc --series original --imply sword
    """
    from booru_tagger.app import characters as app  # numpy, Pillow and onnxruntime

    settings = loaded.settings
    details = app.details_of(series, _words(hair), _words(eyes), _words(imply))
    found, failures = app.pictures_in(pictures, settings.reading.ignore)
    request = app.AddRequest(name, found, details, replace, keep_outliers, dry_run)
    with looking(len(found), "looking at the pictures") as step:
        draft = app.look_at_character(request, settings, step)
    for warning in draft.enrolment.warnings:
        tell(f"warning: {warning}")
    enrolment = _colors_said(draft.enrolment)
    gallery = app.add_character(app.CharacterDraft(enrolment, draft.empty), request, settings)
    _tell_enrolment(enrolment, len(found))
    _tell_enrolled(1, gallery, None if dry_run else app.gallery_file(settings.tagging))
    failures += [str(error) for error in enrolment.failures]
    for failure in failures:
        click.echo(printable(failure), err=True)
    return EXIT_SOME_FAILED if failures else 0


@characters.command("list")
@click.argument("word", default="", metavar="[WORD]")
@click.option("--known", is_flag=True, help="List all whom a face can be named as: the model's, too.")
@click.option("--series", default="", metavar="TAG", help="Only those of this series, or part of its name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_settings("gallery", "model", "implications")
def list_(word: str, known: bool, series: str, as_json: bool, loaded: Loaded) -> int:
    """List the enrolled characters, or with --known all that can be named, with what each implies.

    WORD is part of a name.

    \b
      booru-tagger characters list --known --series touhou
      booru-tagger characters list --known miku
    """
    from booru_tagger.app import known_characters as app
    from booru_tagger.cli import known_tables

    tagging = loaded.settings.tagging
    everybody = app.known_characters(tagging, enrolled_only=not known)
    listed = app.matching(everybody, word, series)
    if as_json:
        known_tables.print_json(listed)
    elif listed:
        known_tables.print_table(listed)
    if not listed:
        tell(known_tables.nobody(word or series, everybody, known))
    elif not as_json:
        click.echo(known_tables.summary(listed, known), err=True)
    return 0 if listed or not everybody else EXIT_NOTHING_DONE


@characters.command()
@click.argument("name", shell_complete=complete_known)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@with_settings("gallery", "model", "implications")
def show(name: str, as_json: bool, loaded: Loaded) -> None:
    """Show what is known of the character NAME: its series, what it implies, what that rests on.

    Of an enrolled one also how alike its faces are, of the model's how it did in the model's test.

    \b
      booru-tagger characters show hatsune_miku
      booru-tagger characters show "my_oc_(original)"
    """
    from booru_tagger.app import known_characters as app
    from booru_tagger.cli import known_tables

    tagging = loaded.settings.tagging
    enrolled = None if as_json else app.find_enrolled(name, tagging)
    if enrolled is not None:
        known_tables.print_enrolled(*enrolled)
        return
    known = app.find_known(name, tagging)
    if as_json:
        known_tables.print_json([known])
    else:
        known_tables.print_known(known)


@characters.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@with_settings("gallery")
def remove(names: tuple[str, ...], loaded: Loaded) -> None:
    """Remove the enrolled characters NAME from the gallery.

    The gallery as it was is kept beside it, with .bak added to its name.

    \b
      booru-tagger characters remove "my_oc_(original)"
    """
    from booru_tagger.app.characters import gallery_file, remove_characters

    path = gallery_file(loaded.settings.tagging)
    left = remove_characters(names, path)
    tell(f"{counted(len(left), 'character')} left in {path}")


characters.add_command(learn)


@characters.command()
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would become of the gallery.")
@with_settings("gallery", "model", "threshold", "crops", "provider", "jobs", "max_pixels", "max_bytes")
def refresh(dry_run: bool, loaded: Loaded) -> int:
    """Enrol the characters of the gallery anew with the model in use, from the same pictures.

    To be run after a change of model. Pictures that cannot be found are named, as are characters with faces
    from a booru, which have to be learned from there again. The old gallery stays beside the new one, under
    the name of its model.

    \b
      booru-tagger characters refresh --dry-run
    """
    from booru_tagger.app.characters import gallery_file
    from booru_tagger.app.refreshing import refresh_gallery

    renewal = refresh_gallery(
        loaded.settings, dry_run=dry_run, begin=lambda total: looking(total, "looking at the pictures")
    )
    path = gallery_file(loaded.settings.tagging)
    if renewal is None:
        tell(f"{path}: its characters are enrolled with this model already")
        return 0
    told = renewal.refreshed
    for picture in told.lost:
        click.echo(printable(f"{picture}: cannot be found or read, so its faces are left out"), err=True)
    for tag, picture in told.unclear:
        click.echo(printable(f"{picture}: which face is {tag} is not clear, so it is left out"), err=True)
    _tell_fetched(told.fetched)
    for tag in told.dropped:
        tell(f"{tag}: none of its faces was found again, so it is enrolled no more")
    _tell_enrolled(len(told.gallery), told.gallery, None if dry_run else path)
    if not dry_run:
        tell(f"the gallery as it was is kept in {renewal.kept}")
    return EXIT_SOME_FAILED if told.lost or told.unclear or told.fetched or told.dropped else 0


def _tell_fetched(fetched: Mapping[tuple[str, str], int]) -> None:
    """Say whose faces came from boorus, and how to get them back."""
    for (tag, booru), count in fetched.items():
        tell(
            f"{tag}: {counted(count, 'picture')} came from {booru}, where this command does not look, "
            "so the faces are left out"
        )
    for booru in dict.fromkeys(booru for _, booru in fetched):
        again = f"booru-tagger characters learn --{booru} {_SEARCHES[booru]}"
        tell(f"to have faces from {booru} again, learn them from there: {again}")


@characters.command()
@click.argument("pack", type=_path)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--replace", is_flag=True, help="Write over an older pack of this name.")
@with_settings("gallery")
def export(pack: Path, names: tuple[str, ...], replace: bool, loaded: Loaded) -> None:
    """Write the characters NAME, or all, into PACK: one file to share, without pictures or their names.

    \b
      booru-tagger characters export my_ocs.json
    """
    from booru_tagger.app.characters import export_pack, gallery_file

    written = export_pack(pack, names, gallery_file(loaded.settings.tagging), replaces=replace)
    tell(f"{counted(written, 'character')} written to {pack}")


@characters.command("import")
@click.argument("pack", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Take OLD in as NEW. May be repeated.")
@click.option("--replace", is_flag=True, help="Put its characters in place of yours of the same names.")
@click.option("--dry-run", is_flag=True, help="Write nothing; check the pack and say what is in it.")
@with_settings("gallery")
def import_(pack: Path, rename: tuple[str, ...], replace: bool, dry_run: bool, loaded: Loaded) -> None:
    """Take the characters of PACK into the gallery.

    \b
      booru-tagger characters import their_ocs.json
      booru-tagger characters import their_ocs.json --rename "rei=rei_(theirs)"
    """
    from booru_tagger.app.characters import gallery_file, import_pack

    path = gallery_file(loaded.settings.tagging)
    shared, gallery = import_pack(pack, _renames(rename), path, replaces=replace, dry_run=dry_run)
    for enrolled in shared:
        faces = counted(len(enrolled.faces), "face")
        click.echo(f"{enrolled.label.tag}  {faces}  {_implied(enrolled)}".rstrip())
    _tell_enrolled(len(shared), gallery, None if dry_run else path)


def _words(given: Sequence[str]) -> list[str]:
    """What a repeated flag holds, each time one word or several with commas between."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def _renames(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in _words(given)]
    if any(not equals or not old or not new for old, equals, new in pairs):
        raise click.UsageError("--rename: must have the form OLD=NEW")
    return {old: new for old, _, new in pairs}


def _implied(enrolled: Enrolled) -> str:
    label = enrolled.label
    return ", ".join([*([label.series] if label.series else []), *label.implied])


def _colors_said(enrolment: Enrolment) -> Enrolment:
    """With the colors that a person at the terminal chooses where the faces disagree; else with none."""
    from booru_tagger.app.characters import NO_COLOR

    for doubt in enrolment.doubts:
        if sys.stdin.isatty() and sys.stderr.isatty():
            tags = [tag for tag, _ in doubt.counts]
            answer = click.prompt(
                f"{doubt}; its name implies", type=click.Choice([*tags, NO_COLOR]), default=NO_COLOR, err=True
            )
            enrolment = enrolment if answer == NO_COLOR else enrolment.with_colors([answer])
        else:
            tell(f"warning: {doubt}, so its name implies none; say it with --{doubt.part}")
    return enrolment


def _tell_enrolment(enrolment: Enrolment, pictures: int) -> None:
    enrolled = enrolment.enrolled
    tag = enrolled.label.tag
    click.echo(f"{tag}: {counted(len(enrolled.faces), 'face')} from {counted(pictures, 'picture')}")
    click.echo(f"implies: {_implied(enrolled) or 'nothing'}")


def _tell_enrolled(added: int, gallery: Gallery, path: Path | None) -> None:
    all_of_them = f"{counted(len(gallery), 'character')} in the gallery"
    place = "nothing written (dry run)" if path is None else f"written to {path}"
    tell(f"{counted(added, 'character')} enrolled, {all_of_them}; {place}")

"""The command line. Importing it, and `booru-tagger --help`, loads click and nothing else that is heavy."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from booru_tagger.cli.help import log_to_stderr, more_at, verbosity
from booru_tagger.cli.lazy import LazyGroup, PipeClosedError
from booru_tagger.errors import BooruTaggerError

EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: the reader of our output closed it."""
EXIT_INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    # A command: its name, where it is, a line of help. It stands in the section that names it below, or under
    # "More"; a section that only names commands which are not there is left out.
    commands={
        "tag": ("booru_tagger.cli.tag:tag", "Find the faces in pictures and write who they are."),
        "watch": ("booru_tagger.cli.watch:watch", "Tag what is in folders, and then whatever comes."),
        "models": ("booru_tagger.cli.models:models", "List, download and check models."),
        "characters": (
            "booru_tagger.cli.characters:characters",
            "List whom it knows; enrol characters of your own.",
        ),
        "show": ("booru_tagger.cli.show:show", "Show every tag of a picture and where it comes from."),
        "find": ("booru_tagger.cli.find:find", "Find pictures by who is in them, by tags, or by a face."),
        "crops": ("booru_tagger.cli.crops:crops", "Cut faces out, for training sets."),
        "sort": ("booru_tagger.cli.sort:sort", "Sort pictures into folders by who is in them."),
        "review": ("booru_tagger.cli.review:review", "Say who the uncertain faces are, on a local web page."),
        "report": ("booru_tagger.cli.report:report", "Write a page about who was found in a folder."),
        "serve": ("booru_tagger.cli.serve:serve", "Answer programs that ask for the tags of pictures."),
        "push": ("booru_tagger.cli.push:push", "Tag what is in hydrus or on a szurubooru site."),
        "untag": ("booru_tagger.cli.untag:untag", "Take out again exactly the tags that were written."),
        "journal": ("booru_tagger.cli.journal:journal", "Merge journals, and read data sets into one."),
        "config": ("booru_tagger.cli.config:config", "Show, create or check the configuration."),
        "doctor": ("booru_tagger.cli.doctor:doctor", "See whether all works here, for you or a report."),
    },
    sections={
        "Pictures": ("tag", "watch", "show", "find", "sort", "crops", "untag"),
        "People": ("characters", "review", "report"),
        "Other programs": ("push", "serve"),
        "This program": ("models", "config", "journal", "doctor"),
        "Training (the extra export)": ("dataset", "train", "export", "evaluate", "compare"),
    },
    plugin_group="booru_tagger.commands",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=more_at("index", "exit-codes", "completion"),
)
@click.version_option(None, "-V", "--version", package_name="booru-tagger")
@click.option("--debug", is_flag=True, help="Show where errors come from.")
@verbosity
def cli(debug: bool) -> None:
    """Finds every face in anime art, says who it is, and writes booru tags where your other tools read them.

    \b
      booru-tagger tag --batch ~/fanart       # tag all pictures of a folder
      booru-tagger characters list --known    # whom it can name
      booru-tagger review ~/fanart            # say who the others are
      booru-tagger tag --help                 # all about one command
    """
    if debug:
        log_to_stderr("DEBUG")


def program() -> NoReturn:
    """The whole program: what the command `booru-tagger` calls, and comes to no end but this one."""
    codes: list[int] = []
    atexit.register(_end, codes, alone=not atexit._ncallbacks())
    codes.append(main())
    sys.exit(codes[0])


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. This is the one place where errors become messages.

    Without ``args`` these are the program's own, and it is about to end afterwards.
    """
    _accept_any_name()
    if args is None:  # this is the whole program: at its end, there is no use in searching for what to free
        atexit.register(gc.freeze)
    if "_BOORU_TAGGER_COMPLETE" in os.environ:
        import booru_tagger.cli.completion  # noqa: F401 (teaches click PowerShell)
    try:
        words = tuple(sys.argv[1:] if args is None else args)  # which commands may want to suggest again
        code = cli.main(words, prog_name="booru-tagger", standalone_mode=False, obj=words)
        sys.stdout.flush()
    except BooruTaggerError as error:
        _log_origin()
        click.echo(f"booru-tagger: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    except (PipeClosedError, BrokenPipeError):
        _close_quietly()
        return EXIT_BROKEN_PIPE
    return code if isinstance(code, int) else 0


def _end(codes: list[int], *, alone: bool) -> None:
    """The end of the program, after all that others wanted done at it, and after all threads but daemons.

    Taking apart what is in memory takes a twentieth of the time to the first tags, and the system frees it
    all at once. That is left to the interpreter where something went wrong that is no error of ours, or where
    something that was there before the program, such as a profiler, has yet to save what it knows.
    """
    if not codes or not alone:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or there is none
        return
    os._exit(codes[0])


def _log_origin() -> None:
    """Where the error in hand comes from, for --debug."""
    import logging  # a tenth of the time that --help takes

    logging.getLogger("booru_tagger").debug("the error came from here", exc_info=True)


def _accept_any_name() -> None:
    """File names need not be text: print what cannot be encoded as escapes rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _close_quietly() -> None:
    """Keep the interpreter from complaining, when it flushes at its end, that nobody listens any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

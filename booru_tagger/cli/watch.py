"""`booru-tagger watch`: tag what is in folders, and then whatever comes."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import SectionedCommand, more_at
from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.config import RecordingSettings, names_in
from booru_tagger.importing import import_small_numpy

if TYPE_CHECKING:
    from booru_tagger.runner import Outcome

_STATS_SECONDS = 60.0


@click.command(cls=SectionedCommand, epilog=more_at("watch"))
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--once", is_flag=True, help="Tag what is there, wait for what is still being written, and end."
)
@click.option(
    "--polling",
    is_flag=True,
    help="List the folders again and again instead of waiting for the system's events, which most "
    "network shares do not send.",
)
@click.option(
    "--settle",
    type=click.FloatRange(0.05, 3600),
    metavar="SECONDS",
    help="Seconds a picture must stay unchanged before it is tagged.   [default: 0.5; with --polling 3]",
)
@click.option("--stats", is_flag=True, help="Log once a minute how many pictures were tagged.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How log lines look.  [default: text]",
)
@with_settings(*names_in("tagging", "reading", "policy", "writing", "recording", "running"))
def watch(
    folders: tuple[Path, ...],
    once: bool,
    polling: bool,
    settle: float | None,
    stats: bool,
    log_format: str,
    loaded: Loaded,
) -> int:
    """Tag the pictures in folders that are not tagged yet, then, until stopped, whatever comes or changes.

    Hidden files and folders are left alone. What happens is logged on standard error. Ctrl-C or SIGTERM ends
    it cleanly, after the write in progress, with exit code 0.

    \b
      booru-tagger watch ~/fanart
      booru-tagger watch --polling /mnt/share --ignore 'sketches/*'
    """
    _check(folders, loaded.settings.recording)
    import_small_numpy()
    from booru_tagger.app import running_on  # Pillow, and what leads to onnxruntime
    from booru_tagger.app.watching import WatchRequest, open_watch
    from booru_tagger.cli.watch_log import WatchStats, log_end, log_outcome, log_running, log_to_stderr

    counts = WatchStats()

    def listener(outcome: Outcome) -> None:
        counts.count(outcome)
        log_outcome(outcome)

    request = WatchRequest(folders, once, polling, settle)
    with log_to_stderr(log_format), open_watch(request, loaded.settings, tell) as watching:
        log_running(running_on(watching.run.tagger))
        with counts.logged_every(_STATS_SECONDS) if stats else nullcontext():
            report = watching.go(listener)
        counts.log()
        return log_end(report)


def _check(folders: tuple[Path, ...], recording: RecordingSettings) -> None:
    """Refuse what cannot be meant before anything is begun."""
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise click.UsageError(f"{printable(str(folder))} is not a folder; only folders can be watched.")
    if recording.journal is False:
        raise click.UsageError("A watch needs the journal, to know what is tagged; leave out --no-journal.")

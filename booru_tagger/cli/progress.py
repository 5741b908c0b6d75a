"""How far a run has come: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from booru_tagger.cli.help import is_quiet
from booru_tagger.cli.printing import JsonLines, Printer, SilentPrinter, console, is_listing
from booru_tagger.config import PrintingSettings

if TYPE_CHECKING:
    from booru_tagger.runner import Outcome, RunListener


class Progress(Protocol):
    def __call__(self, outcome: Outcome) -> None: ...

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Off the terminal for as long as this lasts."""
        yield


@contextmanager
def show_outcomes(printing: PrintingSettings, count: Callable[[], int] | None) -> Iterator[RunListener]:
    """Prints what becomes of pictures, and shows how far a run has come; yields what is to hear of each.

    No bar where JSON lines run over the same terminal and show themselves how far it is.
    """
    wanted = printing.format != "jsonl" or not sys.stdout.isatty()
    with show_progress(count, wanted=wanted) as progress:
        printer = _make_printer(printing.format, progress.pause)

        def listener(outcome: Outcome) -> None:
            progress(outcome)
            printer(outcome)

        yield listener
        printer.close()


@contextmanager
def show_progress(count: Callable[[], int] | None, *, wanted: bool = True) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal. ``count`` tells how many pictures there are.

    It is called in a thread of its own, so that the work need not wait for it; without it there is no
    estimate of the time left.
    """
    if not wanted or is_quiet() or not sys.stderr.isatty():
        yield _Silent()
        return
    bar = _Bar()
    if count is not None:
        threading.Thread(target=lambda: bar.set_total(count()), daemon=True).start()
    with bar.shown():
        yield bar


@contextmanager
def looking(total: int | None, what: str) -> Iterator[Callable[[], None]]:
    """A bar for work other than a run, where standard error is a terminal: yields what to call at each step.

    Without ``total`` it only counts.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda: bars.advance(task)


class _Silent:
    def __call__(self, outcome: Outcome) -> None:
        pass

    @contextmanager
    def pause(self) -> Iterator[None]:
        yield


class _Bar:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._failed = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._bar.add_task("tagging", total=None, speed="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._bar:
            yield

    def set_total(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def __call__(self, outcome: Outcome) -> None:
        failed = outcome.result is not None and outcome.result.error is not None
        self._failed += failed
        changes: dict[str, Any] = {"advance": 1}
        if failed:
            changes["description"] = f"tagging ({self._failed} failed)"
        speed = self._bar.tasks[0].speed
        if speed:
            changes["speed"] = f"{speed:.1f}/s"
        self._bar.update(self._task, **changes)

    @contextmanager
    def pause(self) -> Iterator[None]:
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


def _make_printer(format_name: str, pause: Callable[[], AbstractContextManager[None]]) -> Printer:
    """The printer for a ``format`` setting. ``pause`` clears the terminal of what moves, while it lasts."""
    if format_name == "jsonl":
        return JsonLines(sys.stdout.buffer)
    if format_name != "table" or is_quiet():
        return SilentPrinter()
    from booru_tagger.cli.face_table import FaceTable

    return FaceTable(console(), pause, listing=is_listing())

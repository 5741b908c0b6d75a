"""A watched folder, with the clock, the system's events and its limits in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from booru_tagger.files.ignored import Ignored
from booru_tagger.types import PictureError, TagResult
from booru_tagger.watch import Watch, WatchedNames
from booru_tagger.watch.inbox import Inbox
from booru_tagger.watch.observer import ChangeListener, LimitError

DEALT_WITH = "-"


class Time(Inbox):
    """An inbox whose waiting is all that takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.until = 0.0

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float) -> None:
        if self._bell.empty():
            self.now = min(self.now + max(timeout, 0.001), self.until)


class FakeObserver:
    """What stands for the system. Events are made by calling ``listener``."""

    at: dict[Path, FakeObserver]
    limited: bool

    def __init__(self, folder: str, listener: ChangeListener, *, recursive: bool) -> None:
        self.listener, self.closed = listener, False
        self.check_limit()
        FakeObserver.at[Path(folder)] = self

    def check_limit(self) -> None:
        if FakeObserver.limited:
            raise LimitError("no more watches")

    def is_alive(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


class FolderWatch:
    """A watch over one folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.time = folder, Time()
        self.watch = Watch(
            [folder],
            walk,
            WatchedNames(is_picture, Ignored(("skip*",))),
            inbox=self.time,
            clock=self.time.clock,
            **options,
        )
        self.items = iter(self.watch)

    def run(self, seconds: float) -> list[str]:
        """Names given within so many seconds, with ``-`` where what was given has to be dealt with."""
        given: list[str] = []
        self.time.until = self.time.now + seconds
        for item in self.items:
            if item is not None:
                given.append(item.name if isinstance(item, Path) else f"failed {Path(item.path).name}")
            elif given and given[-1] != DEALT_WITH:
                given.append(DEALT_WITH)
            if item is None and self.time.now >= self.time.until:
                break
        return given

    def given(self, seconds: float) -> list[str]:
        return [name for name in self.run(seconds) if name != DEALT_WITH]

    @property
    def system(self) -> ChangeListener:
        return FakeObserver.at[self.folder].listener

    def write(self, name: str, *, writing: bool = False, data: bytes = b"x", told: bool = True) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
        if told:
            self.system.file(str(path), writing=writing)
        return path


def is_picture(name: str) -> bool:
    return name.endswith(".png") and not name.startswith(".")


def walk(folder: Path) -> Iterator[Path | TagResult]:
    if not folder.is_dir() or folder.name == "closed":
        yield TagResult(str(folder), error=PictureError("unreadable", "the folder cannot be read"))
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from walk(path)
        elif is_picture(path.name):
            yield path

"""Results to hydrus: tags are added to what stands there, and those that a person took out stay out."""

from __future__ import annotations

from pathlib import Path

from booru_tagger.boorus.hydrus import Hydrus, Service
from booru_tagger.boorus.sink import BooruSink
from booru_tagger.journal.pushes import Pushed, Pushes
from booru_tagger.types import TagResult
from booru_tagger.writers.hydrus import spell

_PREFIX = "hydrus:"


def picture_of(hash_: str) -> Path:
    """The name of a file in hydrus, among pictures."""
    return Path(_PREFIX + hash_)


def hash_of(picture: Path) -> str:
    return str(picture).removeprefix(_PREFIX)


class HydrusSink(BooruSink):
    """Adds tags to files by their hash. To do so twice does no harm, so a killed run is just repeated."""

    def __init__(
        self,
        hydrus: Hydrus,
        service: Service,
        *,
        pushes: Pushes | None = None,
        fingerprint: str = "",
        marker: str | None = None,
        force: bool = False,
    ) -> None:
        super().__init__(hydrus.server, pushes=pushes, fingerprint=fingerprint, marker=marker, force=force)
        self._hydrus = hydrus
        self._service = service

    def item(self, picture: Path) -> str:
        return hash_of(picture)

    def push(self, picture: Path, result: TagResult) -> bool:
        marks = [self._marker.lower()] if self._marker else []
        tags = list(dict.fromkeys([*map(spell, result.tags), *marks]))
        if tags:
            self._hydrus.add(hash_of(picture), self._service, tags)
        if self._pushes is not None:
            self._pushes.record(self.item(picture), Pushed(self._fingerprint, frozenset(tags)))
        return bool(tags)


class HydrusRehearsal(HydrusSink):
    """Takes the sink's place in a dry run: nothing is sent, for hydrus takes any tag."""

    def push(self, picture: Path, result: TagResult) -> bool:
        return False

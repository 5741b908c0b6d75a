"""Results to hydrus: tags are added to what stands there, and those that a person took out stay out."""

from __future__ import annotations

from pathlib import Path

from booru_tagger.boorus.hydrus import Hydrus, Service, ServiceTags
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
        owned = self._announced(picture, tags)
        if tags:
            self._hydrus.add(hash_of(picture), self._service, tags)
        if self._pushes is not None:
            self._pushes.record(self.item(picture), Pushed(self._fingerprint, owned))
        return bool(tags)

    def _announced(self, picture: Path, tags: list[str]) -> frozenset[str]:
        """The tags that are there because of us, once those are sent. Where somebody gave the file one before
        us, it is theirs; none of ours is ever taken out but by a person."""
        if self._pushes is None:
            return frozenset()
        known = self._pushes.known(self.item(picture))
        if not tags:
            return known.owned | known.pending
        ((_, services),) = self._hydrus.tags([hash_of(picture)])
        there = services.get(self._service.key, ServiceTags())
        new = frozenset(tag for tag in tags if tag.lower() not in there.current | there.pending)
        self._pushes.announce(self.item(picture), new)
        return frozenset(tag for tag in known.owned | known.pending | new if tag.lower() not in there.deleted)


class HydrusRehearsal(HydrusSink):
    """Takes the sink's place in a dry run: nothing is sent, for hydrus takes any tag."""

    def push(self, picture: Path, result: TagResult) -> bool:
        return False

"""Pictures on boorus with the names that people gave them there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from http import HTTPStatus

from booru_tagger.app.pushing import connect_hydrus, connect_szurubooru, hydrus_place, szurubooru_place
from booru_tagger.boorus.http import LargeError, StatusError
from booru_tagger.boorus.hydrus import Hydrus, ServiceTags
from booru_tagger.boorus.szurubooru import Post
from booru_tagger.boorus.to_szurubooru import picture_of
from booru_tagger.config import PushingSettings
from booru_tagger.enrol.labelled.labels import LabelReader, Said
from booru_tagger.enrol.seen_faces import HYDRUS, SZURUBOORU, Viewed
from booru_tagger.errors import TooLargeImageError, UnreadableImageError
from booru_tagger.imaging import Limits
from booru_tagger.journal import Journal
from booru_tagger.journal.pushes import Pushed


class BooruNames:
    """Finds pictures on boorus, and who is said to be in them: but for what a push of ours said.

    What was pushed the ``journal`` knows. Where it knows nothing of a picture with the marker of pushes,
    nobody can tell whose its tags are: they count for nothing, and ``marked`` counts them.
    """

    def __init__(
        self, labels: LabelReader, pushing: PushingSettings, journal: Journal | None, limits: Limits
    ) -> None:
        self._labels, self._pushing, self._journal, self._limits = labels, pushing, journal, limits
        self.marked = 0

    def of_hydrus(self, query: tuple[str, ...]) -> Iterator[tuple[Viewed, Said]]:
        """The files that match all predicates. Raises BooruTaggerError."""
        hydrus = connect_hydrus(self._pushing)
        for file, services in hydrus.tags(hydrus.search(query)):
            if file.is_picture:
                name, fetch = f"{HYDRUS}:{file.hash}", functools.partial(hydrus.fetch, file.hash)
                said = self._labels.tags(self._given(hydrus, file.hash, services))
                yield Viewed(name, file.hash, self._fetching(name, fetch)), said

    def of_szurubooru(self, query: str) -> Iterator[tuple[Viewed, Said]]:
        """The posts that match. Raises BooruTaggerError."""
        site = connect_szurubooru(self._pushing)
        category = self._pushing.szurubooru_category.get("character", "character").lower()
        for number in site.posts(query):
            post = site.post(number)
            pushed = self._pushed(szurubooru_place(site), str(picture_of(number)))
            tags = [
                tag for tag in self._tags(post, pushed) if post.categories.get(tag, "").lower() == category
            ]
            name, fetch = f"{SZURUBOORU}:{number}", functools.partial(site.fetch, post)
            yield Viewed(name, post.content, self._fetching(name, fetch)), self._labels.characters(tags)

    def _given(self, hydrus: Hydrus, hash_: str, services: dict[str, ServiceTags]) -> set[str]:
        """The tags that people gave a file in hydrus."""
        found: set[str] = set()
        unsure = False
        for key, tags in services.items():
            pushed = self._pushed(hydrus_place(hydrus, key), hash_)
            ours = _lower(pushed.owned | pushed.pending)
            if self._is_unsure(pushed, tags.current):
                unsure = True
            elif ours.isdisjoint(tags.current):
                found.update(tags.shown)
            else:  # whose siblings and parents those are that are shown, nobody says
                found.update(tags.current - ours)
        self.marked += unsure
        return found

    def _tags(self, post: Post, pushed: Pushed) -> list[str]:
        """The tags that people gave a post."""
        if self._is_unsure(pushed, post.aliases):
            self.marked += 1
            return []
        ours = {post.aliases.get(tag) for tag in _lower(pushed.owned | pushed.pending)}
        return [tag for tag in post.tags if tag not in ours]

    def _pushed(self, place: str, item: str) -> Pushed:
        return Pushed() if self._journal is None else self._journal.pushes(place).known(item)

    def _is_unsure(self, pushed: Pushed, tags: Collection[str]) -> bool:
        """Whether somebody else's push gave some of these tags."""
        marker = (self._pushing.marker or "").lower()
        return bool(marker) and pushed == Pushed() and (marker in tags or "_".join(marker.split()) in tags)

    def _fetching(self, name: str, fetch: Callable[[int], bytes]) -> Callable[[], bytes]:
        """Fetches a picture. That one is too large, or gone, is no reason to end."""

        def read() -> bytes:
            try:
                return fetch(self._limits.file_bytes)
            except LargeError as error:
                raise TooLargeImageError(f"{name}: {error}") from error
            except StatusError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                raise UnreadableImageError(f"{name}: {error}") from error

        return read


def _lower(tags: Collection[str]) -> set[str]:
    return {tag.lower() for tag in tags}

"""Results to szurubooru: posts are tagged, new pictures become posts, and what a person decided stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from booru_tagger.boorus.sink import BooruSink
from booru_tagger.boorus.szurubooru import ConflictError, Post, Szurubooru, UploadedError
from booru_tagger.config.settings import SAFETIES
from booru_tagger.errors import ImageError, RemoteError
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.imaging import Limits, read_file
from booru_tagger.journal.pushes import Pushed, Pushes
from booru_tagger.types import Tag, TagResult
from booru_tagger.vocab import GENERAL, META, RATING

RACES = 5
"""Times that a post is read again because somebody else changed it meanwhile."""

_PREFIX = "post:"
_RATINGS = {
    **dict.fromkeys(("g", "general", "safe"), "safe"),
    **dict.fromkeys(("s", "sensitive", "q", "questionable"), "sketchy"),
    **dict.fromkeys(("e", "explicit"), "unsafe"),
}
"""Danbooru's ratings, and szurubooru's nearest word for each."""


def picture_of(post: int) -> Path:
    """The name of a post, among pictures."""
    return Path(f"{_PREFIX}{post}")


def post_of(picture: Path) -> int | None:
    """The number of the post that a picture is; ``None`` where it is a file to upload."""
    number = str(picture).removeprefix(_PREFIX)
    return int(number) if number != str(picture) and number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How new pictures come in.

    ``safety`` is for those without a rating. ``similar`` also uploads what looks like a post that is there.
    """

    safety: str = "unsafe"
    similar: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class PostPlan:
    """The tags that a post is to have, those among them that are new, and what is then known of it."""

    tags: tuple[str, ...]
    added: tuple[str, ...]
    after: Pushed


def plan(post: Post, wanted: Sequence[str], known: Pushed, fingerprint: str) -> PostPlan:
    """What becomes of a post's tags: a person's stay, ours are replaced, those taken out stay out."""
    ours = {tag for tag in known.owned | known.pending if tag.lower() in post.aliases}
    missing = known.deleted | known.owned
    deleted = frozenset(tag for tag in missing if tag.lower() not in post.aliases)
    refused = {tag.lower() for tag in deleted}
    added = tuple(tag for tag in wanted if tag.lower() not in post.aliases and tag.lower() not in refused)
    still = {post.aliases.get(tag.lower()) for tag in wanted}
    stale = {post.aliases[tag.lower()] for tag in ours} - still
    owned = (ours & set(wanted)) | set(added)
    kept = tuple(tag for tag in post.tags if tag not in stale)
    return PostPlan((*kept, *added), added, Pushed(fingerprint, frozenset(owned), deleted))


class SzurubooruSink(BooruSink):
    """Tags posts and uploads pictures. ``categories`` renames tag categories of ours."""

    def __init__(
        self,
        site: Szurubooru,
        *,
        pushes: Pushes | None = None,
        fingerprint: str = "",
        marker: str | None = None,
        force: bool = False,
        categories: Mapping[str, str] | None = None,
        uploading: UploadOptions | None = None,
    ) -> None:
        super().__init__(site.server, pushes=pushes, fingerprint=fingerprint, marker=marker, force=force)
        self._site = site
        self._categories = dict(categories or {})
        self._uploading = uploading or UploadOptions()

    def item(self, picture: Path) -> str:
        if post_of(picture) is not None:
            return str(picture)
        return _item_of(read_file(picture, self._uploading.limits))

    def is_done(self, picture: Path) -> bool:
        try:
            return super().is_done(picture)
        except ImageError:  # the tagger will say so
            return False

    def push(self, picture: Path, result: TagResult) -> bool:
        number = post_of(picture)
        if number is not None:
            return self._tag(number, result.tags)
        content = read_file(picture, self._uploading.limits)
        item = _item_of(content)
        changes = self._upload(picture, content, item, result)
        # A post's tags are remembered under its number, however it came to be; the file, as dealt with.
        self._record(item, Pushed(self._fingerprint))
        return changes

    def _tag(self, number: int, tags: Iterable[Tag], pending: frozenset[str] = frozenset()) -> bool:
        """Bring a post's tags up to date, however often somebody else is faster.

        ``pending`` are tags that a killed run of ours may have made the post with.
        """
        item = str(picture_of(number))
        wanted = self._spelled(tags)
        for _ in range(RACES):
            post, known = self._site.post(number), self._known(item)
            known = replace(known, pending=known.pending | pending)
            todo = plan(post, list(wanted), known, self._fingerprint)
            safety = _raised(post.safety, _rated(tags))
            changes = safety is not None or todo.tags != post.tags
            if changes:
                self._announce(item, todo.added)
                self._need(todo.added, wanted)
                try:
                    self._site.update(post, todo.tags, safety)
                except ConflictError:
                    continue
            self._record(item, todo.after)
            return changes
        raise ConflictError(f"post {number}: somebody else keeps changing it; try again later")

    def _upload(self, picture: Path, content: bytes, item: str, result: TagResult) -> bool:
        token = self._site.upload(picture.name, content)
        looks = self._site.lookalikes(token)
        known = self._known(item)
        if looks.exact is not None:
            return self._tag(looks.exact, result.tags, known.pending)
        if known.fingerprint and not self._force:
            raise RemoteError(f"{picture}: its post was deleted there, so it is not uploaded again (--force)")
        if looks.similar and not self._uploading.similar:
            posts = ", ".join(f"post {post} (distance {away:.2f})" for post, away in looks.similar)
            raise RemoteError(f"{picture}: looks like {posts}; --similar uploads it anyway")
        wanted = self._spelled(result.tags)
        self._announce(item, wanted)
        self._need(wanted, wanted)
        safety = _rated(result.tags) or self._uploading.safety
        try:
            number = self._site.create(token, list(wanted), safety, [post for post, _ in looks.similar])
        except UploadedError as error:
            return self._tag(error.post, result.tags, self._known(item).pending)
        self._record(str(picture_of(number)), Pushed(self._fingerprint, frozenset(wanted)))
        return True

    def _spelled(self, tags: Iterable[Tag]) -> dict[str, str]:
        """Names as szurubooru allows them, each with its category. A rating becomes a "safety" there."""
        spelled = {"_".join(tag.tag.split()): tag.category for tag in tags if tag.category != RATING}
        if self._marker:
            spelled.setdefault("_".join(self._marker.split()), META)
        return spelled

    def _need(self, names: Iterable[str], categories: Mapping[str, str]) -> None:
        """Make tags that are not there yet. The site makes general ones itself, in its default category."""
        for name in names:
            category = categories[name]
            if category != GENERAL or GENERAL in self._categories:
                self._make(name, self._categories.get(category, category))

    def _make(self, name: str, category: str) -> None:
        self._site.need_tag(name, category)

    def _known(self, item: str) -> Pushed:
        return Pushed() if self._pushes is None else self._pushes.known(item)

    def _announce(self, item: str, tags: Iterable[str]) -> None:
        if self._pushes is not None:
            self._pushes.announce(item, list(tags))

    def _record(self, item: str, pushed: Pushed) -> None:
        if self._pushes is not None:
            self._pushes.record(item, pushed)


class SzurubooruRehearsal(SzurubooruSink):
    """Takes the sink's place in a dry run: what the site would refuse is refused, and nothing is sent."""

    def push(self, picture: Path, result: TagResult) -> bool:
        number, wanted = post_of(picture), self._spelled(result.tags)
        if number is None:
            self._need(wanted, wanted)
        else:
            self._need(plan(self._site.post(number), list(wanted), Pushed(), "").added, wanted)
        return False

    def _make(self, name: str, category: str) -> None:
        self._site.check_tag(name, category)


def _item_of(content: bytes) -> str:
    return f"sha256:{sha256_of_bytes(content)}"


def _rated(tags: Iterable[Tag]) -> str | None:
    """The gravest safety that the rating tags speak of."""
    ratings = (tag.tag.removeprefix("rating:") for tag in tags if tag.category == RATING)
    return max((_RATINGS[name] for name in ratings if name in _RATINGS), key=SAFETIES.index, default=None)


def _raised(now: str, rated: str | None) -> str | None:
    """The safety to set; ``None`` where it stays. It never sinks: a person may have seen more than we."""
    if rated is None or (now in SAFETIES and SAFETIES.index(rated) <= SAFETIES.index(now)):
        return None
    return rated

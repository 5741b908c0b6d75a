"""Which of the found tags are written, under which name and in which order.

How they are spelled in a file (spaces, escaped brackets, namespaces) is the writers' part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from booru_tagger.errors import ConfigError
from booru_tagger.types import PREFIX, SUFFIX, Tag, TagResult
from booru_tagger.vocab import GENERAL

Order = Literal["category", "score", "name"]

_CATEGORY_ORDER = ("character", "copyright", "artist", "general", "meta", "rating")


@dataclass(frozen=True, slots=True)
class Policy:
    """A user's choice among tags. The default lets everything through, characters first.

    Tags are renamed first; all other rules see the new names. ``allow`` and ``deny`` are patterns with the
    wildcards ``* ? [ ]``; an empty ``allow`` allows all, and ``deny`` wins over it. ``thresholds`` are least
    scores by category. ``prefix`` and ``suffix`` are what every picture gets, exactly as given, untouched by
    the rules.

    Raises :class:`ConfigError` for a name that no file could hold.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    order: Order = "category"
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for setting, names in (
            ("rename", self.rename.values()),
            ("prefix", self.prefix),
            ("suffix", self.suffix),
        ):
            for name in names:
                if not name.strip() or {",", "，"} & set(name) or not name.isprintable():
                    raise ConfigError(
                        f"{setting}: {name!r} cannot be a tag; it is empty, unprintable or has a comma"
                    )

    def applied(self, result: TagResult) -> TagResult:
        """The result with the tags to write; its faces stay as they are.

        To be applied once: a name that it gave may be one that it changes.
        """
        return replace(result, tags=self.apply(result.tags))

    def apply(self, tags: Iterable[Tag]) -> tuple[Tag, ...]:
        """The tags to write, each once. Where a renaming makes two tags one, the better score stays."""
        best: dict[str, Tag] = {}
        for tag in tags:
            name = self.spelled(tag.tag)
            if name is None or tag.score < self.thresholds.get(tag.category, 0.0):
                continue
            if name not in best or best[name].score < tag.score:
                best[name] = replace(tag, tag=name)
        fixed = {*self.prefix, *self.suffix}
        chosen = [tag for tag in self._ordered(best.values()) if tag.tag not in fixed]
        head = tuple(dict.fromkeys(self.prefix))
        tail = tuple(name for name in dict.fromkeys(self.suffix) if name not in head)
        return (
            *(Tag(name, GENERAL, 1.0, PREFIX) for name in head),
            *chosen,
            *(Tag(name, GENERAL, 1.0, SUFFIX) for name in tail),
        )

    def spelled(self, name: str) -> str | None:
        """What a tag is called, whatever its score; ``None`` where it is not wanted."""
        new = self.rename.get(name, name)
        wanted = (not self.allow or _matches(new, self.allow)) and not _matches(new, self.deny)
        return new if wanted else None

    def _ordered(self, tags: Iterable[Tag]) -> list[Tag]:
        if self.order == "name":
            return sorted(tags, key=lambda tag: tag.tag)
        if self.order == "score":
            return sorted(tags, key=lambda tag: (-tag.score, tag.tag))
        return sorted(tags, key=lambda tag: (_rank(tag.category), -tag.score, tag.tag))


def _matches(tag: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(tag, pattern) for pattern in patterns)


def _rank(category: str) -> int:
    return _CATEGORY_ORDER.index(category) if category in _CATEGORY_ORDER else len(_CATEGORY_ORDER)

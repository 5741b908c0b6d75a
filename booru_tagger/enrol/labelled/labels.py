"""Who is said to be in a picture: what stands beside it, in it, around it, and in the journal."""

from __future__ import annotations

import functools
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from booru_tagger.enrol.labelled.names import CharacterNames
from booru_tagger.errors import ConfigError
from booru_tagger.files.text import decoded, read_text
from booru_tagger.journal import Journal
from booru_tagger.review.named_regions import names_in_packet
from booru_tagger.sources.booru_posts import Post, file_keys, flat_tags, marked_characters, posts_in
from booru_tagger.sources.listed import is_picture_name
from booru_tagger.tagging.content import may_name_faces
from booru_tagger.types import SCHEMA, Box, TagResult
from booru_tagger.vocab import CHARACTER
from booru_tagger.writers.base import FormatError, plain
from booru_tagger.writers.embedded.blocks import EmbedError
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.metadata import read_metadata
from booru_tagger.writers.json_sidecar import BY_PERSON, GUEST_KEY
from booru_tagger.writers.json_text import loads
from booru_tagger.writers.keywords import DIGIKAM, LIGHTROOM, SUBJECT
from booru_tagger.writers.regions import Frame, frame_of
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp import read_fields
from booru_tagger.writers.xmp_packet import to_utf8

_TREES = (DIGIKAM, LIGHTROOM)
_BY_PEOPLE = frozenset({"review", "person"})
"""Sources of a name in our own files that a person gave."""


@dataclass(frozen=True, slots=True)
class Said:
    """Names of characters that are said to be in a picture; ``heads``: those of whom it is said where.

    ``regions``: the same, as other programs keep it in the picture or beside it. The boxes are a person's, or
    another program's, so that they hardly fit, and this program's own where the journal was lost.
    """

    names: frozenset[str] = frozenset()
    heads: tuple[tuple[str, Box], ...] = ()
    regions: tuple[tuple[str, Box], ...] = ()

    def __or__(self, other: Said) -> Said:
        return Said(self.names | other.names, (*self.heads, *other.heads), (*self.regions, *other.regions))


@dataclass(frozen=True, slots=True)
class Ours:
    """What the journal knows of a picture: what people said, and by target what we put there, or may have
    before we were killed: tags, and the writers' notes."""

    said: Said = field(default_factory=Said)
    owned: Mapping[str, frozenset[str]] = field(default_factory=dict)


def journalled(journal: Journal) -> Callable[[Path], Ours]:
    """Looks a picture up: verdicts of people, and characters that a tagger made by others saw."""

    def look_up(picture: Path) -> Ours:
        entry = journal.entry(picture)
        verdicts = journal.reviews.verdicts(picture)
        heads = tuple((verdict.tag, verdict.face.box) for verdict in verdicts if verdict.kind == "named")
        names = {tag for tag, _ in heads}
        if entry is not None and entry.raw is not None:
            names |= {tag.tag for tag in entry.raw.result.whole_picture if tag.category == CHARACTER}
        owned = {os.path.realpath(target): tags for target, tags in journal.announced(picture).items()}
        for mark in entry.marks if entry is not None else ():
            target = os.path.realpath(mark.target)
            owned[target] = owned.get(target, frozenset()) | mark.owned
        return Ours(Said(frozenset(names), heads), owned)

    return look_up


class Posts:
    """What files of posts say, by the name, MD5 or number of the pictures. Raises :class:`ConfigError`."""

    def __init__(self, places: Iterable[Path], problem: Callable[[str], None]) -> None:
        self._posts: dict[str, Post] = {}
        for place in places:
            tables = [place] if place.is_file() else sorted(place.rglob("*.json*"))
            if not tables:
                raise ConfigError(f"{place}: no .json or .jsonl file in it")
            for table in tables:
                for post in posts_in(table, problem):
                    self._posts.update(dict.fromkeys(file_keys(post), post))

    def of(self, picture: Path) -> Post | None:
        return self._posts.get(picture.name) or self._posts.get(picture.stem)


class LabelReader:
    """Reads what is said of pictures.

    ``all_folders``: the folder that a picture lies in is called after a character, whether known or not.
    ``problem`` is told of files that cannot be understood; what they say is left out.
    """

    def __init__(
        self,
        names: CharacterNames,
        *,
        posts: Posts | None = None,
        all_folders: bool = False,
        ours: Callable[[Path], Ours] = lambda picture: Ours(),
        problem: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._names, self._posts, self._all_folders = names, posts, all_folders
        self._ours, self._problem = ours, problem
        self._folder = functools.lru_cache(maxsize=8)(_Folder)

    def read(self, picture: Path, root: Path) -> Said:
        """What is said of a picture below the folder ``root``, but for what is in its own file."""
        ours = self._ours(picture)
        said = ours.said | self._of_folders(picture, root)
        post = self._posts.of(picture) if self._posts is not None else None
        if post is not None:
            said |= self._of_post(post)
        for suffix, understand in self._formats(picture, ours).items():
            for sidecar in self._folder(picture.parent).sidecars(picture, suffix):
                said |= self._without_ours(self._read(sidecar, understand), sidecar, ours)
        return said

    def embedded(self, inside: Embedded, picture: Path | None) -> Said:
        """What a picture's own file says.

        ``None``: it was fetched. Its keywords may be this program's guesses then, which the journal knows of
        files alone; regions of ours are known by their boxes.
        """
        packet = inside.regions.encode()
        if picture is None:
            return self._of_regions(packet, (), lambda: inside.frame)
        ours = self._ours(picture)
        regions = self._of_regions(packet, _owned(ours, picture), lambda: inside.frame)
        return self._without_ours(self.tags(inside.tags) | regions, picture, ours)

    def tags(self, tags: Iterable[str]) -> Said:
        """What tags of all kinds say."""
        found = map(self._names.found, tags)
        return Said(frozenset(tag for tag in found if tag is not None))

    def characters(self, tags: Iterable[str]) -> Said:
        """What the tags of the category of characters say."""
        found = map(self._names.marked, tags)
        return Said(frozenset(tag for tag in found if tag is not None))

    def _formats(self, picture: Path, ours: Ours) -> dict[str, Callable[[Path], Said]]:
        return {
            ".txt": self._of_text,
            ".caption": self._of_text,
            ".json": self._of_json,
            ".xmp": lambda path: self._of_xmp(picture, path, ours),
        }

    def _read(self, sidecar: Path, understand: Callable[[Path], Said]) -> Said:
        try:
            return understand(sidecar)
        except (OSError, ValueError, KeyError, TypeError, FormatError, XmlError) as error:
            self._problem(f"{sidecar}: cannot be understood, so what it says is left out ({error})")
            return Said()

    def _without_ours(self, said: Said, target: Path, ours: Ours) -> Said:
        """A name that this program wrote there is its own guess, and no news to it."""
        owned = plain(_owned(ours, target))
        guessed = {self._names.found(tag) or self._names.marked(tag) for tag in owned}
        placed = {tag for tag, _ in (*said.heads, *said.regions)}
        return replace(said, names=(said.names - guessed) | placed)

    def _of_xmp(self, picture: Path, sidecar: Path, ours: Ours) -> Said:
        packet, _ = to_utf8(sidecar.read_bytes())
        regions = self._of_regions(packet, _owned(ours, sidecar), lambda: frame_of(picture))
        return self.tags(_packet_tags(packet)) | regions

    def _of_regions(self, packet: bytes, owned: Collection[str], frame: Callable[[], Frame | None]) -> Said:
        """Whom a packet names where, but for the regions that this program put there: ``owned``."""
        if not may_name_faces(packet):
            return Said()
        names = names_in_packet(packet, owned, frame)
        regions = tuple((tag, box) for box, text in names if (tag := self._names.marked(text)) is not None)
        return Said(frozenset(tag for tag, _ in regions), regions=regions)

    def _of_folders(self, picture: Path, root: Path) -> Said:
        inside = picture.parent.relative_to(root) if picture.is_relative_to(root) else Path()
        folders = [root.name, *inside.parts] if not self._all_folders or not inside.parts else inside.parts
        found: set[str] = set()
        for depth, name in enumerate(reversed(folders)):
            found.update(self._names.of_folder(name, all_of_them=self._all_folders and depth == 0))
        return Said(frozenset(found))

    def _of_text(self, path: Path) -> Said:
        return self.tags(listed(decoded(path.read_bytes())))

    def _of_json(self, path: Path) -> Said:
        whole = loads(read_text(path))
        if not isinstance(whole, dict):
            return Said()
        if whole.get("schema") == SCHEMA and ("faces" in whole or "tags" in whole):
            return self._of_our_record(whole)
        guest = whole.get(GUEST_KEY)
        said = self._of_our_record(guest) if isinstance(guest, dict) else Said()
        return said | self._of_post(whole)

    def _of_our_record(self, record: Mapping[str, Any]) -> Said:
        """What people put there: the rest is what this program thought."""
        entries = [*record.get("tags", ()), *(record.get(BY_PERSON) or ())]
        said = self.tags(entry for entry in entries if isinstance(entry, str))
        theirs = [entry for entry in entries if isinstance(entry, dict) and entry.get("source") in _BY_PEOPLE]
        said |= self.characters(str(entry["tag"]) for entry in theirs if entry.get("category") == CHARACTER)
        if "faces" not in record:
            return said
        faces = TagResult.from_json({"path": "", "width": 0, "height": 0, **record, "tags": ()}).faces
        heads = tuple(
            (face.character.tag, face.box)
            for face in faces
            if face.character is not None and face.character.source in _BY_PEOPLE
        )
        return said | Said(frozenset(tag for tag, _ in heads), heads)

    def _of_post(self, post: Post) -> Said:
        marked = marked_characters(post)
        return self.tags(flat_tags(post)) if marked is None else self.characters(marked)


class Embedded(NamedTuple):
    """What is said in a picture's own file: keywords, those that stand in a tree with their category in
    front; and XMP, where there may be names of faces in it, with what that is about."""

    tags: list[str]
    regions: str = ""
    frame: Frame | None = None

    def to_json(self) -> str:
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> Embedded:
        tags, regions, frame = json.loads(text)
        return cls(tags, regions, None if frame is None else Frame(*frame))


def read_embedded(data: bytes) -> Embedded:
    """What is said in the file with these bytes."""
    try:
        metadata = read_metadata(take_apart(data).blocks)
        tags = _packet_tags(metadata.packet) if metadata.packet else []
    except (EmbedError, XmlError):  # another format, or nothing that programs read
        return Embedded([])
    tags += [text for texts in metadata.flat.values() for text in texts]
    if not may_name_faces(metadata.packet):
        return Embedded(tags)
    return Embedded(tags, metadata.packet.decode("utf-8", "replace"), frame_of(io.BytesIO(data)))


def _owned(ours: Ours, file: Path) -> frozenset[str]:
    """What this program put into a file."""
    return ours.owned.get(os.path.realpath(file), frozenset())


def _packet_tags(packet: bytes) -> list[str]:
    fields = read_fields(packet)
    paths = [text.replace("|", "/").split("/") for field in _TREES for text in fields[field]]
    return [*fields[SUBJECT], *(path[0] if len(path) == 1 else f"{path[0]}:{path[-1]}" for path in paths)]


def listed(text: str) -> list[str]:
    """The tags of a caption or list: one a line, or commas between, or blanks where they have underscores."""
    lines = [line.strip() for line in text.replace("，", ",").splitlines() if line.strip()]
    if len(lines) == 1 and "," not in lines[0] and "_" in lines[0]:
        return lines[0].split()
    return [part.strip() for line in lines for part in line.split(",") if part.strip()]


class _Folder:
    """What lies in a folder, listed once."""

    def __init__(self, folder: Path) -> None:
        try:
            self._names = frozenset(os.listdir(folder))  # noqa: PTH208 - names, not paths
        except OSError:
            self._names = frozenset()
        self._stems = Counter(PurePath(name).stem for name in self._names if is_picture_name(name))

    def sidecars(self, picture: Path, suffix: str) -> list[Path]:
        """The files of this kind that are the picture's: ``a.png.txt``; ``a.txt`` where it is no other's."""
        names = [picture.name + suffix]
        if self._stems[picture.stem] < 2:
            names.append(picture.stem + suffix)
        return [picture.with_name(name) for name in names if name in self._names]

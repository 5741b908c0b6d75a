"""Every setting of the program, once: its name, default, kind and help.

A setting ``sidecar_name`` is the flag ``--sidecar-name``, the TOML key ``sidecar_name`` and the variable
``BOORU_TAGGER_SIDECAR_NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

from booru_tagger.config.setting_types import (
    Choice,
    Count,
    File,
    FileOrSwitch,
    Flag,
    Kind,
    Names,
    Secret,
    Shares,
    Span,
    Text,
    Texts,
    Words,
)
from booru_tagger.providers import PROVIDERS
from booru_tagger.scores import THRESHOLDS
from booru_tagger.vocab import CATEGORIES, TAG_CATEGORIES

SAFETIES = ("safe", "sketchy", "unsafe")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting besides its value in force."""

    name: str
    kind: Kind
    default: Any
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The flag that switches a :class:`Flag` off."""
        off = self.kind.off if isinstance(self.kind, Flag) else None
        return f"--{off or 'no-' + self.flag[2:]}"

    @property
    def automatic(self) -> bool:
        """Whether ``None`` is a value of its own, written "auto", rather than "not set"."""
        return bool(getattr(self.kind, "automatic", False))

    @property
    def variable(self) -> str:
        return "BOORU_TAGGER_" + self.name.upper()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that a run works under. Immutable; every field has a default.

    Each field is annotated with its kind and the help text of its flag.
    """

    model: Annotated[
        str, Text("NAME|PATH"), "The model: a name or hub id, a bundle, or a tagger that others made."
    ] = "default"
    face_model: Annotated[
        str, Text("NAME|PATH"), "The model of the faces, where --model is a tagger that others made."
    ] = "default"
    faces: Annotated[bool, Flag(), "Look for faces, too, where --model is a tagger that others made."] = True
    tag_threshold: Annotated[
        Mapping[str, float],
        Shares(TAG_CATEGORIES),
        "Least score of a tag, by category, where --model is a tagger that others made.",
    ] = field(default_factory=dict)
    mcut: Annotated[
        tuple[str, ...],
        Words("CATEGORY", TAG_CATEGORIES),
        "A category whose least score each picture sets itself, by the widest gap.",
    ] = ()
    threshold: Annotated[
        Mapping[str, float],
        Shares(THRESHOLDS),
        "Least score to be kept, by kind: face, character, hair or eyes.",
    ] = field(default_factory=dict)
    crops: Annotated[bool, Flag(), "The pictures are face crops already: look for no faces in them."] = False
    imply: Annotated[bool, Flag(), "Add what a recognised character implies, such as the hair colour."] = True
    strip_implied: Annotated[
        bool, Flag(), "Leave out the general tags that a recognised character implies, for training sets."
    ] = False
    implications: Annotated[
        Path | None, File("FILE.csv"), "A table of what more, or else, characters imply."
    ] = None
    gallery: Annotated[
        Path | bool, FileOrSwitch(), "The characters enrolled with `booru-tagger characters`."
    ] = True
    recursive: Annotated[bool, Flag(), "With --batch, go into the folders below, too."] = True
    follow_links: Annotated[bool, Flag(), "With --batch, go into folders that are symbolic links."] = False
    file_links: Annotated[bool, Flag(), "In folders, tag pictures that are symbolic links to files."] = True
    writer: Annotated[tuple[str, ...], Texts("NAME"), "What to write."] = ("txt", "json")
    sidecar_name: Annotated[
        str,
        Choice(("full", "stem", "stem-or-full")),
        "Name the sidecars of a.png a.png.txt (full) or a.txt (stem); stem-or-full does so where no other "
        "picture is called a.",
    ] = "full"
    output: Annotated[
        Path | None, File("FOLDER"), "Write sidecars below this folder instead of beside the pictures."
    ] = None
    format: Annotated[
        str, Choice(("table", "jsonl", "none")), "Print a table, one JSON object a line, or nothing."
    ] = "table"
    jobs: Annotated[int | None, Count(automatic=True), "Pictures worked on at once."] = None
    provider: Annotated[str, Choice(tuple(PROVIDERS)), "What the model runs on; see docs/performance.md."] = (
        "cpu"
    )
    executor: Annotated[
        str,
        Choice(("serial", "threads", "ray")),
        "Work in this thread, in threads, or in workers of a cluster.",
    ] = "threads"
    address: Annotated[
        str | None, Text("ADDRESS"), "With --executor ray, the cluster to join, such as host:6379 or auto."
    ] = None
    journal: Annotated[
        Path | bool, FileOrSwitch(), "The file that remembers what was tagged and written."
    ] = True
    max_pixels: Annotated[int, Count(), "Refuse pictures of more pixels than this."] = 150_000_000
    max_bytes: Annotated[int, Count(), "Refuse files of more bytes than this."] = 1_000_000_000
    allow: Annotated[
        tuple[str, ...], Texts("PATTERN"), "Write only tags that match; wildcards are * ? and [ ]."
    ] = ()
    deny: Annotated[tuple[str, ...], Texts("PATTERN"), "Never write tags that match."] = ()
    rename: Annotated[Mapping[str, str], Names(), "Write the tag NEW where OLD was found."] = field(
        default_factory=dict
    )
    category_threshold: Annotated[
        Mapping[str, float], Shares(tuple(CATEGORIES)), "Least score of a tag to be written, by category."
    ] = field(default_factory=dict)
    review_band: Annotated[
        tuple[float, float] | None,
        Span(),
        "Scores between unknown and sure: such faces go into the review queue.",
    ] = None
    order: Annotated[
        str, Choice(("category", "score", "name")), "Order of tags: characters first, best first, or A to Z."
    ] = "category"
    prefix: Annotated[tuple[str, ...], Texts("TAG"), "A tag to put before all others."] = ()
    suffix: Annotated[tuple[str, ...], Texts("TAG"), "A tag to put after all others."] = ()
    spaces: Annotated[
        bool, Flag(off="underscores"), "Spell tags with spaces or, as boorus do, with underscores."
    ] = False
    escape_brackets: Annotated[bool, Flag(), r"Spell brackets in captions \( and \), for prompts."] = False
    respect_deletions: Annotated[
        bool, Flag(), "Leave out tags that were written once and that somebody has taken out since."
    ] = True
    keep_mtime: Annotated[
        bool, Flag(), "Keep a picture's modification time where tags are embedded in it."
    ] = False
    hydrus_url: Annotated[str, Text("URL"), "Where the hydrus Client API answers."] = "http://127.0.0.1:45869"
    hydrus_key: Annotated[str | None, Secret(), "The access key of the hydrus Client API."] = None
    hydrus_service: Annotated[str, Text("NAME"), "The tag service of hydrus that tags go to."] = "my tags"
    szurubooru_url: Annotated[str | None, Text("URL"), "The address of the szurubooru site."] = None
    szurubooru_user: Annotated[str | None, Text("NAME"), "The szurubooru user to log in as."] = None
    szurubooru_token: Annotated[str | None, Secret(), "A login token of that user."] = None
    szurubooru_password: Annotated[str | None, Secret(), "The password of that user, without a token."] = None
    szurubooru_category: Annotated[
        Mapping[str, str], Names("CATEGORY=NAME"), "What szurubooru calls a category of ours."
    ] = field(default_factory=dict)
    safety: Annotated[str, Choice(SAFETIES), "Safety of uploaded pictures of which no rating is known."] = (
        "unsafe"
    )
    marker: Annotated[str | None, Text("TAG"), "A tag that marks all that was pushed."] = None
    request_rate: Annotated[int, Count(), "Requests a second to a booru at most."] = 20
    request_timeout: Annotated[int, Count(), "Seconds to wait for a booru's answer."] = 60
    host: Annotated[str, Text("ADDRESS"), "Where `booru-tagger serve` listens."] = "127.0.0.1"
    port: Annotated[int, Count(), "The port that it listens on."] = 5000
    token: Annotated[str | None, Secret(), "What its clients must know."] = None
    max_upload: Annotated[int, Count(), "Refuse requests of more bytes than this."] = 50_000_000
    max_waiting: Annotated[int, Count(), "Pictures that may wait before it says that it is busy."] = 64
    answer_timeout: Annotated[int, Count(), "Seconds for a request to arrive, and for its answer."] = 60


PUSHING = frozenset(
    {
        *("hydrus_url", "hydrus_key", "hydrus_service"),
        *("szurubooru_url", "szurubooru_user", "szurubooru_token", "szurubooru_password"),
        *("szurubooru_category", "safety", "marker", "request_rate", "request_timeout"),
    }
)
"""Settings of `booru-tagger push`, which mean nothing where files are tagged."""

SERVING = frozenset({"host", "port", "token", "max_upload", "max_waiting", "answer_timeout"})
"""Settings of `booru-tagger serve` alone."""


@cache
def settings() -> Mapping[str, Setting]:
    """All settings by name, in the order of the documentation."""
    defaults, hints = Settings(), get_type_hints(Settings, include_extras=True)
    table = {}
    for item in fields(Settings):
        kind, help_text = hints[item.name].__metadata__
        table[item.name] = Setting(item.name, kind, getattr(defaults, item.name), help_text)
    return MappingProxyType(table)

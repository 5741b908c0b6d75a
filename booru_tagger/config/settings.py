"""Every setting of the program, once: its topic, name, default, kind and help text.

A new setting is a field here and a line where it is used: the flags of the commands are made from the fields.
A setting ``sidecar_name`` is the flag ``--sidecar-name``, the TOML key ``sidecar_name`` and the variable
``BOORU_TAGGER_SIDECAR_NAME``.

Annotations are evaluated as the classes are made, which is cheaper than texts that are evaluated afterwards.
"""

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, Self, get_args

from booru_tagger.config.setting import Setting
from booru_tagger.config.setting_types import (
    Choice,
    Count,
    File,
    FileOrSwitch,
    Flag,
    Secret,
    Shares,
    Span,
    Text,
    Texts,
    TextTable,
    Words,
)
from booru_tagger.config.shares import THRESHOLDS
from booru_tagger.errors import ConfigError, nearest
from booru_tagger.providers import PROVIDERS
from booru_tagger.vocab import CATEGORIES, TAG_CATEGORIES

_EMPTY: Mapping[str, Any] = MappingProxyType({})
SAFETIES = ("safe", "sketchy", "unsafe")


class TaggingSettings(NamedTuple):
    """Which model looks at pictures, and what its scores mean."""

    model: Annotated[
        str, Text("NAME|PATH"), "The model: a name or hub id, a bundle, or a third-party tagger."
    ] = "default"
    face_model: Annotated[
        str, Text("NAME|PATH"), "The model for faces, where --model is a third-party tagger."
    ] = "default"
    faces: Annotated[bool, Flag(), "Look for faces, too, where --model is a third-party tagger."] = True
    tag_threshold: Annotated[
        Mapping[str, float],
        Shares(TAG_CATEGORIES),
        "Minimum score of a tag, by category, where --model is a third-party tagger.",
    ] = _EMPTY
    mcut: Annotated[
        tuple[str, ...],
        Words("CATEGORY", TAG_CATEGORIES),
        "A category whose minimum score is set for each picture, at the widest gap between scores.",
    ] = ()
    threshold: Annotated[
        Mapping[str, float],
        Shares(THRESHOLDS),
        "Minimum score to be kept, by kind: face, character, hair or eyes.",
    ] = _EMPTY
    crops: Annotated[bool, Flag(), "The pictures are face crops already: look for no faces in them."] = False
    solo: Annotated[
        bool, Flag(), "Tag a picture `solo` that has one head, and nothing that may be a second."
    ] = False
    imply: Annotated[bool, Flag(), "Add what a recognised character implies, such as the hair color."] = True
    strip_implied: Annotated[
        bool, Flag(), "Leave out the general tags that a recognised character implies, for training sets."
    ] = False
    implications: Annotated[
        Path | None, File("FILE.csv"), "A table of implied tags that adds to the model's, or replaces them."
    ] = None
    gallery: Annotated[
        Path | bool,
        FileOrSwitch(),
        "The gallery: the file of characters enrolled with `booru-tagger characters`.",
    ] = True
    first_frame: Annotated[bool, Flag(), "Of moving pictures, look at the first frame only."] = False
    max_frames: Annotated[int, Count(), "Frames of a moving picture that are looked at, at most."] = 240
    provider: Annotated[
        str, Choice(tuple(PROVIDERS)), "What the model runs on; see the documentation's page on speed."
    ] = "cpu"


class ReadingSettings(NamedTuple):
    """Which pictures are read."""

    recursive: Annotated[bool, Flag(), "In folders, go into those below, too."] = True
    follow_links: Annotated[bool, Flag(), "In folders, go into those that are symbolic links."] = False
    file_links: Annotated[bool, Flag(), "In folders, tag pictures that are symbolic links to files."] = True
    ignore: Annotated[
        tuple[str, ...],
        Texts("PATTERN"),
        "In folders, leave out files and folders whose name, or path below the folder named, matches.",
    ] = ()
    videos: Annotated[bool, Flag(), "In folders, tag videos, too, where the extra `video` is installed."] = (
        True
    )
    max_pixels: Annotated[int, Count(), "Refuse pictures of more pixels than this."] = 150_000_000
    max_bytes: Annotated[int, Count(), "Refuse files of more bytes than this."] = 1_000_000_000


class PolicySettings(NamedTuple):
    """Which of the found tags are written, and in which order."""

    allow: Annotated[
        tuple[str, ...], Texts("PATTERN"), "Write only tags that match; wildcards are * ? and [ ]."
    ] = ()
    deny: Annotated[tuple[str, ...], Texts("PATTERN"), "Never write tags that match."] = ()
    rename: Annotated[Mapping[str, str], TextTable(), "Write the tag NEW where OLD was found."] = _EMPTY
    category_threshold: Annotated[
        Mapping[str, float], Shares(tuple(CATEGORIES)), "Minimum score of a tag to be written, by category."
    ] = _EMPTY
    order: Annotated[
        str, Choice(("category", "score", "name")), "Order of tags: characters first, best first, or A to Z."
    ] = "category"
    prefix: Annotated[
        tuple[str, ...], Texts("TAG"), "A tag to put before all others, written exactly as given."
    ] = ()
    suffix: Annotated[
        tuple[str, ...], Texts("TAG"), "A tag to put after all others, written exactly as given."
    ] = ()


class WritingSettings(NamedTuple):
    """What is written, where, and in which spelling."""

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


class RecordingSettings(NamedTuple):
    """What is remembered, and what waits for people."""

    journal: Annotated[
        Path | bool, FileOrSwitch(), "The file that remembers what was tagged and written."
    ] = True
    review_band: Annotated[
        tuple[float, float] | None,
        Span(),
        "Scores between unknown and sure: faces with them go into the review queue.",
    ] = None


class RunningSettings(NamedTuple):
    """Where the work is done."""

    jobs: Annotated[int | None, Count(automatic=True), "Pictures worked on at once."] = None
    executor: Annotated[
        str,
        Choice(("serial", "threads", "ray")),
        "Work in this thread, in threads, or in workers of a cluster.",
    ] = "threads"
    address: Annotated[
        str | None, Text("ADDRESS"), "With --executor ray, the cluster to join, such as host:6379 or auto."
    ] = None


class PrintingSettings(NamedTuple):
    """What a command prints."""

    format: Annotated[
        str, Choice(("table", "jsonl", "none")), "Print a table, one JSON object a line, or nothing."
    ] = "table"


class PushingSettings(NamedTuple):
    """How boorus are reached, and what is sent to them."""

    hydrus_url: Annotated[str, Text("URL"), "Where the hydrus Client API answers."] = "http://127.0.0.1:45869"
    hydrus_key: Annotated[str | None, Secret(), "The access key of the hydrus Client API."] = None
    hydrus_service: Annotated[str, Text("NAME"), "The tag service of hydrus that tags go to."] = "my tags"
    szurubooru_url: Annotated[str | None, Text("URL"), "The address of the szurubooru site."] = None
    szurubooru_user: Annotated[str | None, Text("NAME"), "The szurubooru user to log in as."] = None
    szurubooru_token: Annotated[str | None, Secret(), "A login token of that user."] = None
    szurubooru_password: Annotated[str | None, Secret(), "The password of that user, without a token."] = None
    szurubooru_category: Annotated[
        Mapping[str, str], TextTable("CATEGORY=NAME"), "What szurubooru calls a category of ours."
    ] = _EMPTY
    safety: Annotated[str, Choice(SAFETIES), "Safety of uploaded pictures whose rating is not known."] = (
        "unsafe"
    )
    marker: Annotated[str | None, Text("TAG"), "A tag that marks all that was pushed."] = None
    request_rate: Annotated[int, Count(), "Maximum number of requests a second to a booru."] = 20
    request_timeout: Annotated[int, Count(), "Seconds to wait for a booru's answer."] = 60


class ServingSettings(NamedTuple):
    """How `booru-tagger serve` answers."""

    host: Annotated[str, Text("ADDRESS"), "Where `booru-tagger serve` listens."] = "127.0.0.1"
    port: Annotated[int, Count(), "The port that it listens on."] = 5000
    token: Annotated[str | None, Secret(), "The token that clients must send."] = None
    max_upload: Annotated[int, Count(), "Refuse requests of more bytes than this."] = 50_000_000
    max_waiting: Annotated[
        int, Count(), "Pictures that may wait before further ones are refused as busy."
    ] = 64
    answer_timeout: Annotated[
        int, Count(), "Seconds allowed for a request to arrive, and for its answer."
    ] = 60
    access_log: Annotated[bool, Flag(), "Write a line for each request to standard error."] = False


class Settings(NamedTuple):
    """The settings that a run works under, by topic. Immutable; every field of every topic has a default.

    Flags, TOML keys and environment variables know no topics: each setting's name exists once.
    """

    tagging: TaggingSettings = TaggingSettings()
    reading: ReadingSettings = ReadingSettings()
    policy: PolicySettings = PolicySettings()
    writing: WritingSettings = WritingSettings()
    recording: RecordingSettings = RecordingSettings()
    running: RunningSettings = RunningSettings()
    printing: PrintingSettings = PrintingSettings()
    pushing: PushingSettings = PushingSettings()
    serving: ServingSettings = ServingSettings()

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Settings with these values, by the settings' names; all others are at their defaults.

        Values are as in TOML, or as they are in :class:`Settings`. Raises :class:`ConfigError` for what is no
        setting, and for a wrong value.
        """
        return cls.grouped({name: _checked(name, value) for name, value in values.items()})

    @classmethod
    def grouped(cls, values: Mapping[str, Any]) -> Self:
        """The same from values that were checked already."""
        groups: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            groups.setdefault(settings()[name].group, {})[name] = value
        return cls(**{group: _GROUPS[group](**part) for group, part in groups.items()})

    def value(self, name: str) -> Any:
        """The value of the setting of this name."""
        return getattr(getattr(self, settings()[name].group), name)


_GROUPS: Mapping[str, type[Any]] = {name: type(default) for name, default in Settings._field_defaults.items()}


@cache
def settings() -> Mapping[str, Setting]:
    """All settings by name, in the order of the documentation."""
    table: dict[str, Setting] = {}
    for group, kind_of_group in _GROUPS.items():
        defaults = kind_of_group()
        for name, annotation in kind_of_group.__annotations__.items():
            kind, help_text = get_args(annotation)[1:]
            table[name] = Setting(name, group, kind, getattr(defaults, name), help_text)
    return MappingProxyType(table)


def names_in(*groups: str, without: Collection[str] = ()) -> tuple[str, ...]:
    """The names of all settings in these groups, but for some."""
    return tuple(
        name for name, setting in settings().items() if setting.group in groups and name not in without
    )


def unknown(name: str) -> str:
    """The error message for an unknown setting."""
    near = nearest(name.replace("-", "_"), settings())
    hint = f"; did you mean {near!r}?" if near else f"; known are {', '.join(settings())}"
    return f"there is no setting {name!r}{hint}"


def _checked(name: str, value: object) -> object:
    if name not in settings():
        raise ConfigError(unknown(name))
    setting = settings()[name]
    if value is None:
        if setting.default is None:
            return None
        raise ConfigError(f"{name}: must be set")
    try:
        return setting.kind.read(str(value) if isinstance(value, Path) else value, Path())
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error

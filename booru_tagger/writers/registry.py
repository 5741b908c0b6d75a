"""Writers by name: the ones that ship here, and those that other packages add.

A package adds writers through entry points of the group ``booru_tagger.writers``: the entry's name is the
writer's, its object is called with :class:`WriterOptions` and returns a :class:`Writer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from booru_tagger.errors import ConfigError, OutputError
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.sidecar import Sidecar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "booru_tagger.writers"
"""The entry point group by which packages add writers."""

_BUILT_IN = {
    "txt": "booru_tagger.writers.txt:TxtWriter",
    "hydrus": "booru_tagger.writers.hydrus:HydrusWriter",
    "json": "booru_tagger.writers.json_sidecar:JsonWriter",
    "jsonl": "booru_tagger.writers.jsonl:JsonlWriter",
    "xmp": "booru_tagger.writers.xmp:XmpWriter",
    "embed": "booru_tagger.writers.embed:EmbedWriter",
}


def writer_names() -> tuple[str, ...]:
    """All names that :func:`make_writer` knows: the built-in ones first, then the added ones."""
    added = {entry.name for entry in _entries()} - set(_BUILT_IN)
    return (*_BUILT_IN, *sorted(added))


def make_writer(name: str, options: WriterOptions | None = None) -> Writer:
    """The writer called ``name``.

    Raises :class:`ConfigError` for a name nobody knows and for an added writer that does not load, and
    :class:`MissingExtraError` where the writer needs packages that are not installed.
    """
    return _factory(name)(options or WriterOptions())


def _factory(name: str) -> Callable[[WriterOptions], Writer]:
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast(Callable[[WriterOptions], Writer], getattr(import_module(module), attribute))
    entries = [entry for entry in _entries() if entry.name == name]
    if not entries:
        raise ConfigError(f"there is no writer {name!r}; there are: {', '.join(writer_names())}")
    if len({entry.value for entry in entries}) > 1:
        packages = " and ".join(_package(entry) for entry in entries)
        raise ConfigError(f"the writer {name!r} is provided by {packages}; uninstall all but one")
    return _loaded(entries[0])


def _entries() -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points  # with all of `email`, which the built-in writers do without

    return tuple(entry_points(group=GROUP))


def _loaded(entry: EntryPoint) -> Callable[[WriterOptions], Writer]:
    try:
        factory = entry.load()
    except Exception as error:  # another package's code: anything may go wrong in it
        raise ConfigError(
            f"the writer {entry.name!r} of {_package(entry)} does not load ({error}); repair or uninstall it"
        ) from error
    if not callable(factory):
        raise ConfigError(f"the writer {entry.name!r} of {_package(entry)} is not callable ({entry.value})")
    return cast(Callable[[WriterOptions], Writer], factory)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def check_writers(writers: Sequence[Writer]) -> None:
    """Refuse writers that would write the same file. Raises :class:`OutputError` that names them."""
    named: set[str] = set()
    claimed: dict[str, Writer] = {}
    for writer in writers:
        if writer.name in named:
            raise OutputError(f"the writer {writer.name!r} is named twice; name it once")
        named.add(writer.name)
        if isinstance(writer, Sidecar) and (other := claimed.setdefault(writer.extension, writer)) != writer:
            raise _same_target(other.name, writer.name, f"a picture's {writer.extension}")


def refuse_same_target(targets: Mapping[str, Path]) -> None:
    """The same for one picture's ``targets`` by writer: writers that are not sidecars may choose freely."""
    claimed: dict[Path, str] = {}
    for name, target in targets.items():
        if (other := claimed.setdefault(target, name)) != name:
            raise _same_target(other, name, str(target))


def _same_target(one: str, other: str, target: str) -> OutputError:
    return OutputError(f"the writers {one!r} and {other!r} would both write {target}; use one of them")

"""From what a user calls a model to one that is checked and ready. Nothing here asks a network for anything.

A model is called ``default``, by a name of the catalogue, by a hub id (``hf:owner/name@revision``), or by the
path of a folder, of a bundle's manifest or of a zip file.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from booru_tagger.errors import ModelError, nearest
from booru_tagger.files.user_folders import with_home
from booru_tagger.models.bundle import MANIFEST, Bundle
from booru_tagger.models.store.model_folders import HUB, HubId, cache_folder, pulled_folder

if TYPE_CHECKING:
    from booru_tagger.models.formats.foreign_tagger import ForeignTagger

DEFAULT = "default"
SHIPPED = Path(__file__).parents[1] / "default"
"""The bundle that comes with the package."""


def open_model(model: str | Path, *, threads: int = 1, provider: str = "cpu") -> Bundle | ForeignTagger:
    """The bundle, or the third-party tagger, called ``model``. Raises :class:`ModelError`.

    ``threads`` and ``provider`` are for a tagger's network; a bundle has none of its own.
    """
    return _opened(locate(model), threads=threads, provider=provider)


def _opened(folder: Path, *, threads: int = 1, provider: str = "cpu") -> Bundle | ForeignTagger:
    if not (folder / MANIFEST).is_file():
        from booru_tagger.models.formats.foreign_tagger import ForeignTagger  # which few runs need
        from booru_tagger.models.formats.recognising import found_in

        if found_in(folder) is not None:
            return ForeignTagger(folder, threads=threads, provider=provider)
    return Bundle.load(folder)


def open_bundle(model: str | Path) -> Bundle:
    """The bundle called ``model``. Raises :class:`ModelError`, also for a third-party tagger."""
    opened = open_model(model)
    if not isinstance(opened, Bundle):
        raise ModelError(
            f"{opened.folder}: a {opened.format.title}, which tags whole pictures; "
            "here a model that finds or names faces is needed"
        )
    return opened


def locate(model: str | Path) -> Path:
    """The folder of the model called ``model``. A zip file is unpacked once, into the user's cache folder.

    Raises :class:`ModelError` where there is none, and for a model that was not pulled yet.
    """
    if model == DEFAULT:
        if not (SHIPPED / MANIFEST).is_file():
            raise ModelError(
                "this installation lacks the model that should come with it; reinstall booru-tagger, "
                "or name a model folder or zip file with --model"
            )
        return SHIPPED
    if str(model).startswith(HUB):
        return _pulled(str(model), HubId.parse(str(model)))
    try:
        path = with_home(Path(model))
    except ValueError as error:
        raise ModelError(str(error)) from error
    if path.is_dir():
        return path
    if path.is_file():
        by_part = path.name == MANIFEST or path.suffix == ".onnx"
        return path.parent if by_part else _unpacked(path)
    from booru_tagger.models.store.catalogue import CATALOGUE  # for names other than the usual one

    entry = CATALOGUE.get(str(model))
    if entry is not None:
        return _pulled(entry.name, entry.hub)
    near = nearest(str(model), [DEFAULT, *CATALOGUE])
    hint = f"did you mean {near!r}? Else " if near else ""
    raise ModelError(
        f"there is no model {str(model)!r}: {hint}give 'default', a folder that holds {MANIFEST} or a "
        "tagger's files, a name that `booru-tagger models list` shows, or a zip file of a model"
    )


def _unpacked(path: Path) -> Path:
    from booru_tagger.models.store.archives import unpack  # zip files and third-party formats

    return unpack(path, cache_folder())


def _pulled(name: str, hub: HubId) -> Path:
    if not hub.path.is_dir():
        raise ModelError(
            f"the model {name} is not on this machine, and nothing is downloaded without being asked: "
            f"booru-tagger models pull {name}"
        )
    return hub.path


class Stored(NamedTuple):
    """A model on this machine. ``name`` is what it can be called, ``problem`` why it cannot be used."""

    name: str
    folder: Path
    kind: str
    source: str
    licence: str
    bytes: int
    problem: str = ""


def describe(name: str, folder: Path) -> Stored:
    """What there is to know of a model's folder, without reading its networks."""
    from booru_tagger.models.model_record import read_record

    try:
        opened, record = _opened(folder), read_record(folder)
    except ModelError as error:
        return Stored(name, folder, "?", "", "", _size(folder), str(error))
    kind = "bundle" if isinstance(opened, Bundle) else opened.format.title
    licence = record.licence if record is not None else ""
    if isinstance(opened, Bundle):
        licence = licence or opened.licence
    source = record.source if record is not None else str(folder)
    return Stored(name, folder, kind, source, licence, _size(folder))


def stored() -> Iterator[Stored]:
    """The models in the cache folder: those that were pulled, then those from zip files."""
    from booru_tagger.models.store.catalogue import CATALOGUE

    names = {entry.hub.path.name: entry.name for entry in CATALOGUE.values()}
    for folder in _folders(pulled_folder()):
        yield describe(names.get(folder.name) or _hub_name(folder), folder)
    for folder in _folders(cache_folder()):
        yield describe(str(folder), folder)


def _hub_name(folder: Path) -> str:
    """The id of a folder that was pulled."""
    place, _, revision = folder.name.partition("@")
    owner, _, rest = place.partition("--")
    repository, _, inner = rest.partition("--")
    return str(HubId(f"{owner}/{repository}", inner.replace("--", "/"), revision.replace("--", "/")))


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def verify(model: str | Path) -> Bundle | ForeignTagger:
    """Compare every file of a model with its hash and check that its networks load and fit.

    A tagger's folder without a record has no hashes to compare; its network is loaded all the same. Raises
    :class:`ModelError`.
    """
    opened = open_model(model)
    if isinstance(opened, Bundle):
        opened.verify()
    else:
        _ = opened.fingerprint
        opened.check()
    return opened


def remove(model: str) -> Path:
    """Delete a pulled or unpacked model from the cache folder. Raises :class:`ModelError` for any other."""
    folder = locate(model).resolve()
    roots = [pulled_folder().resolve(), cache_folder().resolve()]
    if folder.parent not in roots:
        raise ModelError(f"{folder}: not in the program's own cache folder, so it is yours to delete")
    trash = folder.with_name(f".removed-{folder.name}")
    try:
        shutil.rmtree(trash, ignore_errors=True)
        folder.rename(trash)  # so that nobody meets half a model
        shutil.rmtree(trash)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be deleted: {error.strerror or error}") from error
    return folder


__all__ = [
    "DEFAULT",
    "SHIPPED",
    "Stored",
    "cache_folder",
    "describe",
    "locate",
    "open_bundle",
    "open_model",
    "remove",
    "stored",
    "verify",
]

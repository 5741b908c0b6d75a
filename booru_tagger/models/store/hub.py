"""Models from a hub, by huggingface_hub (extra `hub`): only when asked, whole and checked, or not at all.

What arrives is kept in a hidden folder until it is complete, so that a broken download goes on where it
stopped. Each file is compared with the hash that the hub states for it; then the folder is put in its place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from booru_tagger.errors import BooruTaggerError, MissingExtraError, ModelError
from booru_tagger.models.bundle import MANIFEST, Bundle
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.formats.known import FoundFormat, candidates, find_format
from booru_tagger.models.formats.recognising import recognised
from booru_tagger.models.manifest import FileRecord
from booru_tagger.models.model_record import FILE_RECORD, ModelRecord, digest, read_record, write_record
from booru_tagger.models.store.catalogue import CATALOGUE
from booru_tagger.models.store.model_folders import HUB, HubId

_CHUNK = 1 << 18
_TIMEOUT = 60.0
_PARTIAL = ".part"
_HASHED = "is not the file that the hub describes"

Listener = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are there and those that there will be."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository. ``sha256`` is stated for large ones, ``git_sha1`` (of git's blob) for all."""

    name: str
    bytes: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class HubListing:
    """What a hub says of a revision: ``commit`` is what it stands for now; files are those of the folder."""

    hub: HubId
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, slots=True)
class PulledModel:
    """``fresh`` is false where the very same was there already."""

    folder: Path
    record: ModelRecord
    fresh: bool


def hub_id(model: str) -> HubId:
    """The hub id of a name of the catalogue, or of an id as it is written. Raises :class:`ModelError`."""
    if model in CATALOGUE:
        return CATALOGUE[model].hub
    if model.startswith(HUB):
        return HubId.parse(model)
    raise ModelError(
        f"{model!r} cannot be pulled: name one that `booru-tagger models list` shows, or a model on a hub as "
        "hf:owner/name; a folder or a zip file is used where it is, with --model"
    )


class Hub:
    """A client of one hub: ``endpoint``, or the one that ``HF_ENDPOINT`` or huggingface_hub names."""

    def __init__(self, endpoint: str | None = None) -> None:
        try:
            import huggingface_hub
        except ImportError as error:
            raise MissingExtraError(
                "models from a hub need the extra 'hub': pip install 'booru-tagger[hub]'"
            ) from error
        self._package: Any = huggingface_hub
        self._endpoint = endpoint

    def pull(self, hub: HubId, listener: Listener = lambda *_: None) -> PulledModel:
        """Get a model, or see that it is here already. Raises :class:`ModelError`."""
        listing = self.listing(hub)
        source = f"{HubId(hub.repository, hub.folder, listing.commit)}"
        try:
            before = read_record(hub.path)
        except ModelError:
            before = None  # what is damaged is replaced
        if before is not None and before.source == source and _is_whole(hub.path, before):
            return PulledModel(hub.path, before, fresh=False)
        partial = hub.path.with_name(f".pulling-{hub.path.name.partition('@')[0]}@{listing.commit}")
        with _as_model_errors(str(hub)), _alone(hub, partial):
            partial.mkdir(parents=True, exist_ok=True)
            files = self._fetch_all(listing, partial, listener)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record = ModelRecord(hub.title, source, files, listing.licence, now)
            write_record(partial, record)
            _check(partial, record)
            _swap_in(partial, hub.path)
        return PulledModel(hub.path, record, fresh=True)

    def listing(self, hub: HubId) -> HubListing:
        """What the hub says of the model's files. Raises :class:`ModelError`."""
        api = self._package.HfApi(endpoint=self._endpoint)
        with _as_model_errors(str(hub)):
            info = api.model_info(hub.repository, revision=hub.revision, files_metadata=True)
            files = tuple(self._files(info.siblings or (), hub.folder))
            card = info.card_data
            licence = str((card.get("license") if card is not None else None) or "")
            return HubListing(hub, str(info.sha), licence, files)

    def _files(self, siblings: Sequence[Any], folder: str) -> Iterator[RemoteFile]:
        for item in siblings:
            place, _, name = item.rfilename.rpartition("/")
            if place == folder and item.size is not None:
                sha256 = item.lfs.sha256 if item.lfs is not None else None
                yield RemoteFile(name, int(item.size), sha256, None if sha256 else item.blob_id)

    def _fetch_all(self, listing: HubListing, partial: Path, listener: Listener) -> dict[str, FileRecord]:
        known = {file.name: file for file in listing.files}
        if MANIFEST in known:
            self._fetch(listing, known[MANIFEST], partial, listener)
            names: Sequence[str] = [MANIFEST, *Bundle.load(partial).files]
        else:
            names = self._tagger_files(listing, partial, listener)
        missing = [name for name in names if name not in known]
        if missing:
            raise ModelError(f"{listing.hub}: {missing[0]} is missing there, though its manifest lists it")
        _make_room(partial, sum(known[name].bytes for name in names))
        records = {}
        for name in names:
            sha256 = self._fetch(listing, known[name], partial, listener)
            records[name] = FileRecord(sha256, known[name].bytes)
        return records

    def _tagger_files(self, listing: HubListing, partial: Path, listener: Listener) -> Sequence[str]:
        """The files of a third-party tagger. What tells its layout from others is fetched for it, so that a
        model that only looks like a known one is refused before its network is on its way."""
        known = {file.name: file for file in listing.files}
        likeliest = find_format(known)
        if likeliest is None:
            listed = ", ".join(sorted(known)[:20]) or "no files"
            place = f"the folder {listing.hub.folder}" if listing.hub.folder else "its top folder"
            raise ModelError(
                f"{listing.hub}: no model of a kind that is known; {place} holds {listed}. A folder of a "
                "repository is named as hf:owner/name/folder"
            )
        _make_room(partial, sum(known[name].bytes for name in likeliest.files))
        fetched: set[str] = set()

        def described() -> Iterator[FoundFormat]:
            for one in candidates(known):
                for name in (one.labels, *one.described):
                    self._fetch(listing, known[name], partial, listener)
                    fetched.add(name)
                yield one

        files = recognised(described(), partial).files
        for name in fetched.difference(files):
            (partial / name).unlink()
        return files

    def _fetch(self, listing: HubListing, file: RemoteFile, partial: Path, listener: Listener) -> str:
        """Have the file in ``partial``, as the hub describes it, and return its SHA-256."""
        target, begun = partial / file.name, partial / f"{file.name}{_PARTIAL}"
        if not target.is_file():
            if begun.is_file() and begun.stat().st_size > file.bytes:
                begun.unlink()
            if not begun.is_file() or begun.stat().st_size < file.bytes or file.bytes == 0:
                self._download(listing, file, begun, listener)
            if not _matches(begun, file):
                begun.unlink()
                raise ModelError(
                    f"{listing.hub}: {file.name} {_HASHED}; it was thrown away, run the same command again"
                )
            begun.rename(target)
        listener(file.name, file.bytes, file.bytes)
        return digest(target)

    def _download(self, listing: HubListing, file: RemoteFile, begun: Path, listener: Listener) -> None:
        place = f"{listing.hub.folder}/{file.name}" if listing.hub.folder else file.name
        url = self._package.hf_hub_url(
            listing.hub.repository, place, revision=listing.commit, endpoint=self._endpoint
        )
        start = begun.stat().st_size if begun.is_file() else 0
        # Bytes as they are: what a server packed on the way would fit neither the length nor the place.
        headers = {**self._package.utils.build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        session = self._package.get_session()
        with session.stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as answer:
            if answer.status_code not in (200, 206):
                raise ModelError(f"{listing.hub}: {file.name}: the hub answers {answer.status_code}")
            if answer.status_code == 200:
                start = 0
            with begun.open("ab" if start else "wb") as stream:
                for chunk in answer.iter_bytes():  # as they come: what is waited for would be lost
                    start += len(chunk)
                    if start > file.bytes:
                        break  # too long: the comparison of hashes says so
                    stream.write(chunk)
                    listener(file.name, start, file.bytes)
                stream.flush()
                os.fsync(stream.fileno())
        if start < file.bytes:
            raise ModelError(
                f"{listing.hub}: {file.name} ended after {start:,} of {file.bytes:,} bytes; "
                "run the same command again to go on from there"
            )


def _matches(path: Path, file: RemoteFile) -> bool:
    """Whether a file is what the hub states. One without any hash is not."""
    if path.stat().st_size != file.bytes:
        return False
    if file.sha256:
        return digest(path) == file.sha256.lower()
    if not file.git_sha1:
        return False
    state = hashlib.sha1(f"blob {file.bytes}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest() == file.git_sha1.lower()


def _make_room(folder: Path, wanted: int) -> None:
    there = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    free = shutil.disk_usage(folder).free
    if wanted - there > free:
        raise ModelError(
            f"{folder}: {wanted - there:,} bytes are wanted, but the disk has only {free:,} free"
        )


def _is_whole(folder: Path, record: ModelRecord) -> bool:
    try:
        hashes = {name: digest(folder / name) for name in record.files}
        record.compare(folder, hashes)
    except ModelError:
        return False
    return True


def _check(folder: Path, record: ModelRecord) -> None:
    """A model must be usable before it takes its place."""
    if MANIFEST in record.files:
        Bundle.load(folder).verify()
    else:
        ForeignTagger(folder).check()


def _swap_in(partial: Path, target: Path) -> None:
    """Put a complete folder in its place, whatever was there before."""
    old = target.with_name(f".replaced-{target.name}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone(hub: HubId, partial: Path) -> Iterator[None]:
    """Keep a second process from writing into the same files."""
    from filelock import FileLock, Timeout  # comes with the extra

    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(partial.with_name(f"{partial.name}.lock"), timeout=0):
            yield
    except Timeout as error:
        raise ModelError(f"{hub}: is being pulled by another process just now") from error


@contextmanager
def _as_model_errors(model: str) -> Iterator[None]:
    """Turn errors of huggingface_hub and its libraries, which share no base class, into ModelError."""
    try:
        yield
    except BooruTaggerError:
        raise
    except Exception as error:
        if type(error).__name__ == "OfflineModeIsEnabled":
            raise ModelError(
                f"{model}: not asked for, because HF_HUB_OFFLINE forbids the network; unset it to pull models"
            ) from error
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise ModelError(
            f"{model}: could not be pulled: {reason}. What has arrived is kept: "
            "run the same command again to go on"
        ) from error


__all__ = ["FILE_RECORD", "Hub", "HubListing", "Listener", "PulledModel", "RemoteFile", "hub_id"]

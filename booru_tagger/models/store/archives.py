"""Zipped models: unpacked once, into the user's cache folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from booru_tagger.errors import ModelError
from booru_tagger.models.bundle import MANIFEST, MAX_MANIFEST_BYTES, Bundle
from booru_tagger.models.formats import FoundFormat, find_format
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.manifest import FileRecord
from booru_tagger.models.model_record import ModelRecord, digest, read_record, write_record

_CHUNK = 1 << 20
_MAX_BYTES = 16_000_000_000
"""An archive without a manifest may not unpack to more than this."""


def unpack(archive: Path, cache: Path) -> Path:
    """Unpack a zipped model below ``cache`` and return its folder; at once where that was done before.

    Only the files that a bundle's manifest lists, or that a known layout of tagger has, are written, by plain
    names and up to the length that is stated, so an archive cannot write elsewhere or fill the disk. The
    folder appears whole or not at all.
    """
    try:
        target = cache / digest(archive)[:32]
        if not _is_whole(target):
            shutil.rmtree(target, ignore_errors=True)
            cache.mkdir(parents=True, exist_ok=True)
            _unpack_into(archive, target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise ModelError(f"{archive}: not a zip file that can be read ({error})") from error
    except OSError as error:
        raise ModelError(f"{archive}: cannot be unpacked into {cache}: {error.strerror or error}") from error
    return target


def _is_whole(folder: Path) -> bool:
    """Whether a model stands there. A tagger's hashes are compared when it is used."""
    try:
        record = read_record(folder)
        if record is None:
            Bundle.load(folder).verify()
            return True
        return all((folder / name).stat().st_size == file.bytes for name, file in record.files.items())
    except (ModelError, OSError):
        return False


def _unpack_into(archive: Path, target: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            base = _base(opened)
            if base is not None:
                _unpack_bundle(opened, base, partial)
            else:
                _unpack_tagger(opened, archive, partial)
        try:
            partial.rename(target)
        except OSError:
            if not _is_whole(target):  # else another process was faster: its folder is as good
                raise
    except ModelError as error:  # what it says of the files holds for those in the archive
        raise ModelError(str(error).replace(str(partial), str(archive))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack_bundle(opened: zipfile.ZipFile, base: PurePosixPath, partial: Path) -> None:
    _copy(opened, base / MANIFEST, partial / MANIFEST, MAX_MANIFEST_BYTES)
    bundle = Bundle.load(partial)
    for name, record in bundle.files.items():
        _copy(opened, base / name, partial / name, record.bytes)
    bundle.verify()


def _unpack_tagger(opened: zipfile.ZipFile, archive: Path, partial: Path) -> None:
    place = _tagger_in(opened)
    if place is None:
        raise ModelError(
            f"{archive}: holds no {MANIFEST} and no files of any tagger that is known, so it is not a zipped "
            "model"
        )
    base, found = place
    sizes = {name: opened.getinfo(str(base / name)).file_size for name in found.files}
    if sum(sizes.values()) > min(_MAX_BYTES, shutil.disk_usage(partial).free):
        raise ModelError(f"{archive}: would unpack to {sum(sizes.values()):,} bytes; there is no room for it")
    for name, size in sizes.items():
        _copy(opened, base / name, partial / name, size)
    files = {name: FileRecord(digest(partial / name), size) for name, size in sizes.items()}
    write_record(partial, ModelRecord(archive.stem, str(archive.resolve()), files))
    ForeignTagger(partial)


def _tagger_in(opened: zipfile.ZipFile) -> tuple[PurePosixPath, FoundFormat] | None:
    """A folder at the top of the archive, or one level below it, with the files of a known layout."""
    folders: dict[PurePosixPath, list[str]] = {}
    for path in map(PurePosixPath, opened.namelist()):
        if len(path.parts) <= 2:
            folders.setdefault(path.parent, []).append(path.name)
    for base in sorted(folders, key=lambda folder: (len(folder.parts), str(folder))):
        if (found := find_format(folders[base])) is not None:
            return base, found
    return None


def _base(opened: zipfile.ZipFile) -> PurePosixPath | None:
    """The folder inside the archive that holds a manifest: the top, or one level below it."""
    places = [PurePosixPath(name) for name in opened.namelist() if PurePosixPath(name).name == MANIFEST]
    places = [place for place in places if len(place.parts) <= 2]
    return min(places, key=lambda place: len(place.parts)).parent if places else None


def _copy(opened: zipfile.ZipFile, member: PurePosixPath, target: Path, max_bytes: int) -> None:
    try:
        info = opened.getinfo(str(member))
    except KeyError as error:
        raise ModelError(f"{opened.filename}: {member} is missing, though the manifest lists it") from error
    if info.flag_bits & 0x1:
        raise ModelError(f"{opened.filename}: {member} is encrypted; unpack it first and name the folder")
    left = max_bytes
    with opened.open(info) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ModelError(
                    f"{opened.filename}: {member} is larger than {max_bytes:,} bytes, as it should be"
                )
            sink.write(chunk)
        sink.flush()
        os.fsync(sink.fileno())

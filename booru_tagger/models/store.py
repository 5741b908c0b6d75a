"""From what a user calls a model to a checked bundle: ``default``, a folder, or a zip file of one."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from booru_tagger.errors import ModelError
from booru_tagger.models.bundle import MANIFEST, MAX_MANIFEST_BYTES, Bundle

DEFAULT = "default"
SHIPPED = Path(__file__).parent / "default"
"""The bundle that comes with the package."""

_CHUNK = 1 << 20


def open_bundle(model: str | Path) -> Bundle:
    """The bundle called ``model``: ``default``, a folder (or its manifest), or a zip file.

    A zip file is unpacked once into the user's cache folder. Raises :class:`ModelError`.
    """
    if model == DEFAULT:
        if not (SHIPPED / MANIFEST).is_file():
            raise ModelError(
                "this installation lacks the model that should come with it; reinstall booru-tagger, "
                "or name a model folder or zip file with --model"
            )
        return Bundle.load(SHIPPED)
    path = Path(model).expanduser()
    if path.is_dir():
        return Bundle.load(path)
    if path.name == MANIFEST and path.is_file():
        return Bundle.load(path.parent)
    if path.is_file():
        return Bundle.load(unpack(path, cache_folder()))
    raise ModelError(
        f"there is no model {str(model)!r}: "
        f"give 'default', a folder that holds {MANIFEST}, or a zip file of one"
    )


def cache_folder() -> Path:
    """Where unpacked bundles are kept; may be deleted at any time."""
    return user_cache_path("booru-tagger", appauthor=False) / "bundles"


def unpack(archive: Path, cache: Path) -> Path:
    """Unpack a zipped bundle below ``cache`` and return its folder; at once where that was done before.

    Only the files that the manifest lists are written, by plain names and up to the length that it gives, so
    an archive cannot write elsewhere or fill the disk. The folder appears whole or not at all.
    """
    try:
        target = cache / _digest(archive)[:32]
        if not _is_whole(target):
            shutil.rmtree(target, ignore_errors=True)
            cache.mkdir(parents=True, exist_ok=True)
            _unpack_into(archive, target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise ModelError(f"{archive}: not a zip file that can be read ({error})") from error
    except OSError as error:
        raise ModelError(f"{archive}: cannot be unpacked into {cache}: {error.strerror or error}") from error
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _is_whole(folder: Path) -> bool:
    try:
        Bundle.load(folder).verify()
    except ModelError:
        return False
    return True


def _unpack_into(archive: Path, target: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            base = _base(opened, archive)
            _copy(opened, base / MANIFEST, partial / MANIFEST, MAX_MANIFEST_BYTES)
            bundle = Bundle.load(partial)
            for name, record in bundle.files.items():
                _copy(opened, base / name, partial / name, record.bytes)
        bundle.verify()
        try:
            partial.rename(target)
        except OSError:
            if not _is_whole(target):  # else another process was faster: its folder is as good
                raise
    except ModelError as error:  # what it says of the files holds for those in the archive
        raise ModelError(str(error).replace(str(partial), str(archive))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _base(opened: zipfile.ZipFile, archive: Path) -> PurePosixPath:
    """The folder inside the archive that holds the manifest: the top, or one level below it."""
    places = [PurePosixPath(name) for name in opened.namelist() if PurePosixPath(name).name == MANIFEST]
    places = [place for place in places if len(place.parts) <= 2]
    if not places:
        raise ModelError(f"{archive}: holds no {MANIFEST}, so it is not a zipped model")
    return min(places, key=lambda place: len(place.parts)).parent


def _copy(opened: zipfile.ZipFile, member: PurePosixPath, target: Path, most: int) -> None:
    try:
        info = opened.getinfo(str(member))
    except KeyError as error:
        raise ModelError(f"{opened.filename}: {member} is missing, though the manifest lists it") from error
    if info.flag_bits & 0x1:
        raise ModelError(f"{opened.filename}: {member} is encrypted; unpack it first and name the folder")
    left = most
    with opened.open(info) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ModelError(
                    f"{opened.filename}: {member} is larger than {most:,} bytes, as it should be"
                )
            sink.write(chunk)
        sink.flush()
        os.fsync(sink.fileno())

"""A gallery as a file: JSON, the embeddings as base64 of little-endian float32. It holds no picture."""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from booru_tagger.errors import ModelError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.text import decoded
from booru_tagger.files.user_folders import user_folder, with_home
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.fields import Table
from booru_tagger.models.gallery.matching import Matching
from booru_tagger.models.gallery.values import Enrolled, Gallery
from booru_tagger.models.manifest import read_label

SCHEMA = 1
KIND = "booru-tagger gallery"
MAX_BYTES = 256_000_000
MAX_DIMENSION = 16_384
NORM_TOLERANCE = 0.01
"""How far from 1 the length of an embedding may be; what is stored is a rounded unit vector."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def default_path() -> Path:
    """The user's own gallery, whether it exists or not."""
    return user_folder("data") / "gallery.json"


def load(path: Path, *, matching: Matching | None = None) -> Gallery:
    """Read and check a gallery file. Raises :class:`ModelError`."""
    try:
        data = read_regular(path, MAX_BYTES)
    except OversizeFileError as error:
        raise ModelError(f"{path}: larger than a gallery can be; is it the right file?") from error
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: there is no such gallery; `booru-tagger characters add` begins one"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    return parse(data, str(path), matching=matching)


def parse(data: bytes, name: str, *, matching: Matching | None = None) -> Gallery:
    """The gallery in a file's bytes; ``name`` appears in messages. Raises :class:`ModelError`."""
    try:
        values = json.loads(decoded(data))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: not a gallery: it is not valid JSON ({error})") from error
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise ModelError(f"{name}: not a gallery: `booru-tagger characters` wrote no such file")
    table = Table(values, name)
    if values.get("schema") != SCHEMA:
        table.fail(
            "schema",
            f"this version reads schema {SCHEMA}, found {values.get('schema')!r}; update booru-tagger",
        )
    table.only("kind", "schema", "recogniser", "model", "dimension", "characters")
    recogniser = table.text("recogniser")
    if not _SHA256.fullmatch(recogniser):
        table.fail("recogniser", "expected 64 hexadecimal digits")
    dimension = table.whole("dimension", high=MAX_DIMENSION)
    characters = [_character(item, dimension) for item in table.tables("characters")]
    try:
        return Gallery(recogniser, characters, model=table.text("model", ""), matching=matching)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def _character(table: Table, dimension: int) -> Enrolled:
    table.only("tag", "series", "implied", "added", "pictures", "faces")
    faces = _faces(table, dimension)
    pictures = table.items("pictures", ())
    if not all(isinstance(picture, str) for picture in pictures) or len(pictures) not in (0, len(faces)):
        table.fail("pictures", f"expected a text for each of the {len(faces)} faces, or an empty list")
    return Enrolled(read_label(table), faces, pictures, table.text("added", ""))


def _faces(table: Table, dimension: int) -> Floats:
    try:
        data = base64.b64decode(table.text("faces"), validate=True)
    except (binascii.Error, ValueError) as error:
        table.fail("faces", f"not base64 ({error})")
    if not data or len(data) % (4 * dimension):
        table.fail("faces", f"{len(data)} bytes are not embeddings of {dimension} numbers")
    faces = np.frombuffer(data, "<f4").reshape(-1, dimension).astype(np.float32)
    norms = np.linalg.norm(faces.astype(np.float64), axis=1)
    if not (np.abs(norms - 1) <= NORM_TOLERANCE).all():  # NaN and infinity are not near 1 either
        table.fail("faces", "an embedding is not a unit vector")
    return faces


def dump(gallery: Gallery, *, pictures: bool = True) -> bytes:
    """A gallery as a file's bytes; without ``pictures`` not even their names are in it."""
    values: dict[str, Any] = {
        "kind": KIND,
        "schema": SCHEMA,
        "recogniser": gallery.recogniser,
        "model": gallery.model,
        "dimension": next((enrolled.faces.shape[1] for enrolled in gallery), 1),
        "characters": [_values(enrolled, pictures) for enrolled in gallery],
    }
    return json.dumps(values, indent=1).encode() + b"\n"


def _values(enrolled: Enrolled, pictures: bool) -> dict[str, Any]:
    return {
        "tag": enrolled.label.tag,
        "series": enrolled.label.series,
        "implied": list(enrolled.label.implied),
        "added": enrolled.added,
        "pictures": list(enrolled.pictures) if pictures else [],
        "faces": base64.b64encode(np.ascontiguousarray(enrolled.faces, "<f4").tobytes()).decode("ascii"),
    }


DEFAULT = "default"


def open_gallery(gallery: Gallery | str | Path | None, bundle: Bundle) -> Gallery | None:
    """The gallery, ready to be used with ``bundle``: given as such, as a file, or as ``default``.

    That is the user's own, where there is one. Raises :class:`ModelError`, also where the characters were
    enrolled with another recogniser.
    """
    name = "the gallery"
    if gallery == DEFAULT:
        gallery = default_path() if default_path().is_file() else None
    if isinstance(gallery, str | Path):
        try:
            name, gallery = str(gallery), load(with_home(Path(gallery)))
        except ValueError as error:
            raise ModelError(str(error)) from error
    if gallery:
        require(gallery, name, bundle)
    return gallery


def require(gallery: Gallery, name: str, bundle: Bundle) -> None:
    """Raise :class:`ModelError` unless the gallery's embeddings are of this bundle's recogniser."""
    if gallery.recogniser != bundle.recogniser_sha256:
        raise ModelError(
            f"{name}: its characters were enrolled with another model ({gallery.model or 'unnamed'}) than "
            f"{bundle.name} {bundle.version}, so their faces cannot be compared; enrol them again with "
            "`booru-tagger characters add`, name another gallery with --gallery, or use --no-gallery"
        )

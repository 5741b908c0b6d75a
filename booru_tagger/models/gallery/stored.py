"""A gallery as a file: JSON, the embeddings as base64. It holds no picture.

Schema 2 has a line for each character and what is known of all faces at its end, the embeddings in 8 bits, so
that ten thousand characters are read in less than a second. Schema 1, which is still read, had the faces of
each character beside its name, in little-endian float32.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.user_folders import user_folder, with_home
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.gallery.matching import Matching
from booru_tagger.models.gallery.values import NO_BOXES, Enrolled, Gallery
from booru_tagger.models.identity import unit
from booru_tagger.models.manifest import Table, read_label

SCHEMA = 2
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
        values = json.loads(data)  # of whatever Unicode it is, with a byte-order mark or without
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: not a gallery: it is not valid JSON ({error})") from error
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise ModelError(f"{name}: not a gallery: `booru-tagger characters` wrote no such file")
    table = Table(values, name)
    read = _READERS.get(values["schema"]) if isinstance(values.get("schema"), int) else None
    if read is None:
        table.fail(
            "schema",
            f"this version reads schemas up to {SCHEMA}, found {values.get('schema')!r}; update booru-tagger",
        )
    recogniser = table.text("recogniser")
    if not _SHA256.fullmatch(recogniser):
        table.fail("recogniser", "expected 64 hexadecimal digits")
    characters = read(table, table.whole("dimension", high=MAX_DIMENSION))
    try:
        return Gallery(recogniser, characters, model=table.text("model", ""), matching=matching)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def _read_first(table: Table, dimension: int) -> list[Enrolled]:
    table.only(*_KEYS)
    characters = []
    for item in table.tables("characters"):
        item.only("tag", "series", "implied", "added", "pictures", "faces")
        faces = _checked(item, "faces", _numbers(item, "faces", dimension, "<f4"))
        pictures = _pictures(item, len(faces))
        characters.append(Enrolled(read_label(item), faces, pictures, item.text("added", "")))
    return characters


def _read_second(table: Table, dimension: int) -> list[Enrolled]:
    table.only(*_KEYS, "boxes", "embeddings")
    items = table.tables("characters")
    if not items:
        return []
    faces = unit(_numbers(table, "embeddings", dimension, "i1").astype(np.float32))
    faces = _checked(table, "embeddings", faces)
    boxes = _numbers(table, "boxes", 4, "<i4") if table.text("boxes", "") else None
    ends = np.cumsum([item.whole("faces") for item in items]).tolist()
    if ends[-1] != len(faces) or (boxes is not None and len(boxes) != len(faces)):
        table.fail("embeddings", f"there are {len(faces)}, and the characters have {ends[-1]} faces")
    characters = []
    for item, start, end in zip(items, [0, *ends], ends, strict=False):
        item.only("tag", "series", "implied", "added", "pictures", "faces")
        characters.append(
            Enrolled(
                read_label(item),
                faces[start:end],
                _pictures(item, end - start),
                item.text("added", ""),
                NO_BOXES if boxes is None else boxes[start:end],
            )
        )
    return characters


_KEYS = ("kind", "schema", "recogniser", "model", "dimension", "characters")
_READERS = {1: _read_first, 2: _read_second}


def _pictures(table: Table, count: int) -> tuple[str, ...]:
    pictures = table.items("pictures", ())
    if len(pictures) not in (0, count) or not all(isinstance(picture, str) for picture in pictures):
        table.fail("pictures", f"expected a text for each of the {count} faces, or an empty list")
    return pictures


def _numbers(table: Table, key: str, columns: int, form: str) -> npt.NDArray[Any]:
    try:
        data = base64.b64decode(table.text(key), validate=True)
    except (binascii.Error, ValueError) as error:
        table.fail(key, f"not base64 ({error})")
    if not data or len(data) % (np.dtype(form).itemsize * columns):
        what = "boxes" if key == "boxes" else f"embeddings of {columns} numbers"
        table.fail(key, f"{len(data)} bytes are not {what}")
    return np.frombuffer(data, form).reshape(-1, columns)


def _checked(table: Table, key: str, faces: npt.NDArray[Any]) -> Floats:
    faces = faces.astype(np.float32, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.einsum("nd,nd->n", faces, faces))
    if not (np.abs(norms - 1) <= NORM_TOLERANCE).all():  # NaN and infinity are not near 1 either
        table.fail(key, "an embedding is not a unit vector")
    return faces


def dump(gallery: Gallery, *, pictures: bool = True) -> bytes:
    """A gallery as a file's bytes; without ``pictures`` not even their names are in it."""
    head = {
        "kind": KIND,
        "schema": SCHEMA,
        "recogniser": gallery.recogniser,
        "model": gallery.model,
        "dimension": next((enrolled.faces.shape[1] for enrolled in gallery), 1),
    }
    tail = {"boxes": b"", "embeddings": b"".join(enrolled.packed.tobytes() for enrolled in gallery)}
    if pictures and any(len(enrolled.boxes) for enrolled in gallery):
        tail["boxes"] = b"".join(np.asarray(enrolled.known_boxes, "<i4").tobytes() for enrolled in gallery)
    characters = ",\n  ".join(json.dumps(_values(enrolled, pictures)) for enrolled in gallery)
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    members.append(f'"characters": [\n  {characters}\n ]')
    members += [f'"{key}": "{base64.b64encode(data).decode("ascii")}"' for key, data in tail.items()]
    return ("{\n " + ",\n ".join(members) + "\n}\n").encode()


def _values(enrolled: Enrolled, pictures: bool) -> dict[str, Any]:
    return {
        "tag": enrolled.label.tag,
        "series": enrolled.label.series,
        "implied": list(enrolled.label.implied),
        "added": enrolled.added,
        "pictures": list(enrolled.pictures) if pictures else [],
        "faces": len(enrolled.faces),
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
            f"{bundle.name} {bundle.version}, so their faces cannot be compared; `booru-tagger characters "
            "refresh` enrols them again from the same pictures; or name another gallery with --gallery, or "
            "use --no-gallery"
        )

"""The faces of pictures as enrolment needs them, remembered from one run to the next."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from booru_tagger.errors import ImageError, ModelError
from booru_tagger.files.cache import open_cache
from booru_tagger.files.stamps import stamp_of
from booru_tagger.files.user_folders import user_folder
from booru_tagger.imaging import Floats, Limits, read_file
from booru_tagger.models.identity import to_bytes, unit
from booru_tagger.parallel import Executor
from booru_tagger.tagging.looking import Look
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult

HYDRUS, SZURUBOORU = "hydrus", "szurubooru"
_FETCHED = re.compile(rf"({HYDRUS}):[0-9a-f]{{64}}|({SZURUBOORU}):\d+")
_FORMAT = 1
_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class SeenFaces:
    """The faces of a picture and their embeddings, unit vectors ``(N, D)``; or why it could not be read.

    ``new``: the picture was read for it, rather than remembered.
    """

    faces: tuple[FaceResult, ...]
    embeddings: Floats
    error: ImageError | None = None
    new: bool = True

    def __len__(self) -> int:
        return len(self.faces)


NOTHING = SeenFaces((), np.zeros((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class Viewed:
    """A picture to look at. ``stamp`` changes with its content, which ``read`` gives where it is needed."""

    name: str
    stamp: str
    read: Callable[[], bytes]

    @classmethod
    def file(cls, path: Path, limits: Limits) -> Viewed:
        """A file, by its path; it need not exist."""
        stamp = stamp_of(path)
        told = "" if stamp is None else f"{stamp.size}:{stamp.mtime_ns}"
        return cls(str(path), told, functools.partial(read_file, path, limits))


def booru_of(name: str) -> str | None:
    """The booru that a picture was fetched from, by the name that it is remembered under; of a file none."""
    match = _FETCHED.fullmatch(name)
    return match and (match[1] or match[2])


def default_path() -> Path:
    return user_folder("cache") / "learned.sqlite3"


class FaceRules:
    """Makes faces of what the networks say: nothing implied, each with its embedding.

    Raises :class:`ModelError` for a model that cannot compare faces.
    """

    def __init__(self, tagger: Tagger) -> None:
        spec = tagger.bundle.recogniser
        if spec is None:
            raise ModelError(
                f"{tagger.model}: this model has no recogniser, so it cannot tell characters apart"
            )
        self._model = tagger.model
        self._rules = Rules(
            spec,
            tagger.bundle.labels,
            tagger.options.thresholds,
            imply=False,
            identity=tagger.networks.identity,
        )

    def read(self, look: Look) -> list[tuple[FaceResult, Floats]]:
        found = []
        for face, answer in zip(look.faces, look.answers, strict=True):
            if answer.embedding is None:
                raise ModelError(
                    f"{self._model}: this model gives no embeddings, so no character can be enrolled"
                )
            reading = self._rules.read(face, answer, colored=look.colored)
            found.append((reading.face, answer.embedding))
        return found


class FaceReader:
    """Looks at pictures with ``tagger``; what it saw is kept at ``path``, where there is one.

    May be used from any thread. Raises :class:`ModelError` for a model that cannot compare faces.
    """

    def __init__(self, tagger: Tagger, path: Path | None = None) -> None:
        self._tagger = tagger
        self._rules = FaceRules(tagger)
        options = tagger.options
        space = (_FORMAT, tagger.bundle.fingerprint, options.crops, sorted(options.thresholds.items()))
        self._space = repr(space).encode()
        self._lock = threading.Lock()
        self._connection = None if path is None else open_cache(path, "looks", "faces BLOB NOT NULL")

    def close(self) -> None:
        if self._connection is not None:
            with self._lock:
                self._connection.close()

    def look_at_all(
        self, pictures: Iterable[Viewed], executor: Executor, step: Callable[[], None] = lambda: None
    ) -> dict[str, SeenFaces]:
        """The faces in each picture, by its name. ``step`` is called after each."""
        seen = {}
        for name, faces in executor.run(lambda viewed: (viewed.name, self.look(viewed)), pictures):
            seen[name] = faces
            step()
        return seen

    def look(self, viewed: Viewed) -> SeenFaces:
        """The faces in a picture. One that cannot be read is told as such, and tried again the next time."""
        key = self._key(viewed, self._space)
        known = self._find(key)
        if known is not None:
            return _unpacked(known, new=False)
        try:
            look = self._tagger.networks.look_at_faces(viewed.read(), viewed.name)
        except ImageError as error:
            return SeenFaces((), NOTHING.embeddings, error)
        packed = _packed(self._rules.read(look))
        self._keep(key, packed)
        return _unpacked(packed, new=True)

    def remembered(self, what: str, viewed: Viewed, make: Callable[[], str]) -> str:
        """What ``make`` says of a picture as it is now; asked once, where what was said is kept."""
        key = self._key(viewed, what.encode())
        known = self._find(key)
        if known is not None:
            return known.decode()
        made = make()
        self._keep(key, made.encode())
        return made

    def _key(self, viewed: Viewed, space: bytes) -> bytes:
        name = viewed.name.encode("utf-8", "surrogateescape")
        return hashlib.sha256(b"\0".join((space, name, viewed.stamp.encode()))).digest()

    def _find(self, key: bytes) -> bytes | None:
        if self._connection is None:
            return None
        with self._lock:
            row = self._connection.execute("SELECT faces FROM looks WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def _keep(self, key: bytes, packed: bytes) -> None:
        if self._connection is not None:
            day = int(time.time()) // _DAY
            with self._lock, suppress(sqlite3.Error):  # no room: it is looked at again next time
                self._connection.execute("INSERT OR REPLACE INTO looks VALUES (?, ?, ?)", (key, packed, day))


def _packed(faces: list[tuple[FaceResult, Floats]]) -> bytes:
    told = [
        {**face.to_json(), "embedding": base64.b64encode(to_bytes(embedding[None]).tobytes()).decode("ascii")}
        for face, embedding in faces
    ]
    return zlib.compress(json.dumps(told).encode(), 1)


def _unpacked(packed: bytes, *, new: bool) -> SeenFaces:
    told = json.loads(zlib.decompress(packed))
    if not told:
        return SeenFaces((), NOTHING.embeddings, new=new)
    rows = np.stack([np.frombuffer(base64.b64decode(item["embedding"]), np.int8) for item in told])
    return SeenFaces(tuple(map(FaceResult.from_json, told)), unit(rows.astype(np.float32)), new=new)

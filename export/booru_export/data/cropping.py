"""Whole illustrations into face crops, cut by the detector of a bundle and by its crop rule."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PIL import Image

from booru_export.data.tables import FaceItem
from booru_tagger.errors import ModelError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.imaging import Pixels, crop, read_picture, square_around
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, Face

MAX_SIDE = 320
"""Pixels of a crop's side at most: more than any network here looks at."""
MIN_SIDE = 24.0
"""Pixels of a head's longer side below which nobody could say who it is."""
LARGER = 1.6
"""How many times as long the side of one head must be than of any other, to be whom the picture is of."""

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]|^\.|[. ]$')

Several = Literal["skip", "largest"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A face cut out of an illustration: the crop's item, and where it comes from."""

    item: FaceItem
    picture: Path
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why an illustration gave no crop."""

    reason: str


class Cutter:
    """Finds the head on an illustration of one character and writes its crop below ``folder``.

    ``model`` is a bundle with a detector, as :class:`~booru_tagger.tagging.tagger.Tagger` has it. ``expand``
    is the crop's side in longer sides of the head box, by default that of the bundle's recogniser. Of several
    heads nobody says which one the label means: such pictures are rejected, or, with ``several="largest"``,
    give the head that is much larger than the others. Raises :class:`ModelError`.
    """

    def __init__(
        self,
        model: str | Path,
        folder: Path,
        *,
        expand: float | None = None,
        several: Several = "skip",
        write: bool = True,
    ) -> None:
        self.tagger = Tagger(TaggerOptions(model, gallery=None))
        if self.tagger.bundle.detector is None:
            raise ModelError(f"{model}: has no detector, so it cannot cut faces out of whole illustrations")
        recogniser = self.tagger.bundle.recogniser
        self.expand = expand or (recogniser.expand if recogniser else 1.0)
        self.folder, self.several, self.write = folder, several, write

    def cut(self, item: FaceItem) -> Cut | Rejected:
        """The crop for ``item``, whose path is the illustration's. Raises ``ImageError``."""
        picture = read_picture(item.path)
        face = self._choose(self.tagger.networks.detect(picture))
        if isinstance(face, Rejected):
            return face
        return self.save(item, picture.pixels, face)

    def save(self, item: FaceItem, pixels: Pixels, face: Face) -> Cut:
        """Write the crop of ``face`` in the picture ``item.path``, whose full-size ``pixels`` are given."""
        square = square_around(face.box, self.expand)
        data = jpeg_bytes(crop(pixels, square, min(MAX_SIDE, max(1, round(square.width)))))
        name = f"{sha256_of_bytes(data)[:16]}.jpg"
        path = self.folder / folder_name(item.label) / name
        if self.write and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)
        return Cut(replace(item, path=path), item.path, face.box, face.score)

    def _choose(self, faces: tuple[Face, ...]) -> Face | Rejected:
        if not faces:
            return Rejected("no face found on it")
        ordered = sorted(faces, key=lambda face: face.box.longer, reverse=True)
        if len(ordered) > 1 and (
            self.several == "skip" or ordered[0].box.longer < LARGER * ordered[1].box.longer
        ):
            return Rejected("several faces on it, and nobody says which one the label means")
        return ordered[0] if ordered[0].box.longer >= MIN_SIDE else Rejected("the face on it is too small")


def jpeg_bytes(pixels: Pixels, quality: int = 95) -> bytes:
    """A JPEG with colors at full resolution."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def folder_name(label: str) -> str:
    """A folder name for a tag on any system; two tags never share one."""
    safe = _UNSAFE.sub("_", label)[:80]
    return safe if safe == label else f"{safe}-{sha256_of_bytes(label.encode())[:8]}"

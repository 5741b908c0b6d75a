"""Pictures that are the same, or nearly: found by a perceptual hash, all pairs at once in numpy.

:mod:`booru_tagger.imaging.prints` says what is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_export.data.tables import FaceItem
from booru_tagger.errors import ImageError
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.imaging import Floats, Limits, decode_picture, read_file
from booru_tagger.imaging.prints import BITS, MIRROR, NEAR_BITS, NEAR_COLOR, SIDE, THUMB, print_of

BLOCK = 512

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """What is remembered of ``N`` pictures.

    ``signs``: the hash as -1 and 1, ``(N, BITS)``; ``thumbs``: small color pictures ``(N, 8, 8, 3)``;
    ``digests``: SHA-256 of the file; ``sizes``: width and height ``(N, 2)``.
    """

    signs: Floats
    thumbs: Floats
    digests: tuple[str, ...]
    sizes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures, by index, that nearly agree; ``bits`` of the hash differ."""

    first: int
    second: int
    bits: int
    mirrored: bool


def take_prints(
    paths: Sequence[Path], step: Callable[[], None] = lambda: None
) -> tuple[Fingerprints, list[int], list[tuple[Path, ImageError]]]:
    """Prints of the pictures that can be read, the indices of those, and the errors of the others."""
    signs, thumbs, digests, sizes = [], [], [], []
    read: list[int] = []
    bad: list[tuple[Path, ImageError]] = []
    for index, path in enumerate(paths):
        try:
            data = read_file(path, Limits())
            picture = decode_picture(data, str(path), longest=4 * SIDE)
        except ImageError as error:
            bad.append((path, error))
        else:
            read.append(index)
            sign, thumb = print_of(picture.pixels)
            signs.append(sign)
            thumbs.append(thumb)
            digests.append(sha256_of_bytes(data))
            sizes.append((picture.width, picture.height))
        step()
    prints = Fingerprints(
        np.asarray(signs, dtype=np.float32).reshape(-1, BITS),
        np.asarray(thumbs, dtype=np.float32).reshape(-1, THUMB, THUMB, 3),
        tuple(digests),
        np.asarray(sizes, dtype=np.int64).reshape(-1, 2),
    )
    return prints, read, bad


def exact_copies(prints: Fingerprints) -> list[list[int]]:
    """Indices of pictures whose files are the same to the byte, two or more together."""
    same: dict[str, list[int]] = {}
    for index, digest in enumerate(prints.digests):
        same.setdefault(digest, []).append(index)
    return [members for members in same.values() if len(members) > 1]


def near_pairs(prints: Fingerprints, bits: int = NEAR_BITS, color: float = NEAR_COLOR) -> list[NearPair]:
    """All pairs that differ in at most ``bits`` of the hash and ``color`` of the small pictures.

    Time grows with the square of the number of pictures: 50,000 take about half a minute on one core.
    """
    pairs = []
    for mirrored in (False, True):
        for first, second, distance in _close(prints.signs, bits, mirrored):
            theirs = prints.thumbs[second]
            if mirrored:
                theirs = theirs[:, :, ::-1]
            apart = np.abs(prints.thumbs[first] - theirs).mean(axis=(1, 2, 3))
            kept = apart <= color
            pairs += [
                NearPair(one, two, round(differing), mirrored)
                for one, two, differing in zip(
                    first[kept].tolist(), second[kept].tolist(), distance[kept].tolist(), strict=True
                )
            ]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second, pair.mirrored))


def _close(signs: Floats, bits: int, mirrored: bool) -> Iterator[tuple[Indices, Indices, Floats]]:
    """Candidates ``first < second`` block by block, with the number of bits in which they differ."""
    others = signs * MIRROR if mirrored else signs
    for start in range(0, len(signs), BLOCK):
        agreeing = signs[start : start + BLOCK] @ others[start:].T
        distance = (BITS - agreeing) / 2
        row, column = np.nonzero(distance <= bits + 0.25)
        ahead = row < column
        row, column = row[ahead], column[ahead]
        yield row + start, column + start, distance[row, column].astype(np.float32)


def families(items: Sequence[FaceItem], pairs: Sequence[NearPair]) -> list[FaceItem]:
    """The items with groups widened, so that near-duplicates and what shares a group are in one group.

    A widened group bears the first of its groups' names in alphabetical order.
    """
    parent = {item.group: item.group for item in items}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for pair in pairs:
        first, second = sorted((root(items[pair.first].group), root(items[pair.second].group)))
        parent[second] = first
    return [replace(item, group=root(item.group)) for item in items]

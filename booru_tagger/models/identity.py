"""Who a face is, as one calibrated scale for characters that were trained and for those that were enrolled.

A face is compared with what is known of each character: a direction that was learned, the mean of its faces,
the most alike of its faces. What speaks for one is weighed against the most alike other one by a logistic
function whose weights were fitted on characters that the net was not trained on (``booru-tagger export
--calibrate``), so that of the answers that score 0.9 nine in ten are right.
"""

from __future__ import annotations

import functools
import io
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.manifest import IdentitySpec, Weights
from booru_tagger.types import Embedding

CROWD = 5
"""Characters known by faces alone up to which ``margin`` is as the manifest has it."""
GROWTH = 1.25
"""Log odds more for each time that they are e times as many; measured on posters (docs/results.md)."""
SHORT_LIST = 24
"""Characters that a face is compared with face by face: those nearest at a first glance."""

_SPACE_DIGITS = 16
"""Of the hash that tells recognisers apart; a journal holds it for every face."""
ALIKE = 0.7
"""Similarity (cosine) from which two faces are probably one character's. Higher than what enrolment asks for,
because here nobody vouches for any of the faces. For bundles that do not say it themselves."""
SAME_PERSON = 0.45
"""The same where they are likely one person's anyway."""

_BLOCK = 256
"""Vectors that are brought to length 1 at once."""

Bytes = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownCharacters:
    """What is known of some characters, as unit vectors: ``means (C, D)`` and ``faces (E, D)``.

    The faces may be in 8 bits, as in a bundle: those that are asked for are then brought to length 1.
    Character ``c`` has the faces from ``starts[c]`` to ``starts[c + 1]``, which stand for ``counts[c]``
    pictures. The first of the characters have a direction in ``learned (L, D)``, too; L may be 0.
    """

    learned: Floats
    means: Floats
    faces: Floats | Bytes
    starts: Numbers
    counts: Numbers

    def __len__(self) -> int:
        return len(self.means)

    @cached_property
    def glance(self) -> Floats:
        """A direction for each character ``(C, D)`` by which a short list is made; no unit vectors."""
        glance = self.means.copy()
        glance[: len(self.learned)] = (glance[: len(self.learned)] + self.learned) / 2
        return glance

    def of(self, character: int) -> Floats:
        """The faces of a character ``(N, D)``."""
        return _floats(self.faces[self.starts[character] : self.starts[character + 1]])

    def nearest(self, characters: Numbers, embedding: Floats) -> Floats:
        """How like ``embedding`` the most alike face of each of these characters is: ``(K,)``."""
        starts = self.starts[characters]
        counts = self.starts[characters + 1] - starts
        offsets = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) + np.repeat(starts - offsets, counts)
        result: Floats = np.maximum.reduceat(_floats(self.faces.take(rows, axis=0)) @ embedding, offsets)
        return result

    @classmethod
    def of_faces(cls, faces: Sequence[Floats]) -> KnownCharacters:
        """Characters of whom nothing but faces ``(N, D)`` is known."""
        if not faces:
            nothing, none = np.zeros((0, 0), np.float32), np.zeros(0, np.int64)
            return cls(nothing, nothing, nothing, np.zeros(1, np.int64), none)
        counts = np.array([len(one) for one in faces])
        starts = np.concatenate([[0], np.cumsum(counts)])
        everybody = np.concatenate(faces)
        means = unit(np.add.reduceat(everybody, starts[:-1]))
        return cls(np.zeros((0, everybody.shape[1]), np.float32), means, everybody, starts, counts)


def likeness_bounds(bundle: Bundle) -> tuple[float, float]:
    """The similarities from which on two faces are one person's, for a bundle's embeddings: where nothing is
    known, and where that is likely anyway."""
    identity = bundle.recogniser.identity if bundle.recogniser is not None else None
    return (ALIKE, SAME_PERSON) if identity is None else (identity.alike, identity.same_person)


def unit(vectors: Floats | Bytes) -> Floats:
    """The vectors ``(N, D)``, or the only one ``(D,)``, at length 1."""
    if len(vectors) > _BLOCK and vectors.ndim == 2:
        # What is computed on the way then stays in the processor's cache, and takes no new memory each time.
        whole = np.empty(vectors.shape, np.float32)
        for start in range(0, len(vectors), _BLOCK):
            whole[start : start + _BLOCK] = unit(vectors[start : start + _BLOCK])
        return whole
    numbers = vectors.astype(np.float32) if vectors.dtype == np.int8 else vectors
    norms = np.linalg.norm(numbers, axis=-1, keepdims=True)
    result: Floats = (numbers / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return result


def _floats(vectors: Floats | Bytes) -> Floats:
    """Unit vectors ``(N, D)``, which may be in 8 bits."""
    return unit(vectors) if vectors.dtype == np.int8 else cast(Floats, vectors)


def pack(people: KnownCharacters) -> bytes:
    """The file of a bundle: unit vectors in 8 bits."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        learned=to_bytes(people.learned),
        means=to_bytes(people.means),
        faces=to_bytes(people.faces),
        starts=people.starts.astype(np.int32),
        counts=people.counts.astype(np.int32),
    )
    return buffer.getvalue()


def to_bytes(vectors: Floats | Bytes) -> Bytes:
    """Unit vectors in 8 bits, which :func:`unit` makes such of again."""
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True, initial=0), 1e-12)
    result: Bytes = np.round(vectors / largest * 127).astype(np.int8)
    return result


def embedding_of(vector: Floats | None, space: str | None) -> Embedding | None:
    """What is remembered of a unit vector ``(D,)`` of a :func:`space_of` embeddings."""
    if vector is None or space is None:
        return None
    return Embedding(space, to_bytes(vector[None]).tobytes())


def space_of(bundle: Bundle) -> str | None:
    """The space of the embeddings that a bundle's recogniser gives; ``None`` where it has no recogniser."""
    whole = bundle.recogniser_sha256
    return None if whole is None else whole[:_SPACE_DIGITS]


def unpack(data: bytes, name: str, characters: int) -> KnownCharacters:
    """What :func:`pack` wrote. Raises :class:`ModelError` for anything else, or another length."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            learned, means, faces = unit(arrays["learned"]), unit(arrays["means"]), arrays["faces"]
            faces = faces if faces.dtype == np.int8 else unit(faces)
            starts, counts = (arrays[key].astype(np.int64) for key in ("starts", "counts"))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{name}: not a file of characters ({error}); install the model again") from error
    people = KnownCharacters(learned, means, faces, starts, counts)
    widths = {part.shape[1] for part in (learned, means, faces) if part.ndim == 2 and len(part)}
    fits = len(means) == len(counts) == characters and len(learned) <= characters and len(widths) == 1
    orderly = len(starts) == characters + 1 and starts[0] == 0 and starts[-1] == len(faces)
    if not (fits and orderly and (np.diff(starts) >= 1).all() and (counts >= 1).all()):
        raise ModelError(f"{name}: does not hold {characters} characters; install the model again")
    return people


class Chances(NamedTuple):
    """The chances ``(K,)`` of some ``characters``, by index ``(K,)``; all others are nowhere near."""

    characters: Numbers
    chances: Floats

    def best(self, count: int) -> list[tuple[int, float]]:
        """Up to so many characters with their chances, best first."""
        order = np.lexsort((self.characters, -self.chances))[:count]
        return list(zip(self.characters[order].tolist(), self.chances[order].tolist(), strict=True))


class Scores(NamedTuple):
    """Chances of the trained characters and of the enrolled ones, one or less together."""

    trained: Chances
    enrolled: Chances


class Identity:
    """Tells who faces are. ``read`` gives the bytes of the bundle's file, when they are first needed."""

    def __init__(self, spec: IdentitySpec, read: Callable[[], bytes], name: str, characters: int) -> None:
        self.spec, self._read, self._name, self._characters = spec, read, name, characters

    @classmethod
    def of(cls, bundle: Bundle) -> Identity | None:
        """That of a bundle's characters, if the bundle has one: older ones judge within their network."""
        spec = bundle.recogniser.identity if bundle.recogniser is not None else None
        if spec is None:
            return None
        name = str(bundle.folder / spec.file)
        return cls(spec, functools.partial(bundle.read, spec.file), name, len(bundle.labels))

    @cached_property
    def people(self) -> KnownCharacters:
        return unpack(self._read(), self._name, self._characters)

    def load(self) -> None:
        """Read the bundle's file now rather than with the first face. Raises :class:`ModelError`."""
        _ = self.people.glance

    def score(
        self, embedding: Floats, gallery: KnownCharacters | None = None, same: Mapping[int, int] | None = None
    ) -> Scores:
        """The chance of each character that a unit ``embedding (D,)`` is of it.

        ``same`` says which enrolled characters (by index) are a trained one: these are no rivals. Raises
        :class:`ModelError` where the embedding has another length than those of the characters.
        """
        people, enrolled = self.people, gallery if gallery is not None and len(gallery) else None
        for part in (people, enrolled):
            if part is not None and part.means.shape[1:] != embedding.shape:
                raise ModelError(
                    f"{self._name}: its characters have {part.means.shape[1]} numbers, and a face has "
                    f"{len(embedding)}"
                )
        one = ComparedCharacters(people, embedding)
        two = ComparedCharacters(enrolled, embedding) if enrolled is not None else None
        kin, whose = one.alike, one.chosen
        if two is not None:
            owners = [(same or {}).get(index, self._characters + index) for index in two.chosen.tolist()]
            kin = np.concatenate([kin, two.alike])
            whose = np.concatenate([whose, np.asarray(owners, dtype=np.int64)])
        rivals = alike_to_others(kin, whose)
        count = len(one.chosen)
        chances = self._chances(one, rivals[:count])
        if two is not None:
            others = _chances(self.spec.enrolled, two.rows, rivals[count:], self.spec.margin)
            chances = np.concatenate([chances, others])
        chances /= _whole(chances, whose)
        chosen = two.chosen if two is not None else np.zeros(0, np.int64)
        return Scores(Chances(one.chosen, chances[:count]), Chances(chosen, chances[count:]))

    def _chances(self, compared: ComparedCharacters, rivals: Floats) -> Floats:
        """Those of the bundle's characters on the short list: some were trained, the others are enrolled."""
        learned = len(self.people.learned)
        margin = margin_of(self.spec.margin, len(self.people) - learned)
        return np.where(
            compared.chosen < learned,
            _chances(self.spec.trained, compared.rows, rivals, 0.0),
            _chances(self.spec.enrolled, compared.rows, rivals, margin),
        )


class ComparedCharacters:
    """The short list of some characters for one face, best first, and how alike it is to each of them.

    ``chosen``: their indices ``(K,)``; ``alike``: what their order, and rivalry, is decided by ``(K,)``;
    ``rows``: what the weights ``learned``, ``mean``, ``nearest`` and ``faces`` are for ``(K, 4)``.
    """

    def __init__(self, people: KnownCharacters, embedding: Floats) -> None:
        glance = people.glance @ embedding
        count = min(SHORT_LIST, len(glance))
        chosen = np.argpartition(-glance, count - 1)[:count]
        has_learned = chosen < len(people.learned)
        mean = people.means[chosen] @ embedding
        learned = np.zeros(count, np.float32)
        learned[has_learned] = people.learned[chosen[has_learned]] @ embedding
        nearest = people.nearest(chosen, embedding)
        alike = (np.where(has_learned, learned, mean) + mean + nearest) / 3
        order = np.argsort(-alike, kind="stable")
        self.chosen: Numbers = chosen[order]
        self.alike: Floats = alike[order]
        self.rows = np.stack([learned, mean, nearest, np.log(people.counts[chosen])], axis=1)[order]


def margin_of(margin: float, characters: int) -> float:
    """Log odds taken off the chance of each of so many characters that a bundle knows by faces alone.

    That a stranger looks like one of them grows with their number, and hardly anybody has pictures of all of
    them. Those whom people enrol need ``margin`` itself: whom they have pictures of.
    """
    return margin + GROWTH * math.log(max(characters, CROWD) / CROWD)


def alike_to_others(alike: Floats, whose: Numbers) -> Floats:
    """How alike the face is to the likeliest other character, for each candidate ``(K,)``; 0 for none."""
    others = np.where(whose[:, None] == whose[None], -np.inf, alike[None]).max(axis=1)
    result: Floats = np.where(np.isfinite(others), others, 0).astype(np.float32)
    return result


def _whole(chances: Floats, whose: Numbers) -> float:
    """What all characters' chances add up to, each counted once; 1 where that is less."""
    best: dict[int, float] = {}
    for chance, owner in zip(chances.tolist(), whose.tolist(), strict=True):
        best[owner] = max(chance, best.get(owner, 0.0))
    return max(1.0, sum(best.values()))


def _chances(weights: Weights, rows: npt.NDArray[np.float64], rivals: Floats, margin: float) -> Floats:
    """The chance of each candidate ``(K,)`` by its row ``(K, 4)`` and its rival."""
    learned, mean, nearest, faces = rows.T
    odds = (
        weights.level - margin + weights.learned * learned + weights.mean * mean + weights.nearest * nearest
    )
    odds += weights.rival * rivals.astype(np.float64) + weights.faces * faces
    small = np.exp(-np.abs(odds))  # at most 1: nothing overflows
    result: Floats = (np.where(odds >= 0, 1, small) / (1 + small)).astype(np.float32)
    return result

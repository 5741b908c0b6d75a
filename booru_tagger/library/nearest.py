"""Which of very many remembered faces are like one face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from booru_tagger.imaging import Floats

_BLOCK = 1 << 18
"""Numbers compared at once: as floats they fit a core's own cache, and are too few for the linear algebra to
wake other threads, which cost five times what they do."""


def alike_faces(
    face: Floats, parts: Iterable[tuple[Sequence[int], Sequence[bytes]]], bound: float
) -> list[tuple[int, float]]:
    """The faces whose similarity (cosine) to the unit vector ``face (D,)`` is ``bound`` or more, best first.

    Each of the ``parts`` has the numbers of some faces, and their vectors in 8 bits at any scale. What is not
    of D numbers is passed over.
    """
    numbers: list[int] = []
    similarities: list[Floats] = []
    step = max(1, _BLOCK // len(face))
    for faces, vectors in parts:
        for start in range(0, len(faces), step):
            near = _similarities(face, vectors[start : start + step])
            rows = np.flatnonzero(near >= bound)
            numbers += [faces[start + row] for row in rows.tolist()]
            similarities.append(near[rows])
    if not numbers:
        return []
    values = np.concatenate(similarities)
    order = np.argsort(-values, kind="stable").tolist()
    return [(numbers[row], float(values[row])) for row in order]


def _similarities(face: Floats, vectors: Sequence[bytes]) -> Floats:
    """Of each of the vectors; those of another length are like nothing."""
    width, data = len(face), b"".join(vectors)
    if len(data) != width * len(vectors):
        data = b"".join(vector if len(vector) == width else bytes(width) for vector in vectors)
    rows = np.frombuffer(data, np.int8).reshape(-1, width).astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    result: Floats = (rows @ face) / np.maximum(norms, np.float32(1e-6))
    return result

"""All that the page shows of one face: who it may be, who looks like it, and where the tags come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from booru_tagger.errors import BooruTaggerError
from booru_tagger.review.similarity import TICKED, bound_of, is_clear, strangers
from booru_tagger.review.verdicts import SOURCE
from booru_tagger.runner.provenance import provenance
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.server.review.values import ReviewFace, ReviewPicture
from booru_tagger.tagging.face_naming import CANDIDATES
from booru_tagger.types import ScoredTag

SAMPLES = 4
"""Faces shown of a candidate."""
MAX_ALIKE = 200
"""Look-alikes shown of a face."""
PERHAPS, MAX_PERHAPS = 0.5, 12
"""Similarity from which a face may be worth a look though it is not ticked; how many of them are shown."""
FLOOR = 0.3
"""Score below which a guess is not offered for all look-alikes at once: a person may still type it."""
PAIR = 2
"""Faces of the smallest group of strangers that is shown."""
MAX_GROUPS = 200


def details(session: ReviewSession, number: int) -> dict[str, Any]:
    """Raises KeyError and :class:`OutputError`."""
    with session.lock:
        head = session.head(number)
        bound = bound_of(session.tools.tagger.bundle)
        near = _alike(session, head, min(bound, PERHAPS))
        candidates = _candidates(head, [(other, likeness) for other, likeness in near if likeness >= bound])
        found = samples(session, [candidate["tag"] for candidate in candidates], head)
        series = session.names()
        return {
            "id": head.id,
            "picture": _picture(session, head.picture),
            "box": list(head.box.rounded()),
            "found": round(head.face.score, 3),
            "candidates": [
                {
                    **candidate,
                    "series": series.get(candidate["tag"], ""),
                    "bulk": candidate["score"] >= FLOOR,
                    "samples": [other.id for other in found[candidate["tag"]]],
                }
                for candidate in candidates
            ],
            "hair": _color(head.face.hair_color),
            "eyes": _color(head.face.eye_color),
            "alike": _shown((other, likeness) for other, likeness in near if other.waits and other.listed),
            "tags": _tags(session, head.picture),
        }


def _shown(near: Iterable[tuple[ReviewFace, float]]) -> list[dict[str, Any]]:
    faces = [
        {"id": other.id, "similarity": round(likeness, 3), "ticked": likeness >= TICKED}
        for other, likeness in near
    ]
    ticked = [face for face in faces if face["ticked"]][:MAX_ALIKE]
    return [*ticked, *[face for face in faces if not face["ticked"]][:MAX_PERHAPS]]


def stranger_groups(session: ReviewSession) -> list[list[dict[str, Any]]]:
    """Faces that have no name and look alike, as far as they are cut out already: the largest group first,
    in each the most typical face first."""
    with session.lock:
        heads = [
            head
            for head in session.heads.values()
            if head.listed and head.verdict is None and not head.name and is_clear(head.box)
        ]
    seen = [(head, head.embedding) for head in heads if head.embedding is not None]
    if not seen:
        return []
    embeddings, bundle = np.stack([face for _, face in seen]), session.tools.tagger.bundle
    found = strangers(embeddings, [head.picture.id for head, _ in seen], bundle, PAIR)
    return [
        _shown((seen[row][0], float(embeddings[row] @ embeddings[group.members[0]])) for row in group.members)
        for group in found[:MAX_GROUPS]
    ]


def _picture(session: ReviewSession, picture: ReviewPicture) -> dict[str, Any]:
    heads = [session.heads[number] for number in picture.faces]
    return {
        "id": picture.id,
        "name": picture.path.name,
        "folder": str(picture.path.parent),
        "width": picture.found.width,
        "height": picture.found.height,
        "faces": [
            {
                "id": head.id,
                "box": list(head.box.rounded()),
                "name": head.name,
                "verdict": head.verdict.kind if head.verdict is not None else None,
                "waits": head.waits,
            }
            for head in heads
        ],
    }


def _color(color: ScoredTag | None) -> dict[str, Any] | None:
    return None if color is None else color.to_json()


def _alike(session: ReviewSession, head: ReviewFace, alike: float) -> list[tuple[ReviewFace, float]]:
    """Other faces that look like this one, the most alike first, as far as they are cut out already."""
    if head.embedding is None:
        return []
    near = session.embeddings.like(head.embedding, alike)
    found = ((session.heads.get(number), likeness) for number, likeness in near)
    return [(other, likeness) for other, likeness in found if other is not None and other is not head]


def _candidates(head: ReviewFace, alike: Iterable[tuple[ReviewFace, float]]) -> list[dict[str, Any]]:
    """What people called faces that look like this one, and the program's own guesses."""
    best: dict[str, dict[str, Any]] = {}
    for other, near in alike:
        if other.verdict is not None and other.verdict.kind == "named" and other.name not in best:
            best[other.name] = {"tag": other.name, "score": round(near, 3), "source": SOURCE}
    match = head.face.character
    for candidate in head.face.candidates:
        if candidate.tag in best:  # a person's word stands first, whatever the program scores it
            continue
        source = match.source if match is not None and match.tag == candidate.tag else "model"
        best[candidate.tag] = {"tag": candidate.tag, "score": round(candidate.score, 3), "source": source}
    return list(best.values())[:CANDIDATES]


def samples(
    session: ReviewSession, tags: Iterable[str], head: ReviewFace | None = None
) -> dict[str, list[ReviewFace]]:
    """Faces of these names, other than ``head``: those that a person named first, then those the program is
    surest of."""
    named: dict[str, list[ReviewFace]] = {tag: [] for tag in tags}
    for other in session.heads.values():
        # A face that waits shows nothing: its name is only a guess.
        if (other.verdict is not None or not other.waits) and other is not head and other.name in named:
            named[other.name].append(other)
    for others in named.values():
        others.sort(key=lambda other: (other.verdict is None, -other.score))
    return {tag: others[:SAMPLES] for tag, others in named.items()}


def _tags(session: ReviewSession, picture: ReviewPicture) -> list[dict[str, Any]]:
    """The tags in the picture's files and whose they are."""
    tools = session.tools
    try:
        known = provenance(picture.path, tools.journal, tools.writers, tools.options)
    except BooruTaggerError as error:
        return [{"tag": str(error), "source": "unreadable"}]
    return [origin.to_json() for origin in known.tags]

"""Results in the forms that other programs ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from booru_tagger.server.tagging.forms import AnswerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import FaceResult, ScoredTag, TagResult
from booru_tagger.vocab import RATING

_ROUNDING = 1e-5
"""More than rounding may add to the scores of one face."""
_LETTER = {"general": "g", "sensitive": "s", "questionable": "q", "explicit": "e"}


def chosen(result: TagResult, policy: Policy) -> TagResult:
    """The result with the tags that a user wants, also among those that each face might be."""
    faces = []
    for face in result.faces:
        named = [(policy.spelled(candidate.tag), candidate) for candidate in face.candidates]
        wanted = tuple(replace(candidate, tag=name) for name, candidate in named if name is not None)
        faces.append(replace(face, candidates=wanted))
    return replace(policy.applied(result), faces=tuple(faces))


def scores(result: TagResult) -> dict[str, float]:
    """Every tag that the picture may have, with its score, best first.

    That is what would be written, and beside it who each face might be: whoever asks for suggestions down to
    a threshold of their own wants to see these, too. Who one face might be adds up to 1 at most.
    """
    found = {_name(tag.tag, tag.category): tag.score for tag in result.tags}
    for face in result.faces:
        for candidate in _shared(face):
            found[candidate.tag] = max(candidate.score, found.get(candidate.tag, 0.0))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _shared(face: FaceResult) -> list[ScoredTag]:
    """Who a face might be, with scores that share one whole: the winner keeps its own, the others get a part
    of the rest. As found, those of a gallery are on a scale of their own, and each may be near 1."""
    who, candidates = face.character, face.candidates
    best = who.score if who is not None else max((one.score for one in candidates), default=0.0)
    # Under another name where the user has renamed it, and missing where it is not wanted.
    winner = next((one for one in candidates if one.score == best or (who and one.tag == who.tag)), None)
    others = [one for one in candidates if one is not winner]
    total, rest = sum(one.score for one in others), max(0.0, 1 - best - _ROUNDING)
    share = rest / total if total > rest else 1.0
    shared = [replace(one, score=one.score * share) for one in others]
    return shared if winner is None else [replace(winner, score=best), *shared]


def _name(tag: str, category: str) -> str:
    """As Danbooru's autotagger spells it: ratings have a prefix and one letter."""
    return f"rating:{_LETTER.get(tag, tag)}" if category == RATING else tag


def evaluation(result: TagResult, wishes: AnswerOptions) -> dict[str, Any]:
    """An item of an answer of danbooru/autotagger."""
    chosen = [item for item in scores(result).items() if item[1] >= wishes.threshold]
    return {
        "filename": result.path,
        "tags": {name: round(score, 6) for name, score in chosen[: wishes.limit]},
    }


def caption(result: TagResult, threshold: float) -> dict[str, dict[str, float]]:
    """The ``caption`` of the SD-webui tagger. Its clients expect all four ratings, and take the best; where
    none is known, there is none to take."""
    known = {tag.tag: tag.score for tag in result.tags if tag.category == RATING}
    ratings = {name: known.get(name, 0.0) for name in _LETTER} if known else {}
    others = {
        name: score
        for name, score in scores(result).items()
        if not name.startswith("rating:") and score >= threshold
    }
    return {"rating": ratings, "tag": others}

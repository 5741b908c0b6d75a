"""How well characters are told that a bundle was not trained on, once a few of their faces are enrolled."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from booru_export.evaluation.embedding import EmbeddedFace, embeddings
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import CharacterMatch

TOGETHER = 5
"""Characters enrolled side by side."""
DRAWS = 20
"""Random choices of characters and faces that the figures are averaged over."""


def enrolment_figures(
    model: Path, seen: Sequence[EmbeddedFace], faces: int, seed: int = 0
) -> dict[str, float]:
    """Enrol ``faces`` faces of each of some unknown characters and tag all others.

    ``enrolled_right`` is the share of the enrolled characters' other faces that get their name, and
    ``enrolled_wrong`` of those that get another; ``enrolled_taken`` that of everybody else's faces (the
    bundle's own characters and strangers) that are taken for one of them.
    """
    tagger = Tagger(TaggerOptions(model, crops=True, gallery=None))
    known = {label.tag for label in tagger.bundle.labels}
    of_character: dict[str, list[EmbeddedFace]] = defaultdict(list)
    for item in seen:
        of_character[item.label].append(item)
    able = sorted(label for label, items in of_character.items() if label not in known and len(items) > faces)
    if not able:
        return {}
    draw = random.Random(seed)
    shares: list[tuple[float, float, float]] = []
    for _ in range(DRAWS):
        chosen = draw.sample(able, min(TOGETHER, len(able)))
        enrolled, rest = _divide(of_character, chosen, faces, draw)
        who = _namer(tagger, Gallery(tagger.bundle.recogniser_sha256 or "", enrolled))
        given = [(item.label, who(item)) for item in rest]
        others = [who(item) for item in seen if item.label not in chosen]
        names = [(label, match.tag if match else "") for label, match in given]
        right = float(np.mean([label == name for label, name in names]))
        wrong = float(np.mean([name not in ("", label) for label, name in names]))
        taken = [match is not None and match.source == "gallery" for match in others]
        shares.append((right, wrong, float(np.mean(taken)) if taken else 0.0))
    right, wrong, share = (float(value) for value in np.mean(shares, axis=0))
    return {
        "enrolled": min(TOGETHER, len(able)),
        "enrolled_right": right,
        "enrolled_wrong": wrong,
        "enrolled_taken": share,
    }


def _divide(
    of_character: dict[str, list[EmbeddedFace]], chosen: Sequence[str], faces: int, draw: random.Random
) -> tuple[list[Enrolled], list[EmbeddedFace]]:
    """Some faces of each character to enrol, and the rest to tag."""
    enrolled, rest = [], []
    for label in chosen:
        shuffled = draw.sample(of_character[label], len(of_character[label]))
        enrolled.append(Enrolled(Label(label), embeddings(shuffled[:faces])))
        rest += shuffled[faces:]
    return enrolled, rest


def _namer(tagger: Tagger, gallery: Gallery) -> Callable[[EmbeddedFace], CharacterMatch | None]:
    spec = tagger.bundle.recogniser
    assert spec is not None
    rules = Rules(spec, tagger.bundle.labels, {}, gallery=gallery, identity=tagger.networks.identity)
    return lambda item: rules.read(item.face, item.answer, colored=True).face.character

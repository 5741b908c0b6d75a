"""How well characters are told that a bundle was not trained on, once a few of their faces are enrolled."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from booru_export.evaluation.embedding import EmbeddedFace, embeddings, rules_of
from booru_export.evaluation.faces import bounded
from booru_export.evaluation.metrics import share_interval
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import CharacterMatch

TOGETHER, DRAWS = 5, 20
"""Characters enrolled side by side, and random choices of them and their faces that the figures are of."""
ALL_DRAWS = 4
"""Random choices of faces where all of the characters are enrolled at once."""


def enrolment_figures(
    model: Path, seen: Sequence[EmbeddedFace], faces: int, seed: int = 0
) -> dict[str, float]:
    """Enrol ``faces`` faces of each of some unknown characters and tag all others.

    ``enrolled_right`` is the share of the enrolled characters' other faces that get their name, and
    ``enrolled_wrong`` of those that get another; ``enrolled_taken`` that of everybody else's faces (the
    bundle's own characters and strangers) that are taken for one of them. All with bounds, of draws of as
    many characters. ``all_enrolled…`` are the same with all characters that have enough faces side by side.
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
    choices = [draw.sample(able, min(TOGETHER, len(able))) for _ in range(DRAWS)]
    figures = _Answers().of(tagger, of_character, choices, faces, draw).figures("enrolled")
    figures = {"enrolled": min(TOGETHER, len(able)), **figures}
    if len(able) > TOGETHER:
        all_at_once = _Answers().of(tagger, of_character, [able] * ALL_DRAWS, faces, draw)
        figures |= {"all_enrolled": len(able), **all_at_once.figures("all_enrolled")}
    return figures


@dataclass(slots=True)
class _Answers:
    """What became of the faces of enrolled characters, and of others, with the label of each."""

    asked: list[str] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)

    def of(
        self,
        tagger: Tagger,
        of_character: dict[str, list[EmbeddedFace]],
        choices: Iterable[Sequence[str]],
        faces: int,
        draw: random.Random,
    ) -> _Answers:
        """Enrol each choice of characters in turn, and ask who everybody is."""
        for chosen in choices:
            enrolled, rest = _divide(of_character, chosen, faces, draw)
            who = _namer(tagger, Gallery(tagger.bundle.recogniser_sha256 or "", enrolled))
            names = [(item.label, match.tag if (match := who(item)) else "") for item in rest]
            self.asked += [label for label, _ in names]
            self.right += [label == name for label, name in names]
            self.wrong += [name not in ("", label) for label, name in names]
            others = [item for label in of_character if label not in chosen for item in of_character[label]]
            self.others += [item.label for item in others]
            matches = [who(item) for item in others]
            self.taken += [match is not None and match.source == "gallery" for match in matches]
        return self

    def figures(self, name: str) -> dict[str, float]:
        figures: dict[str, float] = {}
        for kind, labels, values in (
            ("right", self.asked, self.right),
            ("wrong", self.asked, self.wrong),
            ("taken", self.others, self.taken),
        ):
            which = np.asarray(values, dtype=bool)
            share = float(which.mean()) if values else 0.0
            bounds = share_interval(labels, which) if values else (0.0, 0.0)
            figures |= bounded(f"{name}_{kind}", share, bounds)
        return figures


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
    rules = rules_of(tagger.bundle, tagger.networks.identity, gallery)
    return lambda item: rules.read(item.face, item.answer, colored=True).face.character

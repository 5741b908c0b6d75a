"""How often two characters among the examples of one are noticed, and how often one character is refused.

Crops of heads from DATA/faces and DATA/identities, one of an illustration: of characters that training left
out ("unknown to the net"), of held-out pictures of others. Drawn are sets of one character, and sets of two,
from anywhere or from one source (a series, mostly one artist or game), each judged as whole pictures with one
face (``characters add``).
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from booru_export.data.splits import left_out, split_faces
from booru_export.data.tables import read_data_faces
from booru_export.evaluation.embedding import EmbeddedFace, embeddings, look

from booru_tagger.enrol.choosing import ChosenFaces, choose
from booru_tagger.models.manifest import IdentitySpec
from booru_tagger.models.store.local import open_bundle

PURE = (5, 8, 11, 20)
MIXED = ((4, 4), (8, 3), (5, 5), (10, 4), (6, 2))
TRIES = 40
"""Draws of two characters for each set that is wanted: not all have enough pictures, or one source."""

Pool = Mapping[str, Sequence[EmbeddedFace]]


def drawn(pool: Pool, label: str, count: int, chance: random.Random) -> list[EmbeddedFace]:
    """Faces of a character, each of another illustration; none where there are too few."""
    faces = chance.sample(pool[label], len(pool[label]))
    each = list({face.item.group: face for face in faces}.values())
    return each[:count] if len(each) >= count else []


def mixtures(
    pool: Pool, first: int, second: int, chance: random.Random, *, alike: bool, sets: int
) -> Iterator[list[EmbeddedFace]]:
    """Sets of two characters; ``alike``: of one source."""
    found = 0
    for _ in range(sets * TRIES):
        one, other = chance.sample(sorted(pool), 2)
        faces, others = drawn(pool, one, first, chance), drawn(pool, other, second, chance)
        same = bool(faces and others) and faces[0].item.source == others[0].item.source
        if faces and others and (same or not alike):
            yield [*faces, *others]
            found += 1
        if found == sets:
            return


def judged(faces: Sequence[EmbeddedFace], spec: IdentitySpec) -> ChosenFaces:
    return choose(embeddings(faces), np.arange(len(faces)), spec.same_person, spec.one_character)


def told(name: str, choices: Sequence[ChosenFaces]) -> str:
    """Shares that are refused, for two characters or for want of one, and that leave some pictures out."""
    two = [bool(choice.second) for choice in choices]
    nobody = [not choice.second and choice.is_unclear for choice in choices]
    odd = [not choice.second and not choice.is_unclear and bool(choice.outliers) for choice in choices]
    shares = [float(np.mean(each)) for each in (two, nobody, odd)]
    return f"{name:44} {len(choices):4}  {shares[0]:.3f}  {shares[1]:.3f}  {shares[2]:.3f}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment mixtures", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", type=int, default=200, help="of each kind")
    asked = parser.parse_args(arguments)
    spec = open_bundle(str(asked.bundle)).recogniser
    assert spec is not None and spec.identity is not None
    items = read_data_faces(asked.data)
    strangers = left_out(items)
    held_out = split_faces([item for item in items if item.label not in strangers])["test"]
    pools: dict[str, dict[str, list[EmbeddedFace]]] = {
        "unknown to the net": defaultdict(list),
        "held-out pictures": defaultdict(list),
    }
    seen = look(asked.bundle, [item for item in items if item.label in strangers] + held_out)
    for face in seen:
        kind = "unknown to the net" if face.label in strangers else "held-out pictures"
        pools[kind][face.label].append(face)
    print(f"{'':44} sets  two    nobody left out")
    for where, pool in pools.items():
        chance = random.Random(0)
        for count in PURE:
            able = [label for label in sorted(pool) if drawn(pool, label, count, chance)]
            sets = (
                [drawn(pool, chance.choice(able), count, chance) for _ in range(asked.sets)] if able else []
            )
            if sets:
                name = f"{where}: {count} of one ({len(able)} able)"
                print(told(name, [judged(one, spec.identity) for one in sets]), flush=True)
        for first, second in MIXED:
            for alike in (False, True):
                found = mixtures(pool, first, second, chance, alike=alike, sets=asked.sets)
                choices = [judged(one, spec.identity) for one in found]
                if choices:
                    name = f"{where}: {first}+{second}{', one source' if alike else ''}"
                    print(told(name, choices), flush=True)

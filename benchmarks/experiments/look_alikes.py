"""How often look-alikes are one character.

FOLDER has pictures named `character_anything.webp` of characters that the model was not trained on; NAMEs are
left out, because it was. Pictures with no face, or several, are passed over.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from booru_tagger.review.similarity import ALIKE, groups
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger

THRESHOLDS = (0.55, 0.6, 0.65, ALIKE, 0.75)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment look_alikes", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trained", metavar="name", nargs="*", help="characters to leave out")
    asked = parser.parse_args(arguments)
    tagger = Tagger(TaggerOptions(gallery=None))
    embeddings, names = [], []
    for path in sorted(asked.folder.glob("*_*.*")):
        name = path.name.partition("_")[0]
        look = (
            tagger.networks.look_at_faces(path.read_bytes(), path.name) if name not in asked.trained else None
        )
        if look is not None and len(look.faces) == 1:
            embeddings.append(look.answers[0].embedding)
            names.append(name)
    faces, whose = np.stack([one for one in embeddings if one is not None]), np.array(names)
    print(f"{len(whose)} faces of {len(set(names))} characters")
    same = whose[:, None] == whose[None]
    pairs = ~np.eye(len(whose), dtype=bool)
    for alike in THRESHOLDS:
        near = (faces @ faces.T >= alike) & pairs
        large = [group for group in groups(faces, alike) if len(group.members) >= 3]
        largest = sum(Counter(whose[list(group.members)]).most_common(1)[0][1] for group in large)
        members = sum(len(group.members) for group in large)
        right, found = (same & near).sum() / near.sum(), (same & near).sum() / (same & pairs).sum()
        print(f"{alike}: {near.sum() // 2} pairs, {right:.3f} of one character ({found:.3f} of all such)")
        print(
            f"      {len(large)} groups of 3 or more, {members} faces, {largest / members:.3f} in their own"
        )

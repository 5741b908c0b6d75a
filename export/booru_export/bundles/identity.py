"""What a bundle knows of its characters, and what makes chances of similarities: measured, never set by hand.

The weights of :class:`booru_tagger.models.manifest.Weights` are a logistic regression on faces that training
did not see: of its own characters (the validation part), and of half of those that were left out whole, who
play strangers, and who play enrolled characters in many draws. The other half are for judging.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from booru_export.bundle_folder import put_file, read_manifest, write_manifest
from booru_export.bundles.likeness import Likeness, fit_likeness
from booru_export.data.canon import Canon
from booru_export.data.splits import split_faces, split_strangers
from booru_export.data.tables import read_data_faces
from booru_export.evaluation.embedding import EmbeddedFace, embeddings, look, numbered
from booru_export.progress import progress
from booru_tagger.errors import DataError
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import (
    ComparedCharacters,
    Identity,
    KnownCharacters,
    alike_to_others,
    pack,
    unit,
)
from booru_tagger.models.manifest import Weights

FILE = "characters.npz"
FACES_KEPT = 5
"""Faces kept of each character: all, or as many centres of them."""
CANDIDATES = 3
"""Likeliest characters of each face that the weights are fitted on."""
STRANGERS = 3.5
"""How many strangers come on each face of a known character when chances are fitted: in a folder of fan art
most people are none of those that the model knows."""
STRANGERS_TO_ENROLLED = 0.7
"""The same for enrolled characters: people enrol whom they have pictures of."""
DRAWS, MIN_PICTURES, MAX_PICTURES = 40, 3, 10
"""Galleries that are drawn to learn how enrolled characters fare, and how many faces each has."""
UNFITTED = Weights(level=-6.0, learned=4.0, mean=4.0, nearest=4.0, rival=-3.0, faces=0.0)
"""Of a bundle whose scores nobody calibrated: in a sensible order, no more."""


@dataclass(slots=True)
class _Examples:
    """Rows ``(learned, mean, nearest, faces, rival)``, whether each is right, and how much it counts."""

    rows: list[list[float]]
    right: list[bool]
    counts: list[float]

    def add(self, compared: ComparedCharacters, rivals: Floats, who: int, count: float) -> None:
        """The likeliest candidates of a face of character ``who`` (-1: none of them)."""
        for place, index in enumerate(compared.chosen[:CANDIDATES].tolist()):
            self.rows.append([*compared.rows[place].tolist(), float(rivals[place])])
            self.right.append(index == who)
            self.counts.append(count)

    def fit(self) -> Weights:
        rows = np.asarray(self.rows)
        middle, spread = rows.mean(0), np.maximum(rows.std(0), 1e-6)
        model = LogisticRegression(C=10.0, max_iter=1000)
        model.fit((rows - middle) / spread, self.right, sample_weight=self.counts)
        slopes = model.coef_[0] / spread
        level = float(model.intercept_[0] - (slopes * middle).sum())
        learned, mean, nearest, faces, rival = (round(float(slope), 4) for slope in slopes)
        return Weights(round(level, 4), learned, mean, nearest, rival, faces)


def unfitted(prototypes: Floats) -> tuple[bytes, dict[str, Any]]:
    """A file and a section ``identity`` for a net of which nothing but its prototypes ``(C, D)`` is known."""
    learned = unit(prototypes)
    ones = np.ones(len(learned), dtype=np.int64)
    people = KnownCharacters(learned, learned, learned, np.arange(len(learned) + 1), ones)
    return pack(people), _section(UNFITTED, UNFITTED, Likeness())


def _section(trained: Weights, enrolled: Weights, likeness: Likeness) -> dict[str, Any]:
    return {
        "file": FILE,
        "trained": trained._asdict(),
        "enrolled": enrolled._asdict(),
        **likeness.keys(),
    }


def fit_identity(folder: Path, data: Path) -> Bundle:
    """Measure what the bundle in ``folder`` knows of its characters, and fit its chances, on ``data``.

    ``data`` has ``faces`` or ``identities`` or both, of which some characters should be unknown to the
    bundle: half of these play strangers (:func:`booru_export.data.splits.split_strangers`). Without such, the
    weights of enrolled characters stay as they were. Raises :class:`DataError` where no face of a known
    character is there.
    """
    bundle = Bundle.load(folder)
    labels = [label.tag for label in bundle.labels]
    items = read_data_faces(data)
    parts = split_faces([item for item in items if item.label in set(labels)])
    unknown = split_strangers([item for item in items if item.label not in set(labels)])["validation"]
    if not parts["train"]:
        raise DataError(f"{data}: has no faces of the bundle's characters")
    chosen = [*parts["train"], *parts["validation"], *unknown]
    with progress("faces", len(chosen)) as step:
        seen = look(folder, chosen, step)
    first, second = len(parts["train"]), len(parts["train"]) + len(parts["validation"])
    train, validation, strangers = seen[:first], seen[first:second], seen[second:]
    before = Identity.of(bundle)
    learned = before.people.learned if before is not None else np.zeros((0, 0), np.float32)
    people = people_of(learned, embeddings(train), numbered(train, labels))
    spec = bundle.recogniser.identity if bundle.recogniser is not None else None
    trained = fit_trained(people, validation, strangers, labels)
    enrolled = fit_enrolled(people, validation, strangers) or (spec.enrolled if spec else UNFITTED)
    likeness = fit_likeness(strangers, validation, Likeness.of(spec) if spec else Likeness())
    put_file(folder, FILE, pack(people))
    manifest = read_manifest(folder)
    manifest["recogniser"]["identity"] = _section(trained, enrolled, likeness)
    return write_manifest(folder, manifest)


def complete(folder: Path, data: Path, canon: Mapping[str, Canon]) -> Bundle:
    """Let a bundle know exactly the characters of ``canon`` that it can.

    Those that training left out are added, by the means of all their faces in ``data``, as if they were
    enrolled; those that ``canon`` does not list are taken out. To be done last: after it, nobody in ``data``
    is a stranger.
    """
    bundle = Bundle.load(folder)
    identity = Identity.of(bundle)
    if identity is None:
        raise DataError(f"{folder}: its characters are in its network, so none can be added or taken out")
    labels = [label.tag for label in bundle.labels]
    kept = [number for number, label in enumerate(labels) if label in canon]
    added = [item for item in read_data_faces(data) if item.label in canon and item.label not in set(labels)]
    names = sorted({item.label for item in added})
    with progress("faces", len(added)) as step:
        seen = look(folder, added, step)
    before = identity.people
    new = [embeddings([one for one in seen if one.label == name]) for name in names]
    put_file(folder, FILE, pack(_chosen(before, kept, new)))
    manifest = read_manifest(folder)
    manifest["labels"] = [canon[tag].to_label() for tag in [*(labels[number] for number in kept), *names]]
    return write_manifest(folder, manifest)


def _chosen(people: KnownCharacters, kept: Sequence[int], new: Sequence[Floats]) -> KnownCharacters:
    """Some of the characters, and others of whom only faces are known, behind them."""
    faces = [*(people.of(number) for number in kept), *map(_some, new)]
    means = [people.means[kept], *(unit(own.mean(axis=0, keepdims=True)) for own in new)]
    return KnownCharacters(
        people.learned[[number for number in kept if number < len(people.learned)]],
        np.concatenate(means),
        np.concatenate(faces),
        np.concatenate([[0], np.cumsum([len(own) for own in faces])]),
        np.concatenate([people.counts[kept], [len(own) for own in new]]).astype(np.int64),
    )


def people_of(learned: Floats, faces: Floats, labels: npt.NDArray[np.int64]) -> KnownCharacters:
    """What is kept of characters with faces ``(N, D)``: their means, and :data:`FACES_KEPT` of them each.

    A character without a single face is known by its learned direction alone.
    """
    kept, counts = [], []
    for number in range(max(len(learned), int(labels.max()) + 1)):
        own = faces[labels == number]
        own = own if len(own) else learned[number : number + 1]
        counts.append(len(own))
        kept.append((unit(own.mean(axis=0, keepdims=True))[0], _some(own)))
    starts = np.concatenate([[0], np.cumsum([len(some) for _, some in kept])])
    means = np.stack([mean for mean, _ in kept])
    return KnownCharacters(
        learned, means, np.concatenate([some for _, some in kept]), starts, np.asarray(counts)
    )


def _some(faces: Floats) -> Floats:
    if len(faces) <= FACES_KEPT:
        return faces
    return unit(KMeans(FACES_KEPT, n_init=2, random_state=0).fit(faces).cluster_centers_.astype(np.float32))


def fit_trained(
    people: KnownCharacters,
    known: Sequence[EmbeddedFace],
    strangers: Sequence[EmbeddedFace],
    labels: Sequence[str],
) -> Weights:
    """The weights of characters with a learned direction, from faces that training did not see."""
    examples = _Examples([], [], [])
    each = _even(known)
    total = float(sum(each))
    groups = [(known, each), (strangers, [STRANGERS * total / max(1, len(strangers))] * len(strangers))]
    for faces, counts in groups:
        for one, who, count in zip(faces, numbered(faces, labels).tolist(), counts, strict=True):
            compared = ComparedCharacters(people, one.embedding)
            examples.add(compared, alike_to_others(compared.alike, compared.chosen), who, count)
    return examples.fit() if any(examples.right) and not all(examples.right) else UNFITTED


def _even(faces: Sequence[EmbeddedFace]) -> list[float]:
    """How much each face counts, so that characters with many do not drown the others."""
    labels, counts = np.unique([one.label for one in faces], return_counts=True)
    number = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    return [number[one.label] ** -0.5 for one in faces]


def fit_enrolled(
    people: KnownCharacters, known: Sequence[EmbeddedFace], strangers: Sequence[EmbeddedFace]
) -> Weights | None:
    """The weights of enrolled characters: some strangers are enrolled, the others and known faces are not.

    ``None`` where there are too few strangers for that.
    """
    examples = _Examples([], [], [])
    for gallery, asked in _draws(known, strangers):
        share = (
            STRANGERS_TO_ENROLLED
            * sum(who >= 0 for _, who in asked)
            / max(1, sum(who < 0 for _, who in asked))
        )
        for one, who in asked:
            own, others = (
                ComparedCharacters(gallery, one.embedding),
                ComparedCharacters(people, one.embedding),
            )
            kin = np.concatenate([own.alike, others.alike])
            whose = np.concatenate([own.chosen, -1 - others.chosen])
            examples.add(own, alike_to_others(kin, whose), who, 1.0 if who >= 0 else share)
    return examples.fit() if any(examples.right) else None


def _draws(
    known: Sequence[EmbeddedFace], strangers: Sequence[EmbeddedFace]
) -> Iterator[tuple[KnownCharacters, list[tuple[EmbeddedFace, int]]]]:
    """Galleries of strangers, and faces to ask them about: of whom each is by index, or -1."""
    labels = np.asarray([one.label for one in strangers])
    names, counts = np.unique(labels, return_counts=True)
    able = names[counts > MIN_PICTURES].tolist()
    if len(able) < 4:
        return
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        chosen = rng.permutation(able)[: len(able) // 2].tolist()
        faces, asked = [], []
        for number, name in enumerate(chosen):
            rows = rng.permutation(np.flatnonzero(labels == name))
            count = int(rng.integers(MIN_PICTURES, min(MAX_PICTURES, len(rows) - 1) + 1))
            faces.append(embeddings([strangers[row] for row in rows[:count]]))
            asked += [(strangers[row], number) for row in rows[count:].tolist()]
        others = rng.permutation(np.flatnonzero(~np.isin(labels, chosen)))[: len(asked)]
        asked += [(strangers[row], -1) for row in others.tolist()]
        some = rng.permutation(len(known))[: len(asked)].tolist()
        yield KnownCharacters.of_faces(faces), [*asked, *((known[row], -1) for row in some)]

"""More pictures of the characters that have few: candidates out of unlabelled ones, for people to approve.

Heads are found and embedded by a bundle and compared with the mean embedding of each character's pictures
(prototypes; Snell et al., "Prototypical networks for few-shot learning", 2017). Nothing joins the data set
before somebody approved it.
"""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from booru_export.data.cropping import MIN_SIDE, Cutter
from booru_export.data.duplicates import near_pairs, take_prints
from booru_export.data.importing import ORIGIN_COLUMNS, ORIGINS, append_rows
from booru_export.data.tables import FaceItem, add_faces, read_faces, table_bytes, table_of
from booru_tagger.errors import DataError, ImageError, ModelError
from booru_tagger.files.ignored import ALWAYS
from booru_tagger.files.replace import replace_file
from booru_tagger.files.text import open_text
from booru_tagger.imaging import Floats, Picture, read_picture
from booru_tagger.sources.listed import is_picture_name
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box
from booru_tagger.vocab import tag_named

TABLE = "candidates.csv"
CROPS = "crops"
COLUMNS = (
    *("approve", "label", "crop", "closeness", "lead", "rival"),
    *("picture", "x0", "y0", "x1", "y1", "score", "model"),
)
PER_PROTOTYPE = 40
"""Pictures of a character that its prototype is made of at most."""
SOURCE = "collected"
_YES = frozenset({"x", "1", "y", "yes", "true"})

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Shortage:
    """A character with fewer pictures than wanted."""

    label: str
    pictures: int
    missing: int


def find_gaps(items: Sequence[FaceItem], few: int) -> list[Shortage]:
    """Characters with fewer than ``few`` pictures, the rarest first."""
    counts = Counter(item.label for item in items)
    return sorted(
        (Shortage(label, count, few - count) for label, count in counts.items() if count < few),
        key=lambda gap: (gap.pictures, gap.label),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A head that may be a wanted character.

    ``closeness``: cosine to the character's prototype. ``lead``: how much nearer it is than ``rival``, the
    next character; near 0 means that the two cannot be told apart here. ``approved``: a person has named it.
    """

    label: str
    crop: Path
    closeness: float
    lead: float
    rival: str
    picture: Path
    box: Box
    score: float
    approved: bool = False


class Prototypes:
    """The mean embedding of each character, ``(C, D)`` unit vectors, and how near a face is to them."""

    def __init__(self, labels: Sequence[str], vectors: Floats) -> None:
        self.labels = list(labels)
        self.vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def nearest(self, embedding: Floats) -> tuple[str, float, float, str]:
        """The nearest character, its cosine, its lead over the next one, and that one's name."""
        cosines = self.vectors @ embedding
        order = np.argsort(-cosines)
        best, rival = int(order[0]), int(order[1]) if len(order) > 1 else None
        if rival is None:
            return self.labels[best], float(cosines[best]), float(cosines[best]), ""
        lead = float(cosines[best] - cosines[rival])
        return self.labels[best], float(cosines[best]), lead, self.labels[rival]


class Collector:
    """Looks for wanted characters in unlabelled pictures and writes crops of the candidates to ``folder``.

    ``model`` needs a detector and a recogniser with an embedding. Raises :class:`ModelError`.
    """

    def __init__(self, model: str | Path, folder: Path) -> None:
        self.cutter = Cutter(model, folder / CROPS)
        self.tagger: Tagger = self.cutter.tagger
        self.model = str(model)
        spec = self.tagger.bundle.recogniser
        if spec is None:
            raise ModelError(f"{model}: has no recogniser, so it cannot compare faces")
        self._expand = spec.expand

    def prototypes(self, items: Sequence[FaceItem], step: Step = lambda: None) -> Prototypes:
        """Prototypes of all characters among face crops; unreadable ones are passed over."""
        chosen: dict[str, list[FaceItem]] = defaultdict(list)
        for item in items:
            if len(chosen[item.label]) < PER_PROTOTYPE:
                chosen[item.label].append(item)
        means = {}
        for label, members in sorted(chosen.items()):
            vectors = [vector for item in members if (vector := self._of_crop(item.path, step)) is not None]
            if vectors:
                means[label] = np.mean(vectors, axis=0)
        if not means:
            raise DataError("none of the data set's pictures can be read")
        return Prototypes(list(means), np.stack(list(means.values())))

    def _of_crop(self, path: Path, step: Step) -> Floats | None:
        try:
            picture = read_picture(path)
        except ImageError:
            return None
        finally:
            step()
        x, y = picture.width / 2, picture.height / 2
        half = max(x, y) / self._expand
        return self._embed(picture, [Box(x - half, y - half, x + half, y + half)])[0]

    def _embed(self, picture: Picture, boxes: Sequence[Box]) -> list[Floats]:
        embeddings = [answer.embedding for answer in self.tagger.networks.recognise(picture, boxes)]
        found = [embedding for embedding in embeddings if embedding is not None]
        if len(found) < len(boxes):
            raise ModelError(f"{self.model}: its recogniser gives no embedding, so it cannot compare faces")
        return found

    def search(
        self, paths: Iterable[Path], prototypes: Prototypes, wanted: frozenset[str], closeness: float
    ) -> Iterator[Candidate | ImageError | None]:
        """For each picture its candidates, an error where it cannot be read, and ``None`` when it is done."""
        for path in paths:
            try:
                picture = read_picture(path)
            except ImageError as error:
                yield error
            else:
                yield from self._candidates(path, picture, prototypes, wanted, closeness)
            yield None

    def _candidates(
        self, path: Path, picture: Picture, prototypes: Prototypes, wanted: frozenset[str], closeness: float
    ) -> Iterator[Candidate]:
        faces = [face for face in self.tagger.networks.detect(picture) if face.box.longer >= MIN_SIDE]
        embeddings = self._embed(picture, [face.box for face in faces]) if faces else []
        for face, embedding in zip(faces, embeddings, strict=True):
            label, near, lead, rival = prototypes.nearest(embedding)
            if label in wanted and near >= closeness:
                item = FaceItem(path, label, SOURCE, path.resolve().as_posix())
                cut = self.cutter.save(item, picture.pixels, face)
                yield Candidate(label, cut.item.path, near, lead, rival, path, face.box, face.score)


def pictures_below(folder: Path) -> list[Path]:
    """All pictures in a folder and those below it, by name, but for what nobody means."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not ALWAYS.hides_entry(name))
        meant = sorted(name for name in names if not ALWAYS.hides_entry(name))
        found += [Path(here, name) for name in meant if is_picture_name(name)]
    return found


def without_known(candidates: Sequence[Candidate], items: Sequence[FaceItem]) -> list[Candidate]:
    """Without near-duplicates of what the data set has of these characters, and of each other."""
    labels = {candidate.label for candidate in candidates}
    known = [item.path for item in items if item.label in labels]
    prints, read, _ = take_prints([*known, *(candidate.crop for candidate in candidates)])
    doubles = {read[pair.second] - len(known) for pair in near_pairs(prints)}
    return [candidate for index, candidate in enumerate(candidates) if index not in doubles]


def ranked(candidates: Iterable[Candidate], max_candidates: int) -> list[Candidate]:
    """At most ``max_candidates`` of each character: those first that are near and far from any rival."""
    by_label: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_label[candidate.label].append(candidate)
    return [
        candidate
        for _, members in sorted(by_label.items())
        for candidate in sorted(members, key=lambda one: -(one.closeness + one.lead))[:max_candidates]
    ]


def write_candidates(folder: Path, candidates: Sequence[Candidate], model: str) -> Path:
    """The table of a labelling sheet, to be filled in: the column ``approve``, and ``label`` where wrong."""
    rows = [
        {
            "approve": "x" if candidate.approved else "",
            "label": candidate.label,
            "crop": candidate.crop.relative_to(folder).as_posix(),
            "closeness": f"{candidate.closeness:.4f}",
            "lead": f"{candidate.lead:.4f}",
            "rival": candidate.rival,
            "picture": candidate.picture.resolve().as_posix(),
            **dict(zip(("x0", "y0", "x1", "y1"), candidate.box.rounded(), strict=True)),
            "score": f"{candidate.score:.4f}",
            "model": model,
        }
        for candidate in candidates
    ]
    replace_file(folder / TABLE, table_bytes(COLUMNS, rows))
    return folder / TABLE


def read_candidates(folder: Path) -> list[dict[str, str]]:
    """The rows of a labelling sheet. Raises :class:`DataError`."""
    table = folder / TABLE
    try:
        with open_text(table, newline="") as handle:
            rows = list(csv.DictReader(handle))
    except OSError as error:
        raise DataError(
            f"{table}: {error.strerror}; make a sheet with booru-tagger dataset collect"
        ) from error
    missing = set(COLUMNS) - set(rows[0] if rows else COLUMNS)
    if missing:
        raise DataError(f"{table}: the header lacks {', '.join(sorted(missing))}")
    return rows


def approved_rows(
    rows: Sequence[dict[str, str]], *, everything: bool, closeness: float | None, listed: Path | None
) -> list[dict[str, str]]:
    """The rows that somebody approved: in the table, in a list saved from the sheet, or in bulk.

    ``closeness`` approves all candidates at least that near. ``listed`` is a CSV with the columns ``crop``
    and ``label``, as the sheet saves it. Raises :class:`DataError`.
    """
    labels = _listed(listed) if listed else {}
    chosen = []
    for row in rows:
        near = closeness is not None and float(row["closeness"] or 0) >= closeness
        marked = row["approve"].strip().lower() in _YES
        if everything or near or marked or row["crop"] in labels:
            chosen.append({**row, "label": labels.get(row["crop"], row["label"])})
    return chosen


def _listed(table: Path) -> dict[str, str]:
    with open_text(table, newline="") as handle:
        rows = list(csv.DictReader(handle))
    if rows and not {"crop", "label"} <= set(rows[0]):
        raise DataError(f"{table}: the header must have crop and label; save it from the sheet")
    return {row["crop"]: row["label"] for row in rows}


def join(data: Path, folder: Path, rows: Sequence[dict[str, str]]) -> list[FaceItem]:
    """Copy approved crops into the data set and list them in its table, with their provenance beside it.

    Returns the new items; what is in the table already is passed over. Raises :class:`DataError`.
    """
    table = table_of(data)
    if not table.is_file():
        raise DataError(f"{table}: there is no such table; make one with booru-tagger dataset import")
    known = {item.path.resolve() for item in read_faces(table)}
    new: list[FaceItem] = []
    origins: list[dict[str, object]] = []
    for row in rows:
        try:
            label = tag_named(row["label"])
        except ValueError as error:
            raise DataError(f"{folder / TABLE}: {error}") from error
        target = table.parent / SOURCE / Path(row["crop"]).name
        if target.resolve() in known:
            continue
        known.add(target.resolve())
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, (folder / row["crop"]).read_bytes())
        new.append(FaceItem(target, label, SOURCE, row["picture"]))
        origin: dict[str, object] = {name: row.get(name, "") for name in ORIGIN_COLUMNS}
        origins.append(origin | {"path": f"{SOURCE}/{target.name}"})
    if new:
        append_rows(table.parent / ORIGINS, ORIGIN_COLUMNS, origins)
        add_faces(table, new)
    return new

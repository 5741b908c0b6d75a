"""The faces that the journal knows, by how alike they are to one in a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from booru_tagger.app.parts import make_tagger
from booru_tagger.app.recording import Tell
from booru_tagger.config import Settings
from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats, read_file
from booru_tagger.journal import Journal
from booru_tagger.journal.finder import EmbeddedFaces
from booru_tagger.library.nearest import alike_faces
from booru_tagger.models.identity import space_of
from booru_tagger.review.similarity import bound_of
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box


def faces_like(
    picture: Path, min_likeness: float | None, journal: Journal, settings: Settings, tell: Tell
) -> Sequence[tuple[int, float]]:
    """Numbers of known faces and how alike they are to the one in ``picture``, the most alike first.

    Without ``min_likeness``, those that the model takes for one person's. Raises BooruTaggerError.
    """
    tagger, finder = make_tagger(settings), journal.finder
    face = embedding_in(picture, tagger, tell)
    bound = bound_of(tagger.bundle) if min_likeness is None else min_likeness
    compared = 0

    def parts() -> Iterator[EmbeddedFaces]:
        nonlocal compared
        for part in finder.embedded(space_of(tagger.bundle) or ""):
            compared += len(part.faces)
            yield part

    ranked = alike_faces(face, parts(), bound)
    if missing := finder.count_faces() - compared:
        tell(
            f"{missing:,} known faces cannot be compared: another model or an earlier version found them; "
            "to add them, tag their pictures again: booru-tagger tag --batch --force FOLDER"
        )
    return ranked


def embedding_in(picture: Path, tagger: Tagger, tell: Tell) -> Floats:
    """The embedding of the face in a picture: of the surest head, or of the whole where none is found.

    Raises :class:`ImageError`, and :class:`ModelError` where the model has no embeddings.
    """
    data = read_file(picture, tagger.options.limits)
    look = tagger.networks.look_at_faces(data, str(picture))
    answers = list(look.answers)
    if len(answers) > 1:
        tell(f"{picture}: shows {len(answers)} heads; the surest one is compared")
    if not look.faces:
        tell(f"{picture}: no head is found in it, so it is taken for a face as a whole")
        decoded = tagger.networks.decode(data, str(picture))
        answers = tagger.networks.recognise(decoded, [Box(0, 0, decoded.width, decoded.height)])
    embedding = answers[0].embedding if answers else None
    if embedding is None:
        raise ModelError(f"{tagger.bundle.folder}: this model cannot compare faces; use another one")
    return embedding

"""What to tell a person of a character to be enrolled: few pictures, look-alikes, names too close."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from booru_tagger.enrol.similar_names import near_names
from booru_tagger.imaging import Floats
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.gallery.matching import anchor_for, prototype
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult

FEW = 5
"""Pictures of a character below which its threshold is little more than a guess."""


def about_number(faces: int) -> list[str]:
    """Whether there are too few faces."""
    if faces >= FEW:
        return []
    return [
        f"only {faces} of the pictures count; with {FEW} to 20, by several artists, the character is "
        "found more surely"
    ]


def about_name(tag: str, tagger: Tagger, others: Gallery | None) -> list[str]:
    """Whether another character has this name, or nearly."""
    warnings = []
    trained = near_names(tag, (label.tag for label in tagger.bundle.labels))
    if tag in trained:
        warnings.append(f"the model knows a character {tag!r} already; these faces are added to it")
    close = [name for name in (*trained, *near_names(tag, others.tags if others else ())) if name != tag]
    if close:
        names = ", ".join(dict.fromkeys(close))
        warnings.append(f"{tag!r} is easily mistaken for a character that is known already: {names}")
    return warnings


def about_look_alikes(
    tag: str, faces: Sequence[FaceResult], embeddings: Floats, tagger: Tagger, others: Gallery | None
) -> list[str]:
    """Whether the faces go by another name already. ``embeddings`` are all of the character's."""
    warnings = []
    names = Counter(face.character.tag for face in faces if face.character is not None)
    for name, count in names.most_common(1):
        if 2 * count >= len(faces) and name != tag:
            warnings.append(
                f"the model takes {count} of the {len(faces)} faces for {name!r}; where it is surer of that "
                "than of the enrolled character, that name stays"
            )
    if others is not None and (alike := _enrolled_like(embeddings, tagger, others.without({tag}))):
        warnings.append(f"these faces are very like those of {alike!r}, which is enrolled already")
    return warnings


def _enrolled_like(embeddings: Floats, tagger: Tagger, others: Gallery) -> str | None:
    """The character among ``others`` that these faces would be taken for, if there is one."""
    spec, identity, face = tagger.bundle.recogniser, tagger.networks.identity, prototype(embeddings)
    if spec is None or not others:
        return None
    if identity is not None:
        ((best, score),) = identity.score(face, others.people).enrolled.best(1)
        return others.characters[best].label.tag if score >= spec.character_threshold else None
    anchor = anchor_for(spec.character_threshold)
    (match,) = others.match(face, anchor, 1)
    return match.label.tag if match.score >= anchor else None

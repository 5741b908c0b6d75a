"""The values that travel through the program: frozen, typed, standard library only."""

from booru_tagger.types.faces import (
    PERSON,
    Box,
    CharacterMatch,
    Embedding,
    Face,
    FaceResult,
    ScoredTag,
    TimeRange,
    Verdict,
    VerdictKind,
)
from booru_tagger.types.results import (
    PREFIX,
    SCHEMA,
    SUFFIX,
    Conflict,
    Content,
    Moving,
    PictureError,
    Reading,
    Tag,
    TagResult,
)

__all__ = [
    "PERSON",
    "PREFIX",
    "SCHEMA",
    "SUFFIX",
    "Box",
    "CharacterMatch",
    "Conflict",
    "Content",
    "Embedding",
    "Face",
    "FaceResult",
    "Moving",
    "PictureError",
    "Reading",
    "ScoredTag",
    "Tag",
    "TagResult",
    "TimeRange",
    "Verdict",
    "VerdictKind",
]

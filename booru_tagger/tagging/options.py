"""What a tagger is made of: a value that can be compared, changed and sent to a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from booru_tagger.config.shares import THRESHOLDS, checked_shares
from booru_tagger.errors import ConfigError
from booru_tagger.imaging import Limits
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.store.local import DEFAULT
from booru_tagger.tagging.implications import Implication

MAX_FRAMES = 240
"""Frames of a moving picture that are looked at, unless told otherwise: an episode takes half a minute."""


@dataclass(frozen=True, slots=True)
class TaggerOptions:
    """A model and how to tag with it. Pickles; the model itself is opened by whoever gets the options.

    ``model`` is whatever :func:`booru_tagger.models.store.local.open_model` takes: ``default``, a name, a hub
    id, a folder or a zip file. Where it is a tagger of whole pictures that other people made, ``face_model``
    finds and names the faces, unless ``faces`` is false; ``tag_thresholds`` replace that tagger's, by
    category, and ``mcut`` names categories whose least score each picture sets itself. ``thresholds`` replace
    those of the faces' model (keys: ``face``, ``character``, ``hair``, ``eyes``). With ``crops`` each picture
    is one face already. With ``solo`` a picture of one head is tagged so, where no second one is likely.
    Without ``imply`` a recognised character does not bring its series and attributes; with ``strip_implied``
    the general tags that its name implies are left out, as training sets want it. ``implications`` (a file or
    what :func:`~booru_tagger.tagging.implications.read_implications` made of it) says more of what names
    imply. ``gallery`` holds characters that were enrolled with this model: a :class:`Gallery`, its file,
    ``default`` for the user's own, where there is one, or ``None``. Of a moving picture at most
    ``max_frames`` are looked at, or the first one alone under ``first_frame``. ``threads`` and ``provider``
    (``cpu``, ``cuda``, …) say how the model runs.

    Raises :class:`ConfigError` for a threshold that does not exist or is not a number from 0 to 1.
    """

    model: str | Path = DEFAULT
    _: KW_ONLY
    face_model: str | Path = DEFAULT
    faces: bool = True
    crops: bool = False
    thresholds: Mapping[str, float] = field(default_factory=dict)
    tag_thresholds: Mapping[str, float] = field(default_factory=dict)
    mcut: Collection[str] = ()
    solo: bool = False
    imply: bool = True
    strip_implied: bool = False
    implications: Mapping[str, Implication] | str | Path | None = None
    gallery: Gallery | str | Path | None = DEFAULT
    limits: Limits = field(default_factory=Limits)
    first_frame: bool = False
    max_frames: int = MAX_FRAMES
    threads: int = 1
    provider: str = "cpu"

    def __post_init__(self) -> None:
        try:
            thresholds = checked_shares(self.thresholds, THRESHOLDS)
        except ValueError as error:
            raise ConfigError(f"thresholds: {error}") from error
        # Copies, as a read-only view of a mapping would not pickle.
        object.__setattr__(self, "thresholds", dict(thresholds))
        object.__setattr__(self, "tag_thresholds", dict(self.tag_thresholds))
        object.__setattr__(self, "mcut", tuple(self.mcut))

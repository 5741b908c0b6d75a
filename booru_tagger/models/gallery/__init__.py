"""Characters that a user enrolled: what is known of each, and how a new face is compared with them."""

from booru_tagger.models.gallery.matching import Matching
from booru_tagger.models.gallery.stored import default_path, dump, load, open_gallery, parse, require
from booru_tagger.models.gallery.values import NO_BOXES, Enrolled, Gallery, Match

__all__ = [
    "NO_BOXES",
    "Enrolled",
    "Gallery",
    "Match",
    "Matching",
    "default_path",
    "dump",
    "load",
    "open_gallery",
    "parse",
    "require",
]

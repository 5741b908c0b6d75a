"""A picture that cannot be tagged as a value: a failed result that says why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from os import PathLike

from booru_tagger.errors import BooruTaggerError, MissingExtraError, ModelError, TooLargeImageError
from booru_tagger.types import PictureError, TagResult

_log = logging.getLogger(__name__)


def failed(path: str | PathLike[str], error: BooruTaggerError) -> TagResult:
    """The result of a picture that could not be tagged."""
    return TagResult(path=str(path), error=PictureError(error.kind, str(error)))


def attempt(tag: Callable[[], TagResult], path: str | PathLike[str]) -> TagResult:
    """The result of the picture at ``path``, failed where ``tag`` raises.

    What would be the same for every picture goes through: a :class:`ModelError`, or a
    :class:`MissingExtraError` for what the model is to run on.
    """
    try:
        return tag()
    except (ModelError, MissingExtraError):
        raise
    except BooruTaggerError as error:
        return failed(path, error)
    except MemoryError:
        return failed(path, TooLargeImageError(f"{path}: not enough memory to tag it"))
    except Exception as error:
        _log.debug("unexpected error at %s", path, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        return failed(path, BooruTaggerError(f"{path}: unexpected error ({reason}); please report it"))

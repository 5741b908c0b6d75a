"""From what a user calls a gallery to one that fits the model."""

from __future__ import annotations

from pathlib import Path

from booru_tagger.errors import ModelError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.gallery.stored import default_path, load
from booru_tagger.models.gallery.values import Gallery

DEFAULT = "default"


def open_gallery(gallery: Gallery | str | Path | None, bundle: Bundle) -> Gallery | None:
    """The gallery, ready to be used with ``bundle``: given as such, as a file, or as ``default``.

    That is the user's own, where there is one. Raises :class:`ModelError`, also where the characters were
    enrolled with another recogniser.
    """
    name = "the gallery"
    if gallery == DEFAULT:
        gallery = default_path() if default_path().is_file() else None
    if isinstance(gallery, str | Path):
        name, gallery = str(gallery), load(Path(gallery).expanduser())
    if gallery:
        require(gallery, name, bundle)
    return gallery


def require(gallery: Gallery, name: str, bundle: Bundle) -> None:
    """Raise :class:`ModelError` unless the gallery's embeddings are of this bundle's recogniser."""
    if gallery.recogniser != bundle.recogniser_sha256:
        raise ModelError(
            f"{name}: its characters were enrolled with another model ({gallery.model or 'unnamed'}) than "
            f"{bundle.name} {bundle.version}, so their faces cannot be compared; enrol them again with "
            "`booru-tagger characters add`, name another gallery with --gallery, or use --no-gallery"
        )

"""Making a bundle: the manifest and its files, written so that a half-made bundle is never seen."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from booru_tagger.errors import DataError, ModelError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.files.text import read_text
from booru_tagger.imaging import Normalisation
from booru_tagger.models.bundle import MANIFEST, SCHEMA, Bundle

LICENCE = "MIT; trained on fan art whose pictures are not part of this file and belong to their artists"

DEFAULT_THRESHOLDS = {"character": 0.5, "hair": 0.35, "eyes": 0.35}
"""What a recogniser's scores must reach until `evaluate --tune` says better."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in ``folder``, or an empty one to be filled."""
    path = folder / MANIFEST
    if not path.exists():
        return {"schema": SCHEMA, "name": folder.name, "version": "1", "files": {}, "labels": []}
    try:
        manifest = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise DataError(f"{path}: not a manifest of schema {SCHEMA}")
    return manifest


def put_part(
    folder: Path,
    section: str,
    model: bytes,
    values: Mapping[str, Any],
    more: Mapping[str, Any],
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> Bundle:
    """Put a model into a bundle as its ``section`` (``detector`` or ``recogniser``) and check the whole.

    ``values`` are the section's keys; ``more`` the manifest's other keys that come with this part, ``files``
    what else belongs to it. Other parts stay as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(folder)
    name = f"{section}.onnx"
    for file, data in {name: model, **files}.items():
        manifest["files"][file] = {"sha256": sha256_of_bytes(data), "bytes": len(data)}
        replace_file(folder / file, data)
    manifest[section] = {"file": name, **values}
    for key, value in more.items():
        both = isinstance(value, Mapping) and isinstance(manifest.get(key), dict)
        manifest[key] = {**manifest[key], **value} if both else value
    manifest["created"] = time.strftime("%Y-%m-%d", time.gmtime())
    manifest.setdefault("licence", LICENCE)
    return write_manifest(folder, manifest)


def put_file(folder: Path, name: str, data: bytes) -> None:
    """Put a file beside a bundle's models, and list it. The manifest has to be there."""
    manifest = read_manifest(folder)
    manifest["files"][name] = {"sha256": sha256_of_bytes(data), "bytes": len(data)}
    replace_file(folder / name, data)
    replace_file(folder / MANIFEST, _text(manifest))


def copy_bundle(source: Path, target: Path) -> Bundle:
    """Put the bundle in ``source`` into the folder ``target`` as well. Raises :class:`ModelError`."""
    bundle = Bundle.load(source)
    target.mkdir(parents=True, exist_ok=True)
    if source.resolve() != target.resolve():
        for name in bundle.files:
            replace_file(target / name, bundle.read(name))
        write_manifest(target, read_manifest(source))
    return bundle


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Bundle:
    """Write the manifest, and take it back if the runtime does not accept it. Raises :class:`ModelError`."""
    path = folder / MANIFEST
    before = path.read_bytes() if path.exists() else None
    replace_file(path, _text(manifest))
    try:
        bundle = Bundle.load(folder)
        bundle.verify()
    except ModelError:
        if before is None:
            path.unlink()
        else:
            replace_file(path, before)
        raise
    return bundle


def _text(manifest: Mapping[str, Any]) -> bytes:
    """JSON to be read and compared by people, with a line for each section and for each label."""
    lines = ["{"]
    for key, value in manifest.items():
        if key != "labels":
            lines.append(f"{_line(key)}:{_line(value)},")
    labels = ",\n".join(map(_line, manifest["labels"]))
    return "\n".join([*lines, f'"labels":[\n{labels}\n]', "}", ""]).encode()


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def normalisation_keys(normalisation: Normalisation) -> dict[str, object]:
    """``mean``, ``std`` and ``bytes`` as a section of the manifest has them."""
    inside = {"bytes": True} if normalisation.inside else {}
    return {"mean": list(normalisation.mean), "std": list(normalisation.std), **inside}

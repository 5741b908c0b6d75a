"""What a model is: a folder with ``manifest.json`` and the ONNX files that it lists by hash.

The manifest says all that the program must know to use the files: sizes, normalisation, the crop rule,
labels, thresholds, what each character implies. Nothing of it is in the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from booru_tagger.errors import ModelError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.stamps import sha256_of_bytes, stamp_of
from booru_tagger.files.text import decoded
from booru_tagger.models.manifest import (
    MANIFEST,
    DetectorSpec,
    FileRecord,
    Label,
    RecogniserSpec,
    RollSpec,
    Table,
    View,
    read_detector,
    read_files,
    read_labels,
    read_recogniser,
    read_roll,
)

__all__ = ["MANIFEST", "Bundle", "DetectorSpec", "FileRecord", "Label", "RecogniserSpec", "RollSpec", "View"]

SCHEMA = 1
MAX_MANIFEST_BYTES = 64_000_000

_USED = ("files", "detector", "recogniser", "labels")
"""The parts of a manifest that decide results; the rest is information, or for cut-outs alone (``roll``)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked manifest and the folder that it describes. Files are checked when read."""

    folder: Path
    name: str
    version: str
    files: Mapping[str, FileRecord]
    detector: DetectorSpec | None
    recogniser: RecogniserSpec | None
    labels: tuple[Label, ...]
    fingerprint: str
    """Changes with anything that can change a result: 16 hexadecimal digits."""
    roll: RollSpec | None = None
    created: str = ""
    licence: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read the manifest in ``folder``. Raises :class:`ModelError`."""
        path = folder / MANIFEST
        try:
            data = read_regular(path, MAX_MANIFEST_BYTES)
        except OversizeFileError as error:
            raise ModelError(f"{path}: larger than a manifest can be; is it the right file?") from error
        except FileNotFoundError as error:
            raise ModelError(f"{folder}: no {MANIFEST} there, so it is not a model folder") from error
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}") from error
        return _bundle(_json(data, path), folder)

    @property
    def recogniser_sha256(self) -> str | None:
        """What tells embedding spaces apart: the hash of the recogniser's file."""
        return self.files[self.recogniser.file].sha256 if self.recogniser is not None else None

    def read(self, name: str) -> bytes:
        """The bytes of one of the bundle's files, after comparing their hash with the manifest's."""
        record, path = self.files[name], self.folder / name
        try:
            data = read_regular(path)
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}; install the model again") from error
        if len(data) != record.bytes:
            difference = f"it has {len(data):,} bytes where {MANIFEST} expects {record.bytes:,}"
        elif (digest := sha256_of_bytes(data)) != record.sha256:
            difference = f"its SHA-256 begins {digest[:12]} where {MANIFEST} expects {record.sha256[:12]}"
        else:
            return data
        raise ModelError(
            f"{path}: {difference}, so it was damaged or changed since the model was made; "
            "install the model again"
        )

    def state_of(self, name: str) -> str:
        """Changes when the manifest wants another file of that name, and when anybody writes to the file:
        what :meth:`read` found good once is still good."""
        return f"{self.files[name].sha256} {stamp_of(self.folder / name)}"

    def verify(self) -> None:
        """Read and compare every file. Raises :class:`ModelError` for the first that differs."""
        for name in self.files:
            self.read(name)


def _json(manifest: bytes, path: Path) -> object:
    try:
        return json.loads(decoded(manifest))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}); install the model again") from error


def _bundle(data: object, folder: Path) -> Bundle:
    table = Table(data, str(folder / MANIFEST))
    schema = table.get("schema")
    if schema != SCHEMA:
        table.fail("schema", f"this version reads schema {SCHEMA}, found {schema!r}; update booru-tagger")
    table.only("schema", "name", "version", "created", "licence", "training", "figures", "roll", *_USED)
    files = read_files(table.table("files"))
    labels = read_labels(table)
    detector = read_detector(table.table("detector"), files) if table.has("detector") else None
    recogniser = (
        read_recogniser(table.table("recogniser"), files, detector) if table.has("recogniser") else None
    )
    roll = read_roll(table.table("roll"), files) if table.has("roll") else None
    if detector is None and recogniser is None:
        table.fail("", "it has neither a detector nor a recogniser")
    if recogniser is not None and not labels:
        table.fail("labels", "the recogniser needs at least one label")
    return Bundle(
        folder=folder,
        name=table.text("name"),
        version=table.text("version"),
        files=files,
        detector=detector,
        recogniser=recogniser,
        labels=labels,
        fingerprint=_fingerprint(table.data, roll),
        roll=roll,
        created=table.text("created", ""),
        licence=table.text("licence", ""),
        training=_free(table, "training"),
        figures=_free(table, "figures"),
    )


def _fingerprint(manifest: Mapping[str, Any], roll: RollSpec | None) -> str:
    used = {key: manifest.get(key) for key in _USED}
    if roll is not None:  # no tag depends on it: nothing is tagged again because it came or changed
        used["files"] = {name: record for name, record in manifest["files"].items() if name != roll.file}
    text = json.dumps(used, sort_keys=True, separators=(",", ":"))
    return sha256_of_bytes(text.encode())[:16]


def _free(table: Table, key: str) -> Mapping[str, Any]:
    return MappingProxyType(dict(table.table(key).data)) if table.has(key) else MappingProxyType({})

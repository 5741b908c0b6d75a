"""What is known of a model that was fetched: where it is from and the hash of each file, kept beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from booru_tagger.errors import ModelError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_file
from booru_tagger.files.text import decoded
from booru_tagger.models.manifest import FileRecord, Table, read_files

FILE_RECORD = "booru-tagger-model.json"
"""The record's file. A bundle has its own manifest for that."""
SCHEMA = 1
_MAX_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """``source`` is a hub id with the commit (``hf:owner/name@…``) or an archive's path."""

    name: str
    source: str
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    licence: str = ""
    fetched: str = ""

    def compare(self, folder: Path, hashes: Mapping[str, str]) -> None:
        """Raise :class:`ModelError` where a file is not as recorded."""
        for name, sha256 in hashes.items():
            record = self.files.get(name)
            if record is None:
                raise ModelError(f"{folder / name}: was not there when the model was fetched; remove it")
            if record.sha256 != sha256:
                raise ModelError(
                    f"{folder / name}: its SHA-256 begins {sha256[:12]} where {record.sha256[:12]} was "
                    "fetched, so it was damaged or changed since; remove the model and get it again"
                )

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "source": self.source,
            "licence": self.licence,
            "fetched": self.fetched,
            "files": {
                name: {"sha256": record.sha256, "bytes": record.bytes} for name, record in self.files.items()
            },
        }


def read_record(folder: Path) -> ModelRecord | None:
    """The record in a folder, where there is one. Raises :class:`ModelError`."""
    path = folder / FILE_RECORD
    try:
        if not path.is_file():
            return None
        data = json.loads(decoded(read_regular(path, _MAX_BYTES)))
    except OversizeFileError as error:
        raise ModelError(f"{path}: larger than a record can be") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}); remove the model and get it again") from error
    table = Table(data, str(path))
    table.only("schema", "name", "source", "licence", "fetched", "files")
    if table.get("schema") != SCHEMA:
        table.fail("schema", f"this version reads schema {SCHEMA}; update booru-tagger")
    return ModelRecord(
        table.text("name"),
        table.text("source"),
        read_files(table.table("files")),
        table.text("licence", ""),
        table.text("fetched", ""),
    )


def write_record(folder: Path, record: ModelRecord) -> None:
    """Put the record into ``folder``. Raises :class:`booru_tagger.errors.OutputError`."""
    replace_file(folder / FILE_RECORD, (json.dumps(record.to_json(), indent=1) + "\n").encode())


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises :class:`ModelError`."""
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error

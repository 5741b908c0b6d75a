"""A tagger that other people trained: its folder, checked, and its scores for whole pictures."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from booru_tagger.errors import ModelError, docs_url
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.imaging import Floats, Source
from booru_tagger.models.batching import open_session
from booru_tagger.models.formats import Format, FoundFormat, ScoreOutput
from booru_tagger.models.formats.extras import refined
from booru_tagger.models.formats.labels import read_labels
from booru_tagger.models.formats.prepare import padding, prepare
from booru_tagger.models.formats.recognising import found_in
from booru_tagger.models.formats.signature import Signature
from booru_tagger.models.formats.thresholds import Columns
from booru_tagger.models.model_record import ModelRecord, digest, read_record
from booru_tagger.models.session import Array

BATCH = 8
"""Pictures in one run at most, where the model takes several."""
_SLACK = 1e-3
"""How far a probability may be off 0 to 1, for want of precision."""


class ForeignTagger:
    """A folder in one of the layouts of :mod:`booru_tagger.models.formats`. May be shared between threads.

    Reading it takes the labels and the settings beside them, not the network, which is loaded on first use
    or by :meth:`check`. A folder that came from a hub or an archive has a record of hashes, and its files
    must be as recorded. Raises :class:`ModelError`.
    """

    def __init__(self, folder: Path, *, threads: int = 1, provider: str = "cpu") -> None:
        found = found_in(folder)
        if found is None:
            raise ModelError(
                f"{folder}: no files of any tagger that is known; {docs_url('models')} lists them"
            )
        self.folder = folder
        self.record: ModelRecord | None = read_record(folder)
        self.found: FoundFormat = found
        self.format = refined(found.format, folder, folder / found.labels)
        self.columns = Columns(read_labels(folder / found.labels, self.format, folder))
        path = folder / found.model
        self.session = open_session(path, name=str(path), threads=threads, provider=provider)
        self._answer: ScoreOutput | None = None
        self._image = ""
        self._side = self.format.preparation.side
        self._single = True

    @property
    def name(self) -> str:
        """What results call it."""
        return (
            self.record.name if self.record is not None and self.record.name else self.folder.resolve().name
        )

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The customary thresholds by category."""
        return self.format.thresholds

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with the network, the labels and all that is read beside them; 16 hexadecimal digits.

        Every file is read for it, and compared with the record where there is one.
        """
        hashes = {name: digest(self.folder / name) for name in self.found.files}
        if self.record is not None:
            self.record.compare(self.folder, hashes)
        decisive = {"files": hashes, "format": _decisive(self.format)}
        return sha256_of_bytes(json.dumps(decisive, sort_keys=True).encode())[:16]

    def check(self) -> None:
        """Load the network and compare its signature with the layout. Raises :class:`ModelError`."""
        if self._answer is not None:
            return
        if self.record is not None:
            _ = self.fingerprint
        signature = Signature(self.session.inputs, self.session.outputs)
        if differences := signature.differences(self.format):
            raise ModelError(
                f"{self.session.name}: not the network of a {self.format.title}: {'; '.join(differences)}"
            )
        self._image = signature.image(self.format)
        self._side = signature.side(self.format) or self.format.preparation.side
        self._single = signature.single(self.format)
        self._answer = signature.answer(self.format)

    @property
    def side(self) -> int:
        """Side of the input in pixels. Loads the network."""
        self.check()
        return self._side

    def scores(self, pictures: Sequence[Source], *, exact: bool = True) -> list[Floats]:
        """The probability of each column, for each upright RGB picture, prepared as ``exact`` as by
        :func:`prepare`. Raises :class:`ModelError`."""
        self.check()
        how, step = self.format.preparation, 1 if self._single else BATCH
        answers: list[Floats] = []
        for start in range(0, len(pictures), step):
            part = pictures[start : start + step]
            inputs = [prepare(picture, self._side, how, exact=exact) for picture in part]
            feeds: dict[str, Array] = {self._image: _stacked(inputs)}
            if self.format.mask:
                feeds[self.format.mask] = _stacked([padding(picture, self._side, how) for picture in part])
            answers += list(self._run(feeds))
        return answers

    def _run(self, feeds: Mapping[str, Array]) -> Floats:
        answer = self._answer
        assert answer is not None  # check() chose it
        outputs = self.session.run(feeds)
        values = outputs[answer.name] if answer.name else list(outputs.values())[answer.place]
        expected = (len(feeds[self._image]), len(self.columns.labels))
        if values.shape != expected:
            raise ModelError(
                f"{self.session.name}: the answer has the shape {values.shape}, but {self.found.labels} "
                f"lists {expected[1]:,} labels; the two files are not of one model"
            )
        # NaN never becomes a tag, before the sigmoid or after it.
        scores = np.nan_to_num(values.astype(np.float32, copy=False), nan=-1e9 if answer.logits else 0.0)
        if answer.logits:
            return _sigmoid(scores)
        if scores.min(initial=0) < -_SLACK or scores.max(initial=0) > 1 + _SLACK:
            raise ModelError(
                f"{self.session.name}: the answers of a {self.format.title} are probabilities, but these go "
                f"from {scores.min():.3g} to {scores.max():.3g}; export the model with its sigmoid"
            )
        return np.clip(scores, 0, 1)


def _stacked(inputs: Sequence[Array]) -> Array:
    """A batch; a single picture's is not copied."""
    return np.stack(inputs) if len(inputs) > 1 else inputs[0][None]


def _decisive(layout: Format) -> dict[str, Any]:
    """What of a record changes results, as fingerprints of earlier versions have it: what came later is left
    out where it says nothing."""
    told = asdict(layout)
    how = told["preparation"]
    for name in ("signs", "strange"):
        del told[name]
    if not layout.mask:
        del told["mask"]
    for name, default in (("rounding", "aspect"), ("enlarge", True), ("fractions", False), ("canvas", None)):
        if how[name] == default:
            del how[name]
    return told


def _sigmoid(logits: Floats) -> Floats:
    """Without overflow at either end."""
    return (0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))).astype(np.float32)

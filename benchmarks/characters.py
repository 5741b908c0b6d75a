"""How long a face is compared with whoever is known: a model's own characters, and a gallery beside them.

Characters are made of noise, ten faces each, and each face that is asked about lies near one of them. A
gallery is written and read as `characters import` does. Counted is what comes behind the network, on one
core; time that other programs take is not counted.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.report import FigureTable, Workload
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.gallery.stored import dump, parse
from booru_tagger.models.identity import Identity, KnownCharacters, pack, unit
from booru_tagger.models.manifest import Label, RecogniserSpec
from booru_tagger.models.recogniser import Recognition
from booru_tagger.models.store.local import open_bundle
from booru_tagger.tagging.rules import Rules
from booru_tagger.types import Box, Face

Row: TypeAlias = tuple[str, float, str, str]
"""Name, value, unit and note of a figure."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
OWN = (43, 1_600, 10_000)
ENROLLED = (0, 1_000, 10_000)
FACES_EACH = 10
ASKED = 300
WANTED = {"a face, 10,000 enrolled": "<= 5", "reading 10,000 enrolled": "<= 1"}
SPREAD = 0.06
"""Noise of each number of a face around its character's."""


def noise(characters: int, length: int) -> Iterator[Floats]:
    """The faces ``(N, D)`` of each of some characters."""
    rng = np.random.default_rng(0)
    for _ in range(characters):
        middle = around(np.zeros((1, length), np.float32), rng)
        yield around(np.repeat(middle, FACES_EACH, axis=0), rng)


def around(middles: Floats, rng: np.random.Generator) -> Floats:
    """A direction near each of some ``(N, D)``."""
    return unit(middles + SPREAD * rng.normal(size=middles.shape).astype(np.float32))


def asked_about(faces: Sequence[Floats]) -> Floats:
    """Faces ``(N, D)`` near some of those that are known."""
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, len(faces), ASKED).tolist()
    return around(np.stack([faces[number][0] for number in chosen]), rng)


def milliseconds(rules: Rules, faces: Floats) -> tuple[float, str]:
    """What a face takes from its embedding to its tags; how long nearly all take."""
    box, spent = Face(Box(0, 0, 1, 1), 1.0), []
    for face in faces:
        started = time.process_time()
        rules.read(box, Recognition(embedding=face), colored=False)
        spent.append(1000 * (time.process_time() - started))
    _first, *others = spent  # which makes what is kept
    return statistics.median(others), f"99 % within {np.quantile(others, 0.99):.2f} ms"


def of_the_model(recogniser: RecogniserSpec, identity: Identity) -> Iterator[Row]:
    """For models of so many characters."""
    for count in OWN:
        faces = list(noise(count, identity.people.means.shape[1]))
        file = pack(KnownCharacters.of_faces(faces))
        own = Identity(identity.spec, functools.partial(bytes, file), "noise", count)
        labels = tuple(Label(f"somebody_{number}") for number in range(count))
        spent, note = milliseconds(Rules(recogniser, labels, {}, identity=own), asked_about(faces))
        yield f"a face, a model of {count:,}", spent, "ms", note
        yield f"file of a model's {count:,}", len(file) / 1e6, "MB", ""


def of_galleries(bundle: Bundle, recogniser: RecogniserSpec, identity: Identity) -> Iterator[Row]:
    """The same beside a model's own characters, for galleries of so many."""
    length = identity.people.means.shape[1]
    for count in ENROLLED:
        faces = list(noise(count, length))
        enrolled = [Enrolled(Label(f"somebody_{number}"), one) for number, one in enumerate(faces)]
        file = dump(Gallery(bundle.recogniser_sha256 or "", enrolled))
        started = time.process_time()
        gallery = parse(file, "noise")
        reading = time.process_time() - started
        rules = Rules(recogniser, bundle.labels, {}, gallery=gallery if count else None, identity=identity)
        spent, note = milliseconds(rules, asked_about(faces or list(noise(100, length))))
        yield f"a face, {count:,} enrolled", spent, "ms", note
        if count:
            yield f"reading {count:,} enrolled", reading, "s", f"{len(file) / 1e6:.1f} MB"


def main(model: str) -> None:
    """Print the rows as JSON."""
    bundle = open_bundle(model)
    recogniser, identity = bundle.recogniser, Identity.of(bundle)
    if recogniser is None or identity is None:
        raise SystemExit(f"{model}: its own characters are judged within its network")
    rows = [*of_the_model(recogniser, identity), *of_galleries(bundle, recogniser, identity)]
    print(json.dumps(rows))


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    """In a process of its own, as numpy is told the number of its threads when it is imported."""
    del sizes, folder
    command = [sys.executable, "-m", "benchmarks.characters", model]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, check=True, stdout=subprocess.PIPE, text=True)
    for name, value, unit_of_it, note in json.loads(done.stdout):
        report.add(name, value, unit_of_it, wanted=WANTED.get(name, ""), note=note)


if __name__ == "__main__":
    main(sys.argv[1])

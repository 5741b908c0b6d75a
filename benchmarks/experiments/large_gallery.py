"""How long a face is compared with a large pack beside the model's own characters.

The pack is made of noise, written and read as `characters import` does. Each face lies near a character of
it. Counted is what comes behind the network: who it is, with the model's own characters and with the pack.
On one core; time that other programs take is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.gallery.stored import dump, parse
from booru_tagger.models.identity import Identity, unit
from booru_tagger.models.manifest import Label
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, Face

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
WANTED = 5.0
"""Milliseconds that one face may take."""
SPREAD = 0.06
"""Noise of each number of a face around its character's."""


def noise(characters: int, faces: int, length: int) -> Iterator[Enrolled]:
    rng = np.random.default_rng(0)
    for number in range(characters):
        middle = around(np.zeros((1, length), np.float32), rng)
        yield Enrolled(Label(f"somebody_{number}"), around(np.repeat(middle, faces, axis=0), rng))


def around(middles: Floats, rng: np.random.Generator) -> Floats:
    """A direction near each of some ``(N, D)``."""
    return unit(middles + SPREAD * rng.normal(size=middles.shape).astype(np.float32))


def milliseconds(rules: Rules, faces: Floats) -> list[float]:
    """What each face takes from its embedding to its tags."""
    box, spent = Face(Box(0, 0, 1, 1), 1.0), []
    for face in faces:
        started = time.process_time()
        rules.read(box, Recognition(embedding=face), colored=False)
        spent.append(1000 * (time.process_time() - started))
    return spent


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment large_gallery", description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--characters", type=int, default=10_000)
    parser.add_argument("--faces", type=int, default=10, help="of each character")
    parser.add_argument("--asked", type=int, default=300, help="faces to compare")
    asked = parser.parse_args(arguments)
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):  # numpy reads them when it is imported
        command = [sys.executable, "-m", "benchmarks", "experiment", "large_gallery", *arguments]
        raise SystemExit(subprocess.run(command, env=os.environ | ONE_THREAD, check=False).returncode)
    bundle = Tagger(TaggerOptions(asked.model, gallery=None)).bundle
    identity = Identity.of(bundle)
    if bundle.recogniser is None or identity is None:
        raise SystemExit(f"{asked.model}: its own characters are judged within its network")
    pack = dump(
        Gallery(
            bundle.recogniser_sha256 or "",
            noise(asked.characters, asked.faces, identity.people.means.shape[1]),
        )
    )
    started = time.process_time()
    gallery = parse(pack, "pack")
    reading = time.process_time() - started
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, len(gallery), asked.asked)
    near = np.stack([gallery.characters[number].faces[0] for number in chosen.tolist()])
    faces = around(near, rng)
    print(
        f"{len(gallery):,} characters, {asked.faces} faces each; {len(pack) / 1e6:.1f} MB in {reading:.2f} s"
    )
    for name, beside in (("the model alone", None), ("with the pack", gallery)):
        rules = Rules(bundle.recogniser, bundle.labels, {}, gallery=beside, identity=identity)
        first, *spent = milliseconds(rules, faces)
        middle, slow = statistics.median(spent), np.quantile(spent, 0.99)
        print(f"{name}: {middle:.2f} ms a face (99 % within {slow:.2f}), the first {first:.0f} ms")
    print(f"wanted: {WANTED:g} ms at most")

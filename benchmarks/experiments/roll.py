"""How well it is told how far heads are turned: by known angles, and by the line of the eyes.

The eyes of held-out heads were measured by hand: `roll.csv` has what came out, and where the heads are. The
shares' 95 % intervals are of heads drawn with replacement.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from booru_export.bundles.roll import known_turns
from booru_export.roll.samples import read_measured
from booru_export.roll.task import RIGHT, difference

from booru_tagger.imaging import read_picture
from booru_tagger.models.roll import RollEstimator

MEASURED = Path(__file__).with_suffix(".csv")
LEAST = (0.0, 10.0, 20.0)
_DRAWS = 4000


class Answers(NamedTuple):
    """For each head: degrees that it is turned by the line of its eyes, degrees and certainty said."""

    true: npt.NDArray[np.float64]
    said: npt.NDArray[np.float64]
    certainty: npt.NDArray[np.float64]


def answers(estimator: RollEstimator, data: Path, part: str) -> Answers:
    found = []
    for head in read_measured(MEASURED):
        if head.part == part:
            path = data / head.path.relative_to(MEASURED.parent)
            (roll,) = estimator.rolls(read_picture(path), [head.box])
            found.append((head.degrees, roll.degrees, roll.certainty))
    return Answers(*np.asarray(found).T)


def share(of: npt.NDArray[np.bool_]) -> str:
    if not len(of):
        return "none"
    rng = np.random.default_rng(0)
    drawn = of[rng.integers(0, len(of), (_DRAWS, len(of)))].mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{of.mean():.3f} ({low:.3f} to {high:.3f}) of {len(of)}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment roll", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path, help="folder with scenes, faces and identities")
    parser.add_argument("--part", choices=["validation", "test"], default="test", help="of the data")
    asked = parser.parse_args(arguments)
    estimator = RollEstimator(asked.bundle)
    sure = estimator.spec.sure
    turns = known_turns(estimator, asked.data, asked.part)
    certain = turns.certainty >= sure
    print(f"turned by known angles ({asked.part}), sure from {sure}")
    print(f"  answered {share(certain)}")
    print(f"  of these within {RIGHT:g} degrees {share(turns.wrong[certain] <= RIGHT)}")
    print(f"  of all within {RIGHT:g} degrees {share(turns.wrong <= RIGHT)}")
    found = answers(estimator, asked.data, asked.part)
    wrong = np.abs(difference(found.said, found.true))
    for least in LEAST:
        turned = np.abs(found.true) >= least
        certain = turned & (found.certainty >= sure)
        print(f"by the line of the eyes ({asked.part}), turned by {least:g} degrees and more")
        print(f"  answered {share(certain[turned])}")
        print(f"  of these within {RIGHT:g} degrees {share(wrong[certain] <= RIGHT)}")
        print(f"  of all within {RIGHT:g} degrees {share(wrong[turned] <= RIGHT)}")

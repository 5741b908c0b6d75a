"""How well it is told how far heads are turned: by known angles, and by the line of the eyes.

The eyes of held-out heads were measured by hand: `roll.csv` has what came out, and where the heads are. The
shares' 95 % intervals are of heads drawn with replacement.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from booru_export.bundles.roll import known_turns, measured_turns
from booru_export.roll.samples import read_measured
from booru_export.roll.task import RIGHT

from booru_tagger.models.roll import RollEstimator

MEASURED = Path(__file__).with_suffix(".csv")
LEAST = (0.0, 10.0, 20.0)
_DRAWS = 4000


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
    heads = [head for head in read_measured(MEASURED, asked.data) if head.part == asked.part]
    found = measured_turns(estimator, heads)
    for least in LEAST:
        turned = np.asarray([abs(head.degrees) >= least for head in heads])
        certain = turned & (found.certainty >= sure)
        print(f"by the line of the eyes ({asked.part}), turned by {least:g} degrees and more")
        print(f"  answered {share(certain[turned])}")
        print(f"  of these within {RIGHT:g} degrees {share(found.wrong[certain] <= RIGHT)}")
        print(f"  of all within {RIGHT:g} degrees {share(found.wrong[turned] <= RIGHT)}")

"""What a detector's score means: the section ``calibration`` of a bundle's detector."""

from __future__ import annotations

import math
from typing import NamedTuple

from booru_tagger.models.manifest.fields import Table

SECOND_HEAD, FAINTEST = 0.05, 0.002
"""Where a bundle does not say: the chance of another head at which nobody is alone; and the least score of a
box that counts for it (fainter ones are in all pictures)."""
RAW_SECOND_HEAD = 0.15
"""The score of what may be a second head, where scores are a network's own."""
_MAX = 100.0


class ScoreCurve(NamedTuple):
    """From a network's own score of a box to the share of such boxes that are heads (Platt 1999).

    The log odds of the share are those of the score times ``slope`` (above 0, so that no two boxes change
    places) plus ``level``.
    """

    slope: float
    level: float

    def share(self, score: float) -> float:
        """The share of heads among boxes of this score, both from 0 to 1."""
        return _share(_log_odds(score) * self.slope + self.level)

    def score(self, share: float) -> float:
        """The network's own score at which the share is this one."""
        return _share((_log_odds(share) - self.level) / self.slope)


def _log_odds(share: float) -> float:
    if share <= 0 or share >= 1:
        return math.inf if share >= 1 else -math.inf
    return math.log(share) - math.log1p(-share)


def _share(log_odds: float) -> float:
    if log_odds < 0:
        odds = math.exp(log_odds)
        return odds / (1 + odds)
    return 1 / (1 + math.exp(-log_odds))


def read_calibration(table: Table) -> ScoreCurve | None:
    """As the manifest's detector has it. Without the section, a score is the network's own."""
    if not table.has("calibration"):
        return None
    section = table.table("calibration")
    section.only("slope", "level")
    return ScoreCurve(
        slope=section.number("slope", low=1 / _MAX, high=_MAX),
        level=section.number("level", low=-_MAX, high=_MAX),
    )

"""Which frames of a moving picture are looked at: one every so often, and the first of each scene."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from booru_tagger.moving.values import Moment, Survey

INTERVAL = 0.5
"""Seconds between frames where as many may be looked at: a glance that is shorter is hardly noticed."""
FEWEST = 4
"""Frames to look at in a film that is shorter than so many intervals, where it has them."""
CUT = 0.12
"""Change from one frame to the next, at a glance, from which another scene begins."""


@dataclass(frozen=True, slots=True)
class ChosenFrame:
    """A frame to look at. It stands for the time from ``at`` until ``until``, in seconds.

    ``cut``: somewhere since the chosen frame before it, another scene began.
    """

    number: int
    at: float
    until: float
    cut: bool


def choose(survey: Survey, max_frames: int) -> tuple[ChosenFrame, ...]:
    """At most ``max_frames`` frames, in their order; the first is always among them.

    The largest changes of scene get up to half of them, what is left is spread evenly.
    """
    moments = survey.moments
    if not moments:
        return ()
    cuts = sorted((moment for moment in moments if moment.change >= CUT), key=lambda moment: -moment.change)
    cuts = cuts[: max_frames // 2]
    evenly = max(1, max_frames - len(cuts))
    interval = min(INTERVAL, survey.duration / FEWEST)
    step = max(interval, survey.duration / evenly)
    picked = {moment.number: moment for moment in cuts}
    for moment in _every(survey, step):
        if len(picked) < max_frames and not _is_near(moment, cuts, step / 2):
            picked[moment.number] = moment
    return tuple(_chosen(survey, sorted(picked.values())))


def _every(survey: Survey, step: float) -> Iterator[Moment]:
    """The first moment, and what is shown after each further ``step`` seconds."""
    times = [moment.at for moment in survey.moments]
    for count in range(max(1, math.ceil(survey.duration / step - 1e-6) if step > 0 else 1)):
        yield survey.moments[max(0, bisect_right(times, count * step + 1e-6) - 1)]


def _is_near(moment: Moment, cuts: Sequence[Moment], seconds: float) -> bool:
    """Whether a scene just began that is looked at anyway."""
    return any(0 <= moment.at - cut.at < seconds for cut in cuts)


def _chosen(survey: Survey, picked: Sequence[Moment]) -> Iterator[ChosenFrame]:
    begins = [moment.at for moment in survey.moments if moment.change >= CUT]
    ends = [*(moment.at for moment in picked[1:]), survey.duration]
    last = -1.0
    for moment, until in zip(picked, ends, strict=True):
        cut = any(last < begin <= moment.at for begin in begins)
        yield ChosenFrame(moment.number, moment.at, max(until, moment.at), cut)
        last = moment.at

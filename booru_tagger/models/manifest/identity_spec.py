"""The section ``identity`` of a manifest's recogniser: who a face is, by its embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from booru_tagger.models.manifest.fields import Table
from booru_tagger.models.manifest.file_records import FileRecord, listed_file

_MAX_WEIGHT = 1e4
MARGIN = 0.7
"""Where a bundle does not say: one in 200 heads of strangers is taken for one of five enrolled people."""
ONE_CHARACTER = 0.55
"""Where a bundle does not say."""


class Weights(NamedTuple):
    """A logistic function of similarities (cosines): what each counts in favour of a character.

    ``learned``: with its learned direction; ``mean``: with the mean of its faces; ``nearest``: with the most
    alike of them; ``rival``: with the most alike other character; ``faces``: logarithm of their number.
    """

    level: float
    learned: float
    mean: float
    nearest: float
    rival: float
    faces: float


class Coincidence(NamedTuple):
    """How alike faces of different people are by chance: the similarities (cosines) that one in a thousand,
    and one in a hundred thousand pairs of such faces reach."""

    once_in_1_000: float
    once_in_100_000: float

    def share(self, similarity: float) -> float:
        """The share of all pairs of different people that are at least so alike: it falls exponentially."""
        steps = (similarity - self.once_in_1_000) / (self.once_in_100_000 - self.once_in_1_000)
        return float(min(1.0, 10 ** (-3 - 2 * steps)))


class IdentitySpec(NamedTuple):
    """The section ``identity`` of a recogniser: the file with what is known of its characters, the weights
    for those with a learned direction and for all others, and the similarity from which on two faces are
    one person's: where that is likely anyway (``same_person``), and where nothing is known (``alike``).

    ``margin``: log odds that a character without a learned direction needs beyond what ``enrolled`` gives it,
    for most people in a folder are none of those enrolled; of those in the bundle itself the more, the more
    there are (:func:`booru_tagger.models.identity.margin_of`).
    ``one_character``: how alike two parts of the faces of one character are at least
    (:func:`booru_tagger.models.gallery.parting.second_character`). ``coincidence``: what alike strangers
    among many faces are weighed against.
    """

    file: str
    trained: Weights
    enrolled: Weights
    same_person: float
    alike: float
    margin: float = MARGIN
    one_character: float = ONE_CHARACTER
    coincidence: Coincidence | None = None


def read_identity(table: Table, files: Mapping[str, FileRecord]) -> IdentitySpec:
    table.only(
        *("file", "trained", "enrolled", "same_person", "alike", "margin", "one_character", "coincidence")
    )
    return IdentitySpec(
        file=listed_file(table, files),
        trained=_weights(table.table("trained")),
        enrolled=_weights(table.table("enrolled")),
        same_person=table.share("same_person"),
        alike=table.share("alike"),
        margin=table.number("margin", MARGIN, low=-100, high=100),
        one_character=table.share("one_character", ONE_CHARACTER),
        coincidence=_coincidence(table.table("coincidence")) if table.has("coincidence") else None,
    )


def _coincidence(table: Table) -> Coincidence:
    table.only("once_in_1_000", "once_in_100_000")
    often, rarely = table.share("once_in_1_000"), table.share("once_in_100_000")
    if rarely <= often:
        table.fail("once_in_100_000", "expected a similarity above that of 'once_in_1_000'")
    return Coincidence(often, rarely)


def _weights(table: Table) -> Weights:
    table.only(*Weights._fields)
    return Weights(
        **{name: table.number(name, low=-_MAX_WEIGHT, high=_MAX_WEIGHT) for name in Weights._fields}
    )

"""Which head in which picture has which name, where only the pictures are named.

A picture with one head and one name says it itself, if its name is right. Of the heads that a name has in
this way those are kept that are alike; they are what is known of the character. Pictures with several heads
or names are then solved by assignment, each name to the head most like what is known of it, round by round,
since every solved picture adds to what is known. A head that is not like its character, or more like another
one, is told and not learned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from booru_tagger.enrol.labelled.assignment import assign
from booru_tagger.enrol.labelled.likeness import Profile
from booru_tagger.enrol.majority import find_majority
from booru_tagger.imaging import Floats

ROUNDS = 8
"""It settles in three or four; a few heads might change sides for ever."""
MAX_SEEDS = 1_000
"""Heads among which the most common person is sought; the others are compared with that one."""
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Bounds:
    """From which likeness on a head may be the character's, and by how much another one must be more like it
    for the name to be wrong. ``same_person``: the similarity from which two faces may be one person's."""

    same_person: float
    own: float
    rival: float


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture with its heads (rows of all embeddings) and the names that it goes by.

    ``sure`` are names that a person gave to one of the heads.
    """

    picture: str
    heads: tuple[int, ...]
    names: frozenset[str]
    sure: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A name that was not learned from a picture: ``head`` is the likeliest one, ``None`` where there is
    none.

    ``other`` is a character that the head is more like, ``""`` where there is none such.
    """

    picture: str
    tag: str
    head: int | None
    likeness: float
    other: str = ""
    other_likeness: float = 0.0


@dataclass(frozen=True, slots=True)
class Solution:
    """The heads of each character, with how like it each is; and what is doubtful.

    ``twins``: characters most of whose heads are more like another one, so that it may be the same by two
    names."""

    heads: Mapping[str, Mapping[int, float]]
    doubts: tuple[Doubt, ...]
    twins: Mapping[str, str] = field(default_factory=dict)


def solve(
    embeddings: Floats,
    pictures: Sequence[NamedPicture],
    anchors: Mapping[str, Floats],
    bounds: Bounds,
    accepted: frozenset[tuple[str, str]] = frozenset(),
) -> Solution:
    """Find out. ``embeddings (N, D)`` are unit vectors; ``anchors`` are faces ``(A, D)`` of characters that
    are known already, named in the library or not. ``accepted`` are pictures and names that a person vouches
    for."""
    return _Solver(embeddings, pictures, anchors, bounds, accepted).solve()


class _Solver:
    def __init__(
        self,
        embeddings: Floats,
        pictures: Sequence[NamedPicture],
        anchors: Mapping[str, Floats],
        bounds: Bounds,
        accepted: frozenset[tuple[str, str]],
    ) -> None:
        self._all, self._anchors, self._bounds = embeddings, anchors, bounds
        self._pictures = [one for one in pictures if one.heads and one.names]
        self._accepted = accepted
        self._of_name: dict[str, list[NamedPicture]] = defaultdict(list)
        for one in self._pictures:
            for name in sorted(one.names):
                self._of_name[name].append(one)
        self._nothing = np.zeros((0, embeddings.shape[1]), np.float32)
        self._heads: dict[str, list[int]] = {}
        self._known_before = {name: Profile(embeddings, (), faces) for name, faces in anchors.items()}
        self._profiles: dict[str, Profile] = {}

    def solve(self) -> Solution:
        self._know({name: self._alone(name) for name in self._of_name})
        for _ in range(ROUNDS):
            chosen = self._round()
            self._begin_the_rest(chosen)
            if chosen == self._heads:
                break
            self._know(chosen)
        return self._judged()

    def _know(self, heads: Mapping[str, Sequence[int]]) -> None:
        self._heads = {name: list(rows) for name, rows in heads.items() if rows}
        self._profiles = dict(self._known_before)
        for name, rows in self._heads.items():
            anchors = self._anchors.get(name, self._nothing)
            self._profiles[name] = Profile(self._all, rows, anchors)

    def _alone(self, name: str) -> list[int]:
        """The heads that a name has for itself in their pictures, as far as they are one person's."""
        sure = [one.sure[name] for one in self._of_name[name] if name in one.sure]
        rows = [one.heads[0] for one in self._of_name[name] if len(one.heads) == len(one.names) == 1]
        rows = [row for row in rows if row not in sure]
        anchors = self._anchors.get(name, self._nothing)
        if sure or len(anchors):
            likeness = Profile(self._all, sure, anchors).likeness(rows) if rows else ()
            return [
                *sure,
                *(row for row, like in zip(rows, likeness, strict=True) if like >= self._bounds.own),
            ]
        return self._common(rows, rows)

    def _common(self, rows: Sequence[int], pictures: Sequence[int]) -> list[int]:
        """Of these heads the person's who is in most of their pictures; none where two are in as many."""
        if len(rows) < 2:
            return list(rows)
        step = max(1, len(rows) // MAX_SEEDS)
        some = list(rows[::step])
        found = find_majority(self._all[some], np.array(pictures[::step]), self._bounds.same_person)
        if found.rival >= len(found.kept) > 0 and len(set(pictures)) > 1:
            return []
        kept = [some[index] for index in found.kept]
        profile = Profile(self._all, kept, self._nothing)
        if len(kept) < 2:
            return []
        likeness = profile.likeness(rows).tolist()
        best: dict[int, tuple[float, int]] = {}
        for row, picture, like in zip(rows, pictures, likeness, strict=True):
            if like >= self._bounds.own:
                best[picture] = max(best.get(picture, (like, row)), (like, row))
        return sorted(row for _, row in best.values())

    def _round(self) -> dict[str, list[int]]:
        """Each name to the head most like what is known of it, in every picture."""
        chosen: dict[str, list[int]] = {}
        for one in self._pictures:
            for name, head in self._assigned(one).items():
                chosen.setdefault(name, []).append(head)
        taken = {head for heads in chosen.values() for head in heads}
        for name, heads in self._heads.items():  # nothing is like the only head of a character, nor unlike it
            if name not in chosen and len(heads) == 1 and heads[0] not in taken:
                chosen[name] = heads
        return {name: sorted(heads) for name, heads in chosen.items()}

    def _assigned(self, one: NamedPicture) -> dict[str, int]:
        found = dict(one.sure)
        names = [name for name in sorted(one.names) if name in self._profiles and name not in found]
        heads = [head for head in one.heads if head not in found.values()]
        if not names or not heads:
            return found
        values = np.stack([self._profiles[name].likeness(heads) for name in names]) - self._bounds.own
        for name, column in zip(names, assign(values), strict=True):
            if column is not None:
                found[name] = heads[column]
        return found

    def _begin_the_rest(self, chosen: dict[str, list[int]]) -> None:
        """What is common to the heads that no other name has taken, for names of whom nothing is known
        yet."""
        taken = {head for heads in chosen.values() for head in heads}
        for name, pictures in self._of_name.items():
            if len(chosen.get(name, ())) > 1 or name in self._anchors:
                continue
            rows, numbers = [], []
            for number, one in enumerate(pictures):
                free = [head for head in one.heads if head not in taken]
                rows += free
                numbers += [number] * len(free)
            if len(set(numbers)) > 1 and (begun := self._common(rows, numbers)):
                chosen[name] = begun
                taken.update(begun)

    def _judged(self) -> Solution:
        """Once more with everything known: who is more like somebody else, and who found no head."""
        owners = {name: heads for name, heads in self._heads.items() if name in self._of_name}
        rivals = self._rivals(owners)
        twins = self._twins(owners, rivals)
        heads: dict[str, dict[int, float]] = {}
        doubts: list[Doubt] = []
        for name, pictures in self._of_name.items():
            heads[name] = {}
            mine = set(owners.get(name, ()))
            for one in pictures:
                head = next((row for row in one.heads if row in mine), None)
                doubt = self._doubt(one, name, head, rivals, twins.get(name))
                vouched = (one.picture, name) in self._accepted or name in one.sure
                if doubt is not None and not (vouched and doubt.head is not None):
                    doubts.append(doubt)
                elif (row := head if doubt is None else doubt.head) is not None:
                    heads[name][row] = float(self._likeness(name, [row])[0])
        return Solution(heads, tuple(doubts), twins)

    def _likeness(self, name: str, rows: Sequence[int]) -> Floats:
        if name not in self._profiles:
            return np.full(len(rows), -1, np.float32)
        return self._profiles[name].likeness(rows)

    def _doubt(
        self,
        one: NamedPicture,
        name: str,
        head: int | None,
        rivals: Mapping[int, tuple[str, float]],
        twin: str | None,
    ) -> Doubt | None:
        if head is None:
            free = [row for row in one.heads if row not in rivals or rivals[row][0] not in one.names]
            rows = free or list(one.heads)
            likeness = self._likeness(name, rows)
            best = int(likeness.argmax())
            ((other, near),) = self._likeliest([rows[best]], [name])
            if near < self._bounds.own:
                other, near = "", 0.0
            return Doubt(one.picture, name, rows[best], float(likeness[best]), other, near)
        other, near = rivals.get(head, ("", -1.0))
        like = float(self._likeness(name, [head])[0])
        if self._profiles[name].size == 1:
            like = self._bounds.own
        if other != twin and near > like + self._bounds.rival:
            return Doubt(one.picture, name, head, like, other, near)
        return None

    def _rivals(self, owners: Mapping[str, Sequence[int]]) -> dict[int, tuple[str, float]]:
        """For each head that has a name the other character that it is most like, and how much."""
        rows = [head for heads in owners.values() for head in heads]
        names = [name for name, heads in owners.items() for _ in heads]
        return dict(zip(rows, self._likeliest(rows, names), strict=True))

    def _likeliest(self, rows: Sequence[int], besides: Sequence[str]) -> list[tuple[str, float]]:
        """For each of these heads the character, other than the one named, that it is most like."""
        names = sorted(self._profiles)
        if not names or not rows:
            return [("", -1.0)] * len(rows)
        centres = np.stack([self._profiles[name].centre for name in names])
        number = {name: index for index, name in enumerate(names)}
        found: list[tuple[str, float]] = []
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            near = self._all[list(some)] @ centres.T
            for place, (row, name) in enumerate(zip(some, besides[start : start + _BLOCK], strict=True)):
                if name in number:
                    near[place, number[name]] = -np.inf
                few = np.argpartition(-near[place], min(2, len(names) - 1))[:3]
                best = max(
                    ((float(self._profiles[names[index]].likeness([row])[0]), names[index]) for index in few),
                    default=(-1.0, ""),
                )
                found.append((best[1], best[0]))
        return found

    def _twins(
        self, owners: Mapping[str, Sequence[int]], rivals: Mapping[int, tuple[str, float]]
    ) -> dict[str, str]:
        """Characters most of whose heads are more like one other character."""
        twins = {}
        for name, heads in owners.items():
            others: Counter[str] = Counter()
            for head, like in zip(heads, self._likeness(name, heads).tolist(), strict=True):
                other, near = rivals[head]
                others[other] += near > like
            for other, count in others.most_common(1):
                if 2 * count > len(heads):
                    twins[name] = other
        return twins

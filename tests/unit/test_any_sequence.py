"""Any sequence of tagging, editing by hand, kills and taking back: what is a person's stays a person's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from booru_tagger.journal import Journal
from booru_tagger.runner.undo import untag
from booru_tagger.writers.registry import make_writer
from tests.support.hands import HANDS
from tests.support.journaling import KilledError, write_tags
from tests.support.writing import WRITERS, draw

VOCABULARY = ("aqua_eyes", "blue_hair", "cat_ears", "dress")


@dataclass(frozen=True)
class Belief:
    """What the tool holds to be its own, and to be taken out by a person."""

    ours: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kill:
    """What a killed run announced, and the content on both sides of the swap."""

    before: bytes | None
    after: bytes | None
    belief: Belief


@dataclass
class World:
    """One sidecar, or one picture with metadata inside, and what may be expected of it.

    Every event of the tool checks what it promises.
    """

    journal: Journal
    picture: Path
    target: Path
    writer: str
    belief: Belief = Belief()
    typed: set[str] = field(default_factory=set)
    """Tags that a person has put there, and not taken out."""
    dropped: set[str] = field(default_factory=set)
    """Tags that a person took out since the tool looked last: typed again, that leaves no trace."""
    pristine: bytes | None = None
    """What was there before the tool came, as long as it alone has changed the file since."""
    left: bytes | None = None
    """What the tool left there; ``None`` where it has not been at it."""
    spoilt: bool = False
    """Whether a person has changed the file since the tool came."""
    kill: Kill | None = None

    def start(self, tags: Sequence[str]) -> None:
        HANDS[self.writer].start(self.target, tags)
        self.typed = self.standing()

    def standing(self) -> set[str]:
        return set(HANDS[self.writer].tags(self.target)) if self.target.exists() else set()

    def content(self) -> bytes | None:
        return self.target.read_bytes() if self.target.exists() else None

    # The person

    def add(self, name: str) -> None:
        if self.target.exists() and name not in self.standing():
            HANDS[self.writer].add(self.target, name)
            self.typed |= {name} & self.standing() - self.dropped

    def drop(self, name: str) -> None:
        if name in self.standing():
            HANDS[self.writer].drop(self.target, name)
            if name not in self.standing():
                self.dropped |= {name} - self.typed
                self.typed.discard(name)

    def delete(self) -> None:
        if self.target == self.picture:
            return
        self.target.unlink(missing_ok=True)
        self.typed, self.dropped = set(), set()

    # The tool

    def tag(self, tags: Sequence[str]) -> None:
        by_hand = self._look()
        write_tags(self.journal, self.picture, tags, self.writer)
        self._has_run(self._wanted(tags, by_hand))
        assert self.standing() == by_hand | self.belief.ours
        assert self.typed <= self.standing()

    def killed(self, tags: Sequence[str], moment: str) -> None:
        settled = self._settled()
        by_hand, before = self._look(), self.content()
        wanted = self._wanted(tags, by_hand)
        try:
            write_tags(self.journal, self.picture, tags, self.writer, kill=moment)
        except KilledError:
            changes = moment == "before" or self.content() != before
            self.belief, self.left = settled, self.content()
            self.kill = Kill(before, self.content(), wanted) if changes else None
        else:  # there was nothing to swap in, and so no moment before it
            self._has_run(wanted)
        assert self.typed <= self.standing()

    def untag(self) -> None:
        been_there = self.left is not None
        by_hand = self._look()
        assert not untag(self.picture, self.journal).failed
        assert self.standing() == by_hand
        assert self.typed <= self.standing()
        if been_there and not self.spoilt:
            assert self.content() == self.pristine
        self._has_run(Belief(deleted=self.belief.deleted))
        self.left, self.spoilt = None, False

    def _has_run(self, belief: Belief) -> None:
        self.belief, self.left, self.dropped = belief, self.content(), set()

    def _wanted(self, tags: Sequence[str], by_hand: set[str]) -> Belief:
        return Belief(frozenset(tags) - by_hand - self.belief.deleted, self.belief.deleted)

    def _settled(self) -> Belief:
        """What is to be believed after a kill: certain is only what the content proves."""
        if self.kill is None or self.content() == self.kill.before:
            return self.belief
        if self.content() == self.kill.after:
            return self.kill.belief
        return Belief(self.belief.ours & self.kill.belief.ours, self.kill.belief.deleted)

    def _look(self) -> set[str]:
        """Draw the conclusions that the tool must draw from what stands there; a person's tags."""
        belief, content = self._settled(), self.content()
        self.kill = None
        ours = belief.ours if content is not None else frozenset()
        self.belief = Belief(ours & self.standing(), belief.deleted | (ours - self.standing()))
        if self.left is None or content is None:
            self.pristine, self.spoilt = content, False
        elif content != self.left:
            self.spoilt = True
        return self.standing() - self.belief.ours


tags = st.lists(st.sampled_from(VOCABULARY), unique=True)
events = st.lists(
    st.one_of(
        st.tuples(st.just("tag"), tags),
        st.tuples(st.just("killed"), tags, st.sampled_from(["before", "after"])),
        st.tuples(st.just("add"), st.sampled_from(VOCABULARY)),
        st.tuples(st.just("drop"), st.sampled_from(VOCABULARY)),
        st.tuples(st.just("delete")),
        st.tuples(st.just("untag")),
    ),
    min_size=2,
    max_size=12,
)


def _live(writer: str, start: list[str] | None, story: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder, "journal.sqlite3")) as journal:
        picture = Path(folder, "a.png")
        draw(picture)
        target = make_writer(writer).target(picture)
        assert target is not None
        world = World(journal, picture, target, writer)
        if start is not None or target == picture:  # having lost all metadata counts as robbed, not as edited
            world.start(start or ())
        for name, *arguments in story:
            getattr(world, name)(*arguments)
        world.untag()


TWO = ["aqua_eyes", "blue_hair"]
OUT_AND_IN = [("tag", TWO), ("drop", "aqua_eyes"), ("add", "aqua_eyes")]


@pytest.mark.parametrize("writer", WRITERS)
@example(start=None, story=[*OUT_AND_IN, ("tag", ["aqua_eyes"])])
@example(start=["cat_ears"], story=[*OUT_AND_IN, ("tag", TWO), ("tag", TWO)])
@example(start=None, story=[*OUT_AND_IN, ("tag", ["blue_hair"]), ("tag", TWO)])
@example(start=None, story=[*OUT_AND_IN, ("untag",), ("tag", TWO)])
@example(start=None, story=[*OUT_AND_IN, ("killed", TWO[::-1], "after"), ("tag", TWO)])
@settings(max_examples=30, deadline=None)
@given(start=st.none() | tags, story=events)
def test_what_is_a_persons_stays_a_persons(
    writer: str, start: list[str] | None, story: list[tuple[Any, ...]]
) -> None:
    _live(writer, start, story)


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=300, deadline=None)
@given(start=st.none() | tags, story=events)
def test_and_so_in_many_more_stories(
    writer: str, start: list[str] | None, story: list[tuple[Any, ...]]
) -> None:
    _live(writer, start, story)

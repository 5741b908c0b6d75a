"""What becomes of a tag that a person took out: it stays out, or comes back where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from booru_tagger.journal import Journal
from booru_tagger.journal.writes import Announcement
from booru_tagger.runner import Output
from booru_tagger.runner.undo import untag
from booru_tagger.writers.naming import Naming
from booru_tagger.writers.registry import make_writer
from tests.support.writing import PEOPLE, WRITERS, draw, job, leftovers, read, spelled

OURS = ("hatsune_miku", "aqua_hair", "aqua_eyes")


class Place:
    """A picture, one writer, and runs over it."""

    def __init__(self, writer: str, folder: Path, journal: Journal) -> None:
        self.writer = make_writer(writer)
        self.picture = draw(folder / "a.png")
        self.journal = journal
        self.person = PEOPLE[writer]

    @property
    def target(self) -> Path:
        target = self.writer.target(self.picture)
        assert target is not None
        return target

    def run(self, *, respect: bool) -> list[str]:
        """The tags that stand there after a run."""
        output = Output([self.writer], Naming(), journal=self.journal, respect_deletions=respect)
        output.is_done(self.picture)
        kept = output.keep(self.picture, job(self.writer, self.picture, *OURS).result)
        assert not kept.failures
        return self.standing()

    def standing(self) -> list[str]:
        return list(read(self.writer, self.picture))

    def take_out(self, name: str) -> None:
        gone = spelled(self.writer, name)
        self.person.keep(self.target, [tag for tag in self.standing() if tag not in gone])


@pytest.fixture(params=WRITERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        yield Place(request.param, tmp_path, journal)


@pytest.mark.parametrize("noticed", [False, True], ids=["just now", "in an earlier run"])
def test_it_comes_back_where_that_is_asked_for(place: Place, noticed: bool) -> None:
    before = sorted(place.run(respect=True))
    place.take_out("aqua_hair")
    if noticed:
        assert spelled(place.writer, "aqua_hair")[0] not in place.run(respect=True)
    assert sorted(place.run(respect=False)) == before
    assert sorted(place.run(respect=True)) == before, "from then on it is ours like any other"
    assert leftovers(place.picture.parent) == []
    assert not untag(place.picture, place.journal).failed
    assert place.standing() == []


def test_and_can_be_taken_out_again(place: Place) -> None:
    place.run(respect=True)
    place.take_out("aqua_hair")
    place.run(respect=False)
    place.take_out("aqua_hair")
    assert set(place.run(respect=True)) == set(spelled(place.writer, "hatsune_miku", "aqua_eyes"))


def test_a_face_that_was_taken_out_comes_back_too(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        place = Place("xmp", tmp_path, journal)
        place.run(respect=True)
        packet = place.target.read_text()
        start = packet.index("<rdf:li", packet.index("mwg-rs:RegionList"))
        end = packet.index("</rdf:Bag>", start)
        place.target.write_text(packet[:start] + packet[end:])
        place.run(respect=True)
        assert "mwg-rs:Name" not in place.target.read_text()
        place.run(respect=False)
        assert "<mwg-rs:Name>hatsune_miku</mwg-rs:Name>" in place.target.read_text()


def test_each_write_that_changes_a_file_is_announced_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question what is gone changes nothing, and nothing may be noted of it."""
    place.run(respect=True)
    place.take_out("aqua_hair")
    heard: list[Announcement] = []
    monkeypatch.setattr(place.journal.writes, "announce", heard.extend)
    place.run(respect=False)
    place.run(respect=False)
    assert len(heard) == 1
    assert not heard[0].report.deleted

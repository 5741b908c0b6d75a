"""Verdicts laid over results: which face they mean, which tags come of them, and how they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger.journal import Journal
from booru_tagger.review.verdicts import Band, Reviewer, matching, tell, untold
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.rules import Reading
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import (
    Box,
    CharacterMatch,
    FaceResult,
    ScoredTag,
    Tag,
    TagResult,
    Verdict,
    VerdictKind,
)
from tests.support.bundles import Painted, paint
from tests.support.journaling import write

LEFT, RIGHT = Box(20, 40, 100, 120), Box(180, 40, 260, 120)
MIKU, STRANGER = Painted(20, 40, 80), Painted(180, 40, 80, "stranger", "red", "blue")


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(TaggerOptions(tiny_bundle, gallery=None))


@pytest.fixture
def result(tagger: Tagger, tmp_path: Path) -> TagResult:
    paint([MIKU, STRANGER]).save(tmp_path / "a.png")
    found = tagger.tag(tmp_path / "a.png")
    return TagResult.from_json(found.to_json())  # as the journal gives it back


def say(result: TagResult, box: Box, kind: VerdictKind, tag: str = "", drawn: bool = False) -> Verdict:
    face = next((face for face in result.faces if face.box.iou(box) > 0.5), FaceResult(box, 1.0))
    return Verdict(kind, tag, face, result.width, result.height, drawn, 1.0)


def tags(result: TagResult) -> dict[str, str]:
    return {tag.tag: tag.source for tag in result.tags}


class TestTell:
    def test_a_name_brings_what_it_implies(self, tagger: Tagger, result: TagResult) -> None:
        told = tell(result, [say(result, RIGHT, "named", "cirno")], tagger.retell, Policy()).result
        assert tags(told)["cirno"] == "review"
        assert tags(told)["ice_wings"] == tags(told)["touhou"] == "implied"
        assert tags(told)["hatsune_miku"] == "recogniser"
        named = next(face for face in told.faces if face.box == RIGHT)
        assert named.character == CharacterMatch("cirno", 1.0, "review")

    def test_a_name_that_nobody_knows_is_a_name_all_the_same(self, tagger: Tagger, result: TagResult) -> None:
        told = tell(result, [say(result, RIGHT, "named", "my_oc")], tagger.retell, Policy()).result
        assert {"my_oc": "review", "red_hair": "measured"}.items() <= tags(told).items()

    def test_unknown_takes_the_name_away_and_leaves_the_colours(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        told = tell(result, [say(result, LEFT, "unknown")], tagger.retell, Policy()).result
        assert not {"hatsune_miku", "twintails", "vocaloid"} & tags(told).keys()
        assert tags(told)["aqua_hair"] == "measured"

    def test_what_is_no_face_goes_with_all_its_tags(self, tagger: Tagger, result: TagResult) -> None:
        told = tell(result, [say(result, RIGHT, "not_a_face")], tagger.retell, Policy()).result
        assert [face.box for face in told.faces] == [LEFT]
        assert tags(told).keys() == {"hatsune_miku", "vocaloid", "aqua_hair", "aqua_eyes", "twintails"}

    def test_a_drawn_face_is_added(self, tagger: Tagger, result: TagResult) -> None:
        box = Box(110, 10, 150, 50)
        told = tell(result, [say(result, box, "named", "cirno", drawn=True)], tagger.retell, Policy())
        assert len(told.result.faces) == 3
        assert tags(told.result)["cirno"] == "review"
        assert told.open == result.faces

    def test_a_drawn_face_that_is_found_later_is_one(self, tagger: Tagger, result: TagResult) -> None:
        verdict = say(result, RIGHT, "named", "cirno", drawn=True)
        verdict = replace(verdict, face=FaceResult(Box(182, 42, 262, 122), 1.0))
        told = tell(result, [verdict], tagger.retell, Policy())
        assert len(told.result.faces) == 2
        assert not told.verdicts[0].drawn and told.verdicts[0].face.box == RIGHT

    def test_a_named_face_stays_where_it_is_not_found_any_more(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        verdict = say(result, RIGHT, "named", "cirno")
        fewer = replace(result, faces=result.faces[:1] if result.faces[0].box == LEFT else result.faces[1:])
        told = tell(fewer, [verdict], tagger.retell, Policy()).result
        assert {face.box for face in told.faces} == {LEFT, RIGHT}

    def test_tags_from_elsewhere_stay(self, tagger: Tagger, result: TagResult) -> None:
        others = (Tag("1girl", "general", 0.9, "wd"), Tag("closed_eyes", "general", 0.8, "measured"))
        told = tell(
            replace(result, tags=(*result.tags, *others)),
            [say(result, RIGHT, "named", "cirno")],
            tagger.retell,
            Policy(),
        ).result
        assert {"1girl": "wd", "closed_eyes": "measured"}.items() <= tags(told).items()

    def test_the_policy_has_its_way(self, tagger: Tagger, result: TagResult) -> None:
        policy = Policy(deny=("*_wings",), rename={"cirno": "baka"}, prefix=("mine",))
        before = replace(result, tags=policy.apply(result.tags))
        told = tell(before, [say(result, RIGHT, "named", "cirno")], tagger.retell, policy).result
        assert told.tags[0].tag == "mine"
        assert "baka" in tags(told) and not {"cirno", "ice_wings"} & tags(told).keys()
        assert list(tags(told)).count("mine") == 1

    def test_nothing_else_changes(self, tagger: Tagger, result: TagResult) -> None:
        told = tell(result, [], tagger.retell, Policy())
        assert told.result is result
        unknown = tell(result, [say(result, RIGHT, "unknown")], tagger.retell, Policy()).result
        assert tags(unknown).keys() == tags(result).keys()

    def test_a_picture_of_another_size_is_another_picture(self, tagger: Tagger, result: TagResult) -> None:
        verdict = replace(say(result, RIGHT, "named", "cirno"), width=1)
        told = tell(result, [verdict], tagger.retell, Policy())
        assert told.result is result and told.verdicts == (verdict,)

    def test_can_be_told_again_from_what_it_made(self, tagger: Tagger, result: TagResult) -> None:
        verdicts = [say(result, RIGHT, "not_a_face"), say(result, LEFT, "named", "cirno")]
        once = tell(result, verdicts, tagger.retell, Policy())
        before = untold(once.result, once.verdicts, tagger.retell, Policy())
        assert {face.box for face in before.faces} == {LEFT, RIGHT}
        again = tell(before, once.verdicts, tagger.retell, Policy())
        assert again.result == once.result
        assert tags(before).keys() == tags(result).keys()


class TestBand:
    @staticmethod
    def face(score: float, named: bool = False) -> FaceResult:
        who = CharacterMatch("cirno", score) if named else None
        return FaceResult(LEFT, 1.0, who, (ScoredTag("cirno", score),))

    def test_by_the_model_every_name_is_sure(self) -> None:
        band = Band(0.3)
        assert not band.holds(self.face(0.61, named=True))
        assert band.holds(self.face(0.5)) and band.holds(self.face(0.3))
        assert not band.holds(self.face(0.29)) and not band.holds(FaceResult(LEFT, 1.0))

    def test_given_it_also_holds_names_that_are_not_sure(self) -> None:
        band = Band(0.3, 0.8)
        assert band.holds(self.face(0.7, named=True))
        assert not band.holds(self.face(0.8, named=True)) and not band.holds(self.face(0.9))

    def test_none_at_all(self) -> None:
        assert not Band(0, 0).holds(self.face(0.0))


class TestReviewer:
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return Journal.open(tmp_path / "journal.sqlite3")

    def test_keeps_the_queue(
        self, tagger: Tagger, result: TagResult, journal: Journal, tmp_path: Path
    ) -> None:
        reviewer = Reviewer(journal, tagger.retell, Policy(), Band(0.0, 0.9))
        picture = tmp_path / "a.png"
        assert reviewer.note(picture, result) == 1
        assert journal.reviews.waiting() == [picture]
        journal.reviews.decide(picture, [say(result, RIGHT, "unknown")])
        assert reviewer.note(picture, result) == 0
        assert journal.reviews.waiting() == []
        assert [path for path, _ in journal.reviews.decided()] == [picture]
        journal.reviews.decide(picture, [])
        assert journal.reviews.decided() == []

    def test_remembers_what_the_program_says_now(
        self, tagger: Tagger, result: TagResult, journal: Journal, tmp_path: Path
    ) -> None:
        reviewer = Reviewer(journal, tagger.retell, Policy(), None)
        picture = tmp_path / "a.png"
        old = replace(say(result, RIGHT, "named", "cirno"), face=FaceResult(RIGHT, 0.1))
        journal.reviews.decide(picture, [old])
        assert tags(reviewer.revise(picture, result))["cirno"] == "review"
        (kept,) = journal.reviews.verdicts(picture)
        assert kept.face == next(face for face in result.faces if face.box == RIGHT)
        assert (kept.kind, kept.tag, kept.said_at) == ("named", "cirno", 1.0)

    def test_without_a_band_nobody_waits(
        self, tagger: Tagger, result: TagResult, journal: Journal, tmp_path: Path
    ) -> None:
        assert Reviewer(journal, tagger.retell, Policy(), None).note(tmp_path / "a.png", result) == 0


class TestJournal:
    def test_verdicts_move_with_the_picture(self, result: TagResult, tmp_path: Path) -> None:
        old, new = tmp_path / "a.png", tmp_path / "there" / "a.png"
        with Journal.open(tmp_path / "journal.sqlite3") as journal:
            journal.is_done(old, "f")
            journal.record(old, "f", result, [("txt", write(tmp_path / "a.png.txt", b"x", {"x"}))])
            verdict = say(result, RIGHT, "named", "cirno")
            journal.reviews.refresh(old, [verdict])
            new.parent.mkdir()
            old.rename(new)
            (tmp_path / "a.png.txt").rename(new.with_name("a.png.txt"))
            assert journal.is_done(new, "f")
            assert journal.reviews.verdicts(new) == (verdict,)

    def test_a_verdict_that_is_not_written_yet_makes_the_picture_undone(
        self, result: TagResult, tmp_path: Path
    ) -> None:
        picture = tmp_path / "a.png"
        with Journal.open(tmp_path / "journal.sqlite3") as journal:
            journal.is_done(picture, "f")
            journal.record(picture, "f", result, [])
            assert journal.is_done(picture, "f")
            journal.reviews.decide(picture, [say(result, RIGHT, "unknown")])
            assert not journal.is_done(picture, "f")
            assert journal.is_unchanged(picture)

    def test_lists_what_was_tagged_folder_by_folder(self, result: TagResult, tmp_path: Path) -> None:
        folders = [tmp_path / "one", tmp_path / "one two", tmp_path / "one" / "below"]
        with Journal.open(tmp_path / "journal.sqlite3") as journal:
            for folder in folders:
                folder.mkdir()
                for number in range(300):
                    journal.record(folder / f"{number}.png", "f", result, [])
            assert len(list(journal.reviews.tagged())) == 900
            below = [tagged.picture for tagged in journal.reviews.tagged(tmp_path / "one")]
            assert len(below) == 600 and below == sorted(below)
            assert all("one two" not in str(path) for path in below)


def test_a_verdict_survives_json(result: TagResult) -> None:
    verdict = say(result, RIGHT, "named", "cirno")
    assert Verdict.from_json(verdict.to_json()) == verdict
    with pytest.raises(ValueError, match="verdict"):
        Verdict.from_json(verdict.to_json() | {"kind": "perhaps"})


def test_the_verdict_on_a_face_is_found_by_its_box(result: TagResult) -> None:
    verdicts = [say(result, LEFT, "unknown"), say(result, RIGHT, "unknown")]
    assert matching(Box(184, 44, 264, 124), verdicts) is verdicts[1]
    assert matching(Box(110, 40, 170, 100), verdicts) is None


def test_a_face_gives_the_same_tags_when_it_is_told_again(tagger: Tagger, result: TagResult) -> None:
    readings: list[Reading] = [tagger.retell(face) for face in result.faces]
    assert {reading.face for reading in readings} == set(result.faces)
    assert {tag.tag for reading in readings for tag in reading.tags} == tags(result).keys()

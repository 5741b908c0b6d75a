"""Verdicts laid over results: which face they mean, which tags come of them, and how they are kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL.PngImagePlugin import PngInfo

from booru_tagger.journal import Journal, RawResult
from booru_tagger.review.verdicts import Band, JournalReviewer, all_faces, finished, matching, overlay
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.picture_tags import picture_result
from booru_tagger.tagging.policy import Policy
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
from booru_tagger.writers.base import Job
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.regions import named_regions, stored, upright
from booru_tagger.writers.xmp import XmpWriter
from tests.support.bundles import Painted, paint
from tests.support.journaling import write
from tests.support.person_regions import packet

LEFT, RIGHT = Box(20, 40, 100, 120), Box(180, 40, 260, 120)
MIKU, STRANGER = Painted(20, 40, 80), Painted(180, 40, 80, "stranger", "red", "blue")


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(TaggerOptions(tiny_bundle, gallery=None))


@pytest.fixture
def result(tagger: Tagger, tmp_path: Path) -> TagResult:
    paint([MIKU, STRANGER]).save(tmp_path / "a.png")
    with Journal.open(tmp_path / "first.sqlite3") as journal:
        found = tagger.tag(tmp_path / "a.png")
        journal.record(tmp_path / "a.png", "f", found, [], RawResult(found, "r"))
        entry = journal.entry(tmp_path / "a.png")
    assert entry is not None and entry.raw is not None
    return entry.raw.result


def kept(face: FaceResult) -> FaceResult:
    """The face as a verdict keeps it: rounded."""
    return FaceResult.from_json(face.to_json())


def say(result: TagResult, box: Box, kind: VerdictKind, tag: str = "", drawn: bool = False) -> Verdict:
    face = kept(next((face for face in result.faces if face.box.iou(box) > 0.5), FaceResult(box, 1.0)))
    return Verdict(kind, tag, face, result.width, result.height, drawn, 1.0)


def tags(result: TagResult) -> dict[str, str]:
    return {tag.tag: tag.source for tag in result.tags}


@pytest.mark.parametrize(
    ("verdict", "alone"),
    [((LEFT, "named", "cirno"), True), ((LEFT, "not_a_face"), False), ((RIGHT, "unknown", "", True), False)],
)
def test_who_was_alone_is_not_where_people_see_others_or_nobody(
    verdict: tuple[Any, ...], alone: bool, tiny_bundle: Path, tmp_path: Path
) -> None:
    paint([MIKU]).save(tmp_path / "a.png")
    tagger = Tagger(TaggerOptions(tiny_bundle, gallery=None, solo=True))
    found = tagger.tag(tmp_path / "a.png")
    assert "solo" in tags(found)
    told = overlay(found, [say(found, *verdict)], tagger.retell).result
    assert ("solo" in tags(told)) == alone


class TestOverlay:
    def test_a_name_brings_what_it_implies(self, tagger: Tagger, result: TagResult) -> None:
        told = overlay(result, [say(result, RIGHT, "named", "cirno")], tagger.retell).result
        assert tags(told)["cirno"] == "review"
        assert tags(told)["ice_wings"] == tags(told)["touhou"] == "implied"
        assert tags(told)["hatsune_miku"] == "recogniser"
        named = next(face for face in told.faces if face.box == RIGHT)
        assert named.character == CharacterMatch("cirno", 1.0, "review")

    def test_a_name_that_nobody_knows_is_a_name_all_the_same(self, tagger: Tagger, result: TagResult) -> None:
        told = overlay(result, [say(result, RIGHT, "named", "my_oc")], tagger.retell).result
        assert {"my_oc": "review", "red_hair": "measured"}.items() <= tags(told).items()

    def test_unknown_takes_the_name_away_and_leaves_the_colors(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        told = overlay(result, [say(result, LEFT, "unknown")], tagger.retell).result
        assert not {"hatsune_miku", "twintails", "vocaloid"} & tags(told).keys()
        assert tags(told)["aqua_hair"] == "measured"

    def test_what_is_no_face_goes_with_all_its_tags(self, tagger: Tagger, result: TagResult) -> None:
        told = overlay(result, [say(result, RIGHT, "not_a_face")], tagger.retell).result
        assert [face.box for face in told.faces] == [LEFT]
        assert tags(told).keys() == {"hatsune_miku", "vocaloid", "aqua_hair", "aqua_eyes", "twintails"}

    def test_a_drawn_face_is_added(self, tagger: Tagger, result: TagResult) -> None:
        box = Box(110, 10, 150, 50)
        told = overlay(result, [say(result, box, "named", "cirno", drawn=True)], tagger.retell)
        assert len(told.result.faces) == 3
        assert tags(told.result)["cirno"] == "review"
        assert all_faces(result, told.verdicts) == (*result.faces, told.verdicts[0].face)

    def test_a_drawn_face_that_is_found_later_is_one(self, tagger: Tagger, result: TagResult) -> None:
        verdict = say(result, RIGHT, "named", "cirno", drawn=True)
        verdict = replace(verdict, face=FaceResult(Box(182, 42, 262, 122), 1.0))
        told = overlay(result, [verdict], tagger.retell)
        assert len(told.result.faces) == 2
        assert not told.verdicts[0].drawn and told.verdicts[0].face.box == RIGHT

    def test_a_named_face_stays_where_it_is_not_found_any_more(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        verdict = say(result, RIGHT, "named", "cirno")
        fewer = picture_result(result, [one for one in result.readings if one.face.box == LEFT])
        told = overlay(fewer, [verdict], tagger.retell).result
        assert {face.box for face in told.faces} == {LEFT, RIGHT}

    def test_tags_of_the_whole_picture_stay(self, tagger: Tagger, result: TagResult) -> None:
        whole = (Tag("1girl", "general", 0.9, "tagger"), Tag("twintails", "general", 0.7, "tagger"))
        both = picture_result(result, result.readings, whole)
        told = overlay(both, [say(result, LEFT, "unknown")], tagger.retell).result
        assert {"1girl": "tagger", "twintails": "tagger"}.items() <= tags(told).items()

    def test_what_else_was_measured_stays(self, tagger: Tagger, result: TagResult) -> None:
        closed = [
            tagger.retell(replace(reading, eyes=ScoredTag("closed_eyes", 0.8)), reading.face.character)
            for reading in result.readings
        ]
        sleeping = picture_result(result, closed)
        told = overlay(sleeping, [say(result, RIGHT, "named", "cirno")], tagger.retell).result
        assert tags(told)["closed_eyes"] == "measured"

    def test_a_color_that_gave_way_to_a_name_comes_back_with_another(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        blue = [
            tagger.retell(replace(reading, hair=ScoredTag("blue_hair", 0.7)), reading.face.character)
            for reading in result.readings
            if reading.face.box == LEFT
        ]
        assert blue[0].face.hair_color == ScoredTag("aqua_hair", 0.7)
        told = overlay(picture_result(result, blue), [say(result, LEFT, "unknown")], tagger.retell).result
        assert "blue_hair" in tags(told) and "aqua_hair" not in tags(told)

    def test_no_face_is_meant_twice(self, tagger: Tagger, result: TagResult) -> None:
        """Of two verdicts on one place the better fitting one has the face, the other keeps what it had."""
        near = Box(RIGHT.x0 + 10, RIGHT.y0, RIGHT.x1 + 10, RIGHT.y1)
        second = replace(say(result, RIGHT, "named", "my_oc"), face=FaceResult(near, 0.4))
        verdicts = [second, say(result, RIGHT, "named", "cirno")]
        told = overlay(result, verdicts, tagger.retell)
        named = {face.character.tag: face.box for face in told.result.faces if face.character is not None}
        assert named == {"hatsune_miku": LEFT, "cirno": RIGHT, "my_oc": near}
        assert [verdict.face.box for verdict in told.verdicts] == [near, RIGHT]
        assert all_faces(result, verdicts) == (*result.faces, second.face)

    def test_a_result_without_readings_is_told_from_its_faces(
        self, tagger: Tagger, result: TagResult
    ) -> None:
        bare = replace(result, readings=())
        verdict = say(result, RIGHT, "named", "cirno")
        told = overlay(bare, [verdict], tagger.retell).result
        assert tags(told) == tags(overlay(result, [verdict], tagger.retell).result)

    def test_nothing_else_changes(self, tagger: Tagger, result: TagResult) -> None:
        told = overlay(result, [], tagger.retell)
        assert told.result is result
        unknown = overlay(result, [say(result, RIGHT, "unknown")], tagger.retell).result
        assert tags(unknown).keys() == tags(result).keys()

    def test_a_picture_of_another_size_is_another_picture(self, tagger: Tagger, result: TagResult) -> None:
        verdict = replace(say(result, RIGHT, "named", "cirno"), width=1)
        told = overlay(result, [verdict], tagger.retell)
        assert told.result is result and told.verdicts == (verdict,)


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
        reviewer = JournalReviewer(journal, tagger.retell, Band(0.0, 0.9))
        picture = tmp_path / "a.png"
        assert len(reviewer.note(picture, result)) == 1
        assert journal.reviews.waiting() == [picture]
        journal.reviews.decide(picture, [say(result, RIGHT, "unknown")])
        assert reviewer.note(picture, result) == ()
        assert journal.reviews.waiting() == []
        assert [path for path, _ in journal.reviews.decided()] == [picture]
        journal.reviews.decide(picture, [])
        assert journal.reviews.decided() == []

    def test_remembers_what_the_program_says_now(
        self, tagger: Tagger, result: TagResult, journal: Journal, tmp_path: Path
    ) -> None:
        reviewer = JournalReviewer(journal, tagger.retell, None)
        picture = tmp_path / "a.png"
        old = replace(say(result, RIGHT, "named", "cirno"), face=FaceResult(RIGHT, 0.1))
        journal.reviews.decide(picture, [old])
        assert tags(reviewer.overlay(picture, result))["cirno"] == "review"
        (now,) = journal.reviews.verdicts(picture)
        assert now.face == kept(next(face for face in result.faces if face.box == RIGHT))
        assert (now.kind, now.tag, now.said_at) == ("named", "cirno", 1.0)

    def test_without_a_band_nobody_waits(
        self, tagger: Tagger, result: TagResult, journal: Journal, tmp_path: Path
    ) -> None:
        assert JournalReviewer(journal, tagger.retell, None).note(tmp_path / "a.png", result) == ()


class TestJournal:
    def test_verdicts_and_what_was_found_move_with_the_picture(
        self, result: TagResult, tmp_path: Path
    ) -> None:
        old, new = tmp_path / "a.png", tmp_path / "there" / "a.png"
        with Journal.open(tmp_path / "journal.sqlite3") as journal:
            journal.is_done(old, "f")
            report = write(tmp_path / "a.png.txt", b"x", {"x"})
            journal.record(old, "f", result, [("txt", report)], RawResult(result, "r"))
            verdict = say(result, RIGHT, "named", "cirno")
            journal.reviews.refresh(old, [verdict])
            new.parent.mkdir()
            old.rename(new)
            (tmp_path / "a.png.txt").rename(new.with_name("a.png.txt"))
            assert journal.is_done(new, "f")
            assert journal.reviews.verdicts(new) == (verdict,)
            assert journal.raw(new, "r") == result

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
    assert matching(FaceResult(Box(184, 44, 264, 124), 1.0), verdicts) is verdicts[1]
    assert matching(FaceResult(Box(110, 40, 170, 100), 1.0), verdicts) is None


def test_a_face_gives_the_same_tags_when_it_is_told_again(tagger: Tagger, result: TagResult) -> None:
    assert [tagger.retell(reading, reading.face.character) for reading in result.readings] == list(
        result.readings
    )


# Names that stand in pictures.


@pytest.mark.parametrize("beside", ["a.png.xmp", "a.xmp", ""])
def test_a_name_in_the_picture_or_beside_it_is_taken_over(
    result: TagResult, tagger: Tagger, tmp_path: Path, beside: str
) -> None:
    text = packet(Box(190, 55, 250, 115), "Sakura Miku", result.width, result.height)  # the face alone
    if beside:
        (tmp_path / beside).write_text(text)
    else:
        notes = PngInfo()
        notes.add_itxt("XML:com.adobe.xmp", text)
        paint([MIKU, STRANGER]).save(tmp_path / "a.png", pnginfo=notes)
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        reviewer = JournalReviewer(journal, tagger.retell, None)
        told = reviewer.overlay(tmp_path / "a.png", result)
        assert tags(told)["sakura_miku"] == "person" and tags(told)["hatsune_miku"] == "recogniser"
        unknown = say(result, RIGHT, "unknown")
        journal.reviews.decide(tmp_path / "a.png", (unknown,))
        said = reviewer.overlay(tmp_path / "a.png", result)
    assert "sakura_miku" not in tags(said), "what was said on the review page outweighs it"
    xmp = XmpWriter(WriterOptions())
    target = tmp_path / "out.xmp"
    xmp.write(Job(tmp_path / "a.png", target, told, told.tags))
    assert [region.name for region in named_regions(target.read_bytes(), ())] == ["hatsune_miku"]


def test_who_was_named_in_a_file_waits_for_nobody(result: TagResult, tagger: Tagger, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        reviewer = JournalReviewer(journal, tagger.retell, Band(0.0, 0.9))
        assert len(reviewer.note(picture, result)) == 1
        text = packet(Box(190, 55, 250, 115), "Sakura Miku", result.width, result.height)
        (tmp_path / "a.png.xmp").write_text(text)
        told = reviewer.overlay(picture, result)
        assert reviewer.note(picture, result) == () and journal.reviews.waiting() == []
        journal.record(picture, "f", told, [], RawResult(result, "r"))
        (tagged,) = journal.reviews.tagged()
    (tmp_path / "a.png.xmp").unlink()
    assert tags(finished(tagged, tagger.retell, Policy()))["sakura_miku"] == "person", "as of the last run"
    judged = tagged._replace(verdicts=(say(result, RIGHT, "named", "cirno"),))
    assert "sakura_miku" not in tags(finished(judged, tagger.retell, Policy()))


def test_our_own_regions_are_nobodys_word(result: TagResult, tagger: Tagger, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        writer = XmpWriter(WriterOptions())
        target = writer.target(picture)
        written = writer.write(Job(picture, target, result, result.tags))
        journal.record(picture, "f", result, [("xmp", written)])
        assert JournalReviewer(journal, tagger.retell, None).overlay(picture, result) == result


def test_a_region_that_a_killed_run_wrote_is_nobodys_word(
    result: TagResult, tagger: Tagger, tmp_path: Path
) -> None:
    """Not even for another model, which says something else of the same head."""
    picture, writer = tmp_path / "a.png", XmpWriter(WriterOptions())
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        announce = partial(journal.announce, picture, "xmp")
        writer.write(Job(picture, writer.target(picture), result, result.tags, announce=announce))
        other = replace(result, faces=tuple(replace(face, character=None) for face in result.faces))
        assert JournalReviewer(journal, tagger.retell, None).overlay(picture, other) == other


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_region_is_turned_back_as_it_was_turned(turned: int) -> None:
    box = Box(10, 20, 40, 90)
    region = stored(box, 200, 100, turned)
    assert upright(region, 200, 100, turned) == pytest.approx(box)

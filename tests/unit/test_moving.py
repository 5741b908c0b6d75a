"""Moving pictures: which frames are looked at, who is followed over them, and what comes of it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from booru_tagger import TagResult
from booru_tagger.errors import DamagedImageError, MissingVideoError, NotAnImageError, TooLargeImageError
from booru_tagger.imaging import Floats, Limits
from booru_tagger.moving import Survey, open_animation, read_frame
from booru_tagger.moving.animation import moves
from booru_tagger.moving.choosing import ChosenFrame, choose
from booru_tagger.moving.tracking import Sighting, follow
from booru_tagger.moving.values import Moment
from booru_tagger.moving.video import container_of
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, FaceResult
from tests.support.bundles import Painted, paint
from tests.support.films import animated, needs_video, video

MIKU = Painted(20, 30, 64, "hatsune_miku", "aqua", "aqua")
RIN = Painted(180, 60, 80, "kagamine_rin", "blonde", "blue")
STRANGER = Painted(120, 100, 90, "stranger", "pink", "closed")


def shown(*faces: Painted, background: tuple[int, int, int] = (236, 240, 232)) -> Image.Image:
    return paint(faces, background=background)


SCENES = [
    *[shown(MIKU)] * 10,
    *[shown(MIKU, RIN)] * 10,
    *[shown(RIN, background=(30, 40, 60))] * 10,
]
"""Three seconds: Miku for two, Rin from the second one on; another scene begins with the third."""


def who(result: TagResult) -> dict[str, list[tuple[float, float]]]:
    return {
        face.character.tag: [(round(start, 1), round(end, 1)) for start, end in face.times]
        for face in result.faces
        if face.character is not None
    }


def survey(*changes: float, fps: float = 10.0) -> Survey:
    moments = [Moment(number, number / fps, change) for number, change in enumerate(changes)]
    return Survey(moments, len(changes) / fps)


class TestChoosing:
    def test_a_long_film_is_looked_at_evenly_and_no_more_often_than_told(self) -> None:
        chosen = choose(survey(*[0.0] * 1000), max_frames=10)
        assert [frame.at for frame in chosen] == pytest.approx([10.0 * step for step in range(10)])
        assert chosen[-1].until == 100.0

    def test_a_short_one_is_looked_at_a_few_times(self) -> None:
        assert len(choose(survey(*[0.0] * 8), max_frames=100)) == 4

    def test_the_first_frame_of_each_scene_is_looked_at(self) -> None:
        changes = [0.0] * 100
        changes[33] = changes[71] = 0.5
        chosen = choose(survey(*changes), max_frames=6)
        assert {frame.number for frame in chosen} >= {0, 33, 71}
        assert [frame.number for frame in chosen if frame.cut] == [33, 71]
        assert len(chosen) <= 6

    def test_flashes_do_not_take_all_the_frames(self) -> None:
        chosen = choose(survey(*[0.5] * 400), max_frames=8)
        assert len(chosen) <= 8
        assert chosen[0].number == 0

    @pytest.mark.parametrize("max_frames", [1, 2, 3])
    def test_even_one_frame_is_enough(self, max_frames: int) -> None:
        chosen = choose(survey(0.0, 0.5, 0.5, 0.0), max_frames)
        assert chosen[0].number == 0
        assert len(chosen) <= max_frames

    def test_a_frame_that_is_shown_for_long_is_looked_at_though_it_begins_soon_after_another(self) -> None:
        slides = [Moment(0, 0.0, 0.0), Moment(1, 2.5, 0.0), Moment(2, 2.7, 0.0)]
        assert [frame.number for frame in choose(Survey(slides, 9.0), max_frames=20)] == [0, 1, 2]

    def test_the_time_between_frames_belongs_to_the_one_before(self) -> None:
        chosen = choose(survey(*[0.0] * 30), max_frames=100)
        assert [frame.until for frame in chosen[:-1]] == [frame.at for frame in chosen[1:]]


def direction(angle: float) -> Floats:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def frames(count: int, cuts: Iterable[int] = ()) -> list[ChosenFrame]:
    cuts = set(cuts)
    return [ChosenFrame(number, float(number), number + 1.0, number in cuts) for number in range(count)]


def sighted(*rows: Sequence[tuple[float, float | None]], score: float = 0.9) -> list[list[Sighting]]:
    """For each frame its faces: where they are (left edge), and what they look like (an angle)."""
    return [
        [
            Sighting(number, index, Box(x, 0, x + 10, 10), None if angle is None else direction(angle), score)
            for index, (x, angle) in enumerate(row)
        ]
        for number, row in enumerate(rows)
    ]


class TestTracking:
    def track(self, seen: list[list[Sighting]], cuts: Iterable[int] = ()) -> list[list[tuple[float, float]]]:
        tracks = follow(frames(len(seen), cuts), seen, alike=0.9, same_person=0.5)
        return [[(time.start, time.end) for time in track.times] for track in tracks]

    def test_a_face_that_moves_a_little_is_one_person(self) -> None:
        assert self.track(sighted([(0, 0.0)], [(2, 0.3)], [(4, 0.6)])) == [[(0, 3)]]

    def test_who_comes_back_is_known_again(self) -> None:
        seen = sighted([(0, 0.0)], [], [], [], [], [(50, 0.1)])
        assert self.track(seen) == [[(0, 1), (5, 6)]]

    def test_two_faces_of_a_frame_are_two_people_however_alike(self) -> None:
        assert len(self.track(sighted([(0, 0.0), (50, 0.0)]))) == 2

    def test_after_a_cut_only_the_looks_count(self) -> None:
        seen = sighted([(0, 0.0)], [(0, 0.9)])
        assert len(self.track(seen)) == 1
        assert len(self.track(seen, cuts=[1])) == 2

    def test_one_missed_frame_is_no_goodbye(self) -> None:
        assert self.track(sighted([(0, 0.0)], [], [(0, 0.0)])) == [[(0, 3)]]

    def test_who_is_cut_away_from_for_a_moment_is_not_there_meanwhile(self) -> None:
        seen = sighted([(0, 0.0)], [(0, 3.0)], [(0, 0.0)], [(0, 0.0)])
        assert self.track(seen, cuts=[1, 2]) == [[(0, 1), (2, 4)], [(1, 2)]]

    @pytest.mark.parametrize(
        ("score", "times", "cuts", "people"),
        [(0.45, 1, (), 0), (0.45, 2, (), 1), (0.55, 1, (), 1), (0.45, 1, (1, 2), 1)],
        ids=["doubtful", "seen twice", "a sure one", "all of its scene"],
    )
    def test_what_one_frame_of_a_scene_takes_for_a_head_and_likely_is_none_is_nobody(
        self, score: float, times: int, cuts: tuple[int, ...], people: int
    ) -> None:
        seen = sighted([], *[[(0, 0.0)]] * times, [], score=score)
        assert len(self.track(seen, cuts)) == people

    def test_without_embeddings_the_place_tells(self) -> None:
        seen = sighted([(0, None)], [(2, None)], [(50, None)])
        assert len(self.track(seen)) == 2

    def test_two_that_pass_each_other_keep_who_they_are(self) -> None:
        seen = sighted([(0, 0.0), (20, 1.5)], [(10, 0.0), (10, 1.5)], [(20, 0.0), (0, 1.5)])
        tracks = follow(frames(3), seen, alike=0.9, same_person=0.5)
        assert [[sighting.face for sighting in track.sightings] for track in tracks] == [[0, 0, 0], [1, 1, 1]]


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(tiny_bundle)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_everybody_in_an_animation_is_named_with_their_times(
    tagger: Tagger, tmp_path: Path, kind: str
) -> None:
    path = animated(tmp_path / f"a.{kind.lower()}", SCENES, kind)
    result = tagger.tag(path)
    assert who(result) == {"hatsune_miku": [(0.0, 2.0)], "kagamine_rin": [(1.0, 3.0)]}
    assert {"hatsune_miku", "kagamine_rin", "vocaloid"} <= {tag.tag for tag in result.tags}
    assert result.moving is not None
    assert result.moving.duration == pytest.approx(3.0)
    assert result.moving.frames < len(SCENES)


def test_a_still_picture_says_nothing_of_time(tagger: Tagger, tmp_path: Path) -> None:
    shown(MIKU).save(tmp_path / "a.gif")
    result = tagger.tag(tmp_path / "a.gif")
    assert result.moving is None
    assert "moving" not in result.to_json()
    assert "times" not in result.faces[0].to_json()


def test_the_first_frame_alone_on_request(tiny_bundle: Path, tmp_path: Path) -> None:
    path = animated(tmp_path / "a.gif", SCENES, "GIF")
    result = Tagger(TaggerOptions(tiny_bundle, first_frame=True)).tag(path)
    shown(MIKU).save(tmp_path / "still.gif")
    still = Tagger(tiny_bundle).tag(tmp_path / "still.gif")
    assert result.to_json() == {**still.to_json(), "path": str(path)}


def test_no_more_frames_are_looked_at_than_told(tiny_bundle: Path, tmp_path: Path) -> None:
    path = animated(tmp_path / "a.gif", SCENES, "GIF")
    result = Tagger(TaggerOptions(tiny_bundle, max_frames=2)).tag(path)
    assert result.moving is not None
    assert result.moving.frames == 2


def test_a_name_comes_of_all_frames_together(tagger: Tagger, tmp_path: Path) -> None:
    """Two frames show somebody who is hardly like Miku; the others decide."""
    odd = shown(Painted(20, 30, 64, (60, 130, 130), "aqua", "aqua"))
    path = animated(tmp_path / "a.gif", [*[shown(MIKU)] * 25, *[odd] * 2, *[shown(MIKU)] * 25], "GIF")
    assert who(tagger.tag(path)) == {"hatsune_miku": [(0.0, 5.2)]}


def test_an_animation_that_breaks_off_is_looked_at_up_to_there(tagger: Tagger, tmp_path: Path) -> None:
    whole = animated(tmp_path / "a.gif", SCENES, "GIF").read_bytes()
    (tmp_path / "b.gif").write_bytes(whole[: len(whole) // 2])
    assert "hatsune_miku" in who(tagger.tag(tmp_path / "b.gif"))


def test_too_large_frames_are_refused(tmp_path: Path) -> None:
    data = animated(tmp_path / "a.gif", SCENES, "GIF").read_bytes()
    with pytest.raises(TooLargeImageError):
        open_animation(data, "a.gif", Limits(pixels=1000))


def test_pages_and_stills_do_not_move(tmp_path: Path) -> None:
    stream = io.BytesIO()
    SCENES[0].save(stream, "TIFF", save_all=True, append_images=SCENES[-1:])
    assert not moves(stream.getvalue())
    for kind in ("PNG", "WEBP", "GIF"):
        stream = io.BytesIO()
        SCENES[0].save(stream, kind)
        assert not moves(stream.getvalue())


def test_a_frame_is_found_again_by_its_time(tmp_path: Path) -> None:
    path = animated(tmp_path / "a.gif", SCENES, "GIF")
    assert np.asarray(read_frame(path, 2.5).image)[-1, -1, 0] < 60
    assert np.asarray(read_frame(path, 0.5).image)[-1, -1, 0] > 200
    assert np.asarray(read_frame(path, None).image)[-1, -1, 0] > 200


def test_times_survive_the_journal_and_json(tagger: Tagger, tmp_path: Path) -> None:
    result = tagger.tag(animated(tmp_path / "a.gif", SCENES, "GIF"))
    assert TagResult.from_raw_json(result.to_raw_json()) == result
    again = TagResult.from_json(result.to_json())
    assert again.moving == result.moving
    assert [face.times for face in again.faces] == [face.times for face in result.faces]


def test_raw_results_of_before_are_read(tagger: Tagger, tmp_path: Path) -> None:
    """And what an older version does not know is left out of what it needs."""
    shown(MIKU).save(tmp_path / "a.png")
    data = tagger.tag(tmp_path / "a.png").to_raw_json()
    del data["moving"]
    for face in data["faces"]:
        del face["at"], face["times"]
    assert TagResult.from_raw_json(data).faces[0].times == ()


def test_faces_of_other_frames_do_not_lie_at_the_same_place() -> None:
    one, other = (FaceResult(Box(0, 0, 10, 10), 1.0, at=at) for at in (0.0, 4.0))
    assert one.overlap(one) == 1.0
    assert one.overlap(other) == 0.0


@needs_video
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_everybody_in_a_video_is_named_with_their_times(tagger: Tagger, tmp_path: Path, suffix: str) -> None:
    result = tagger.tag(video(tmp_path / f"a.{suffix}", SCENES))
    assert who(result) == {"hatsune_miku": [(0.0, 2.0)], "kagamine_rin": [(1.0, 3.0)]}
    assert result.moving is not None
    assert result.moving.duration == pytest.approx(3.0, abs=0.15)


@needs_video
def test_a_video_in_memory_is_one_whatever_its_name(tagger: Tagger, tmp_path: Path) -> None:
    data = video(tmp_path / "a.mp4", SCENES).read_bytes()
    assert "kagamine_rin" in who(tagger.tag_bytes(data, "upload"))


@needs_video
def test_of_a_long_video_key_frames_are_decoded_where_there_are_enough(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booru_tagger.moving.video.WIDEST_GAP", 0.1)
    film = [*[shown(MIKU)] * 40, *[shown(RIN, background=(30, 40, 60))] * 30]
    result = tagger.tag(video(tmp_path / "a.mp4", film, fps=1, keys_every=5))
    assert who(result) == {"hatsune_miku": [(0.0, 40.0)], "kagamine_rin": [(40.0, 70.0)]}
    assert result.moving is not None
    assert result.moving.frames <= 15


@needs_video
def test_a_long_video_without_key_frames_is_decoded_whole(tagger: Tagger, tmp_path: Path) -> None:
    film = [*[shown(MIKU)] * 40, *[shown(RIN)] * 30]
    path = video(tmp_path / "a.mp4", film, fps=1, keys_every=1000)
    assert set(who(tagger.tag(path))) == {"hatsune_miku", "kagamine_rin"}


@needs_video
def test_the_first_frame_of_a_video(tiny_bundle: Path, tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", SCENES)
    result = Tagger(TaggerOptions(tiny_bundle, first_frame=True)).tag(path)
    assert result.moving is None
    assert [face.character.tag for face in result.faces if face.character] == ["hatsune_miku"]


@needs_video
def test_a_frame_of_a_video_is_found_again_by_its_time(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", SCENES)
    assert np.asarray(read_frame(path, 2.5).image)[-1, -1, 0] < 60
    assert np.asarray(read_frame(path, 1.5).image)[-1, -1, 0] > 200


@needs_video
def test_a_video_that_breaks_off_is_looked_at_up_to_there(tagger: Tagger, tmp_path: Path) -> None:
    whole = video(tmp_path / "a.mkv", SCENES).read_bytes()
    (tmp_path / "b.mkv").write_bytes(whole[: 2 * len(whole) // 3])
    assert "hatsune_miku" in who(tagger.tag(tmp_path / "b.mkv"))


@needs_video
@pytest.mark.parametrize("data", [b"\x1aE\xdf\xa3" + bytes(200), b"\0\0\0\x18ftypisom" + bytes(200)])
def test_a_damaged_video_says_so(tagger: Tagger, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mkv").write_bytes(data)
    with pytest.raises((DamagedImageError, NotAnImageError), match=r"a\.mkv"):
        tagger.tag(tmp_path / "a.mkv")


def test_the_extra_is_named_where_it_is_missing(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "a.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(200))
    with pytest.raises(MissingVideoError, match=r"a\.mkv: .*pip install 'booru-tagger\[video\]'"):
        tagger.tag(tmp_path / "a.mkv")


@pytest.mark.parametrize(
    "head, kind",
    [
        (b"\x1aE\xdf\xa3", "matroska"),
        (b"\0\0\0\x20ftypisom", "mp4"),
        (b"\0\0\0\x20ftypavif", None),
        (b"\0\0\0\x20ftypheic", None),
        (b"#EXTM3U\n/etc/passwd", None),
        (b"ffconcat version 1.0", None),
        (b"RIFF\0\0\0\0WEBP", None),
    ],
)
def test_only_containers_that_hold_their_film_are_videos(head: bytes, kind: str | None) -> None:
    """A play list names other files: FFmpeg is never left to guess."""
    assert container_of(head) == kind

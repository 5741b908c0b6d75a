"""The real command on moving pictures: sidecars with times, folders with videos, the cast list."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.bundles import Painted, paint
from tests.support.command import Home, make_home
from tests.support.films import animated, needs_video, video

MIKU = Painted(20, 30, 64, "hatsune_miku", "aqua", "aqua")
RIN = Painted(180, 60, 80, "kagamine_rin", "blonde", "blue")
STRANGER = Painted(110, 130, 60, "stranger", "pink", "closed")


def scenes() -> list[Image.Image]:
    return [*[paint([MIKU])] * 10, *[paint([MIKU, RIN])] * 10, *[paint([RIN, STRANGER])] * 10]


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    """A home whose settings name the tiny model."""
    return make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle), BOORU_TAGGER_JOBS="1")


def test_an_animation_is_one_result_with_times_and_is_skipped_the_next_time(home: Home) -> None:
    animated(home.work / "a.gif", scenes(), "GIF")
    ended = home.run("tag", "a.gif")
    assert ended.code == 0, ended.err
    data = json.loads((home.work / "a.gif.json").read_text("utf-8"))
    times = {face["character"]["tag"]: face["times"] for face in data["faces"] if face["character"]}
    assert times == {"hatsune_miku": [[0.0, 2.0]], "kagamine_rin": [[1.0, 3.0]]}
    assert data["moving"]["duration"] == 3.0
    assert "kagamine_rin" in (home.work / "a.gif.txt").read_text("utf-8")
    again = home.run("tag", "a.gif")
    assert "unchanged" in again.err


def test_the_first_frame_alone_on_request(home: Home) -> None:
    animated(home.work / "a.gif", scenes(), "GIF")
    assert home.run("tag", "--first-frame", "a.gif").code == 0
    assert "kagamine_rin" not in (home.work / "a.gif.txt").read_text("utf-8")


def test_the_cast_is_told_as_json_also_of_a_film_that_was_tagged_before(home: Home) -> None:
    animated(home.work / "a.gif", scenes(), "GIF")
    paint([MIKU]).save(home.work / "still.png")
    for _ in range(2):
        ended = home.run("tag", "a.gif", "still.png", "--cast", "cast.json")
        assert ended.code == 0, ended.err
        assert "written, cast list in cast.json" in ended.err
        (film,) = json.loads((home.work / "cast.json").read_text("utf-8"))["films"]
        assert [(person["character"], person["seconds"]) for person in film["cast"]] == [
            ("hatsune_miku", 2.0),
            ("kagamine_rin", 2.0),
            (None, 1.0),
        ]
        assert Path(film["path"]).name == "a.gif"


def test_the_cast_is_told_on_a_page_with_faces_from_their_own_frames(home: Home) -> None:
    animated(home.work / "a.gif", scenes(), "GIF")
    assert home.run("tag", "a.gif", "--cast", "cast.html").code == 0
    page = (home.work / "cast.html").read_text("utf-8")
    assert "hatsune miku" in page
    assert "0:01–0:03" in page
    assert "Stranger 1" in page
    assert page.count("data:image/jpeg;base64,") == 3


def test_what_is_no_cast_list_is_left_alone(home: Home) -> None:
    animated(home.work / "a.gif", scenes(), "GIF")
    (home.work / "cast.html").write_text("mine", "utf-8")
    ended = home.run("tag", "a.gif", "--cast", "cast.html")
    assert ended.code == 7
    assert (home.work / "cast.html").read_text("utf-8") == "mine"
    assert home.run("tag", "a.gif", "--cast", "cast.pdf").code == 2


@needs_video
def test_videos_in_a_folder_are_tagged_unless_they_are_not_to_be(home: Home) -> None:
    video(home.work / "clips" / "a.mp4", scenes())
    assert "no pictures found" in home.run("tag", "--batch", "--no-videos", "clips").err
    ended = home.run("tag", "--batch", "clips", "--writer", "txt", "--writer", "xmp")
    assert ended.code == 0, ended.err
    assert "kagamine_rin" in (home.work / "clips" / "a.mp4.txt").read_text("utf-8")
    packet = (home.work / "clips" / "a.mp4.xmp").read_text("utf-8")
    assert "kagamine_rin" in packet
    assert "mwg-rs" not in packet
    assert home.run("untag", "clips/a.mp4").code == 0
    assert not (home.work / "clips" / "a.mp4.txt").exists()


@needs_video
def test_the_faces_of_a_video_are_drawn_from_their_own_frames(home: Home) -> None:
    video(home.work / "a.mp4", scenes())
    assert home.run("tag", "a.mp4", "--contact-sheet", "faces.png").code == 0
    assert home.run("show", "a.mp4", "--draw", "heads.png").code == 0
    with Image.open(home.work / "heads.png") as drawn:
        assert drawn.size == (320, 240)


def test_without_the_extra_a_video_fails_with_the_install_line_and_the_rest_goes_on(home: Home) -> None:
    (home.work / "a.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    paint([MIKU]).save(home.work / "b.png")
    without = "import sys; sys.modules['av'] = None; from booru_tagger.cli import main; sys.exit(main())"
    ended = home.run("tag", "a.mkv", "b.png", main=[sys.executable, "-c", without])
    assert ended.code == 3
    assert "a.mkv: a video" in ended.err
    assert "pip install 'booru-tagger[video]'" in ended.err
    assert (home.work / "b.png.txt").exists()

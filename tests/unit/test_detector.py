"""Boxes come back in pixels of the original, merged and clipped, whatever the network says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats, Normalisation, Picture, letterbox
from booru_tagger.models import detector
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.manifest import Glance, Mirror, ScoreCurve
from booru_tagger.models.session import Session
from booru_tagger.types import Box, Face
from tests.support.bundles import Painted, make_bundle, paint

Found = list[tuple[tuple[float, float, float, float], float]]


class Scripted(Session):
    """A session that answers what a test wants, by the shape of its input."""

    def __init__(self, *answers: Found) -> None:
        super().__init__(b"", name="scripted")
        self.answers = list(answers)
        self.fed: list[Floats] = []

    @property
    def inputs(self) -> dict[str, Any]:
        return {"images": ("N", 3, "H", "W")}

    @property
    def outputs(self) -> dict[str, Any]:
        return {"boxes": ("N", "M", 4), "scores": ("N", "M")}

    def run(self, feeds: Any) -> dict[str, Any]:
        self.fed.append(feeds["images"])
        found = self.answers.pop(0)
        boxes = np.array([[box for box, _ in found]], np.float32).reshape(1, len(found), 4)
        return {"boxes": boxes, "scores": np.array([[score for _, score in found]], np.float32)}


def spec(**changes: Any) -> DetectorSpec:
    plain: dict[str, Any] = {"sides": (128,), "threshold": 0.5} | changes
    return DetectorSpec("d.onnx", normalisation=Normalisation(), **plain)


def blank(width: int, height: int, of: int = 1) -> Picture:
    """A grey picture, decoded at one ``of``-th of its size."""
    return Picture(np.full((height // of, width // of, 3), 99, np.uint8), width, height)


def detect(picture: Picture, *answers: Found, **changes: Any) -> tuple[Face, ...]:
    return Detector(Scripted(*answers), spec(**changes)).detect(picture)


def test_boxes_are_scaled_back_and_sorted() -> None:
    faces = detect(blank(256, 128), [((10, 20, 30, 40), 0.6), ((50, 0, 60, 10), 0.9)])
    assert [face.box for face in faces] == [Box(100, 0, 120, 20), Box(20, 40, 60, 80)]
    assert [round(face.score, 4) for face in faces] == [0.9, 0.6]


def test_boxes_of_a_reduced_decode_are_of_the_original() -> None:
    faces = detect(blank(1024, 512, of=4), [((10, 20, 30, 40), 0.6)])
    assert faces[0].box == Box(80, 160, 240, 320)


def test_the_network_sees_a_normalised_letterbox() -> None:
    session = Scripted([])
    assert Detector(session, spec()).detect(blank(256, 130)) == ()
    assert session.fed[0].shape == (1, 3, 96, 128) and session.fed[0].dtype == np.float32
    assert session.fed[0][0, 0, 0, 0] == pytest.approx(99 / 127.5 - 1)


def test_all_looks_begin_with_one_shrunken_picture() -> None:
    """The closest look is what it would be alone; the other is smoother, and boxes go back the same way."""
    noise = np.random.default_rng(1).integers(0, 256, (311, 403, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(6)))
    session = Scripted([((8, 8, 24, 24), 0.9)], [((16, 16, 48, 48), 0.8)])
    (face,) = Detector(session, spec(sides=(64, 128), nms_iou=0.9)).detect(Picture(pixels, 403, 311))
    for fed, side, most in zip(session.fed, (64, 128), (3 / 255, 1e-6), strict=True):
        alone = Normalisation().apply(letterbox(pixels, side)[0][None])
        assert np.abs(fed - alone).max() <= 2 * most
    assert face.box == pytest.approx(Box(*(value * 403 / 64 for value in (8, 8, 24, 24))))


def test_thresholds() -> None:
    answer: Found = [((0, 0, 20, 20), 0.5), ((40, 0, 60, 20), 0.49)]
    assert len(detect(blank(128, 128), answer)) == 1
    assert len(Detector(Scripted(answer), spec(), threshold=0.3).detect(blank(128, 128))) == 2
    assert len(Detector(Scripted(answer), spec(), threshold=0.0).detect(blank(128, 128))) == 2
    assert not Detector(Scripted(answer), spec(), threshold=0.6).detect(blank(128, 128))


def test_overlapping_boxes_leave_the_better_one() -> None:
    answer: Found = [((0, 0, 20, 20), 0.7), ((1, 0, 21, 20), 0.9), ((15, 0, 35, 20), 0.6)]
    faces = detect(blank(128, 128), answer)
    assert [face.box for face in faces] == [Box(1, 0, 21, 20), Box(15, 0, 35, 20)]
    assert len(detect(blank(128, 128), answer, nms_iou=0.95)) == 3


def test_several_sides_are_merged() -> None:
    coarse: Found = [((10, 10, 30, 30), 0.7), ((60, 60, 90, 90), 0.8)]
    fine: Found = [((20, 20, 60, 60), 0.95), ((200, 0, 220, 20), 0.6)]
    session = Scripted(coarse, fine)
    faces = Detector(session, spec(sides=(128, 256))).detect(blank(256, 256))
    assert [images.shape[-1] for images in session.fed] == [128, 256]
    assert [face.box for face in faces] == [
        Box(20, 20, 60, 60),
        Box(120, 120, 180, 180),
        Box(200, 0, 220, 20),
    ]


def test_each_look_answers_for_heads_of_its_sizes() -> None:
    coarse: Found = [((10, 10, 30, 30), 0.7), ((20, 20, 110, 110), 0.8)]
    fine: Found = [((200, 0, 240, 40), 0.6), ((0, 0, 250, 250), 0.9)]
    looks = spec(sides=(128, 256), head_shares=((0.4, 1.0), (0.0, 0.5)))
    faces = Detector(Scripted(coarse, fine), looks).detect(blank(256, 256))
    assert [face.box for face in faces] == [Box(40, 40, 220, 220), Box(200, 0, 240, 40)]


GLANCE = Glance(sure=0.7, faint=0.2, smallest=0.25)
LARGE: Found = [((20, 20, 90, 90), 0.8)]
CLOSER: Found = [((0, 0, 30, 30), 0.9)]


def glance(first: Found, picture: Picture | None = None, **changes: Any) -> tuple[int, tuple[Face, ...]]:
    """How many looks were taken, and what was found."""
    shares = ((0.4, 1.0), (0.0, 0.5))
    looks = spec(**{"sides": (128, 256), "glance": GLANCE, "head_shares": shares} | changes)
    session = Scripted(first, *[CLOSER] * 30)
    faces = Detector(session, looks).detect(picture or blank(256, 256))
    return len(session.fed), faces


def test_a_glance_is_enough_where_all_that_it_finds_is_sure_and_large() -> None:
    small: Found = [((0, 0, 34, 34), 0.8)]  # of which the coarse look alone would not answer
    again: Found = [((22, 20, 90, 90), 0.6), ((0, 90, 30, 120), 0.19)]  # of the large one; too faint
    looks, faces = glance([*LARGE, *small, *again])
    assert looks == 1
    assert [face.box for face in faces] == [Box(40, 40, 180, 180), Box(0, 0, 68, 68)]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([], id="nothing there"),
        pytest.param([*LARGE, ((90, 0, 127, 40), 0.3)], id="something doubtful"),
        pytest.param([*LARGE, ((90, 0, 110, 20), 0.9)], id="something small"),
    ],
)
def test_a_closer_look_is_taken_where_a_glance_leaves_doubts(first: Found) -> None:
    looks, faces = glance(first)
    assert looks == 2
    assert Box(0, 0, 30, 30) in [face.box for face in faces]


def test_a_glance_judges_by_its_own_bounds_whatever_threshold_is_asked_for() -> None:
    doubtful: Found = [((20, 20, 90, 90), 0.8), ((0, 0, 60, 60), 0.3)]
    for threshold in (0.05, 0.5, 0.9):
        assert glance(doubtful, threshold=threshold)[0] == 2
    looks, faces = glance([*LARGE, ((0, 90, 60, 127), 0.1)], threshold=0.05)
    assert looks == 1 and len(faces) == 2


def test_a_glance_has_calibrated_bounds_and_none_at_a_strip() -> None:
    curve = ScoreCurve(slope=2.0, level=0.0)  # 0.8 is 0.94 on its scale
    assert glance(LARGE, calibration=curve, glance=Glance(0.93, 0.2, 0.25))[0] == 1
    assert glance(LARGE, calibration=curve, glance=Glance(0.95, 0.2, 0.25))[0] == 2
    assert glance(LARGE, blank(256, 1024))[0] > 2


MIRROR = Mirror(sure=0.6, faint=0.2)


def test_a_look_that_leaves_doubts_is_taken_mirrored_too() -> None:
    seen: Found = [
        ((10, 10, 40, 40), 0.9),
        ((60, 60, 90, 90), 0.5),
        ((58, 60, 90, 90), 0.4),
        ((0, 90, 30, 120), 0.3),
    ]
    mirrored: Found = [((88, 10, 118, 40), 0.7), ((38, 60, 68, 90), 0.8), ((0, 0, 20, 20), 0.9)]
    session = Scripted(seen, mirrored)
    picture = Picture(np.arange(128 * 128 * 3, dtype=np.uint8).reshape(128, 128, 3), 128, 128)
    faces = Detector(session, spec(mirror=MIRROR, threshold=0.1)).detect(picture)
    assert np.array_equal(session.fed[1], session.fed[0][..., ::-1])
    assert [face.score for face in faces] == pytest.approx([0.8, 0.65, 0.45, 0.15])
    assert faces[0].box == pytest.approx(Box(10, 10, 40, 40))
    assert faces[1].box == pytest.approx(Box(60, 60, 90, 90), abs=0.01)
    assert faces[2].box == pytest.approx(Box(108, 0, 128, 20))


def test_the_mirrored_look_is_at_what_the_first_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: list[int] = []

    def watched(image: Image.Image, side: int, *more: Any, **named: Any) -> Any:
        scaled.append(side)
        return letterbox(image, side, *more, **named)

    monkeypatch.setattr(detector, "letterbox", watched)
    doubtful: Found = [((10, 10, 40, 40), 0.5)]
    session = Scripted(doubtful, [], doubtful, [])
    Detector(session, spec(sides=(64, 128), mirror=MIRROR, threshold=0.1)).detect(blank(512, 512))
    assert [one.shape[-1] for one in session.fed] == [64, 64, 128, 128]
    assert scaled == [64, 128]


@pytest.mark.parametrize("score", [0.19, 0.6, 0.95])
def test_a_look_without_doubts_is_taken_once(score: float) -> None:
    session = Scripted([((10, 10, 40, 40), score)])
    Detector(session, spec(mirror=MIRROR)).detect(blank(128, 128))
    assert len(session.fed) == 1


def test_a_glance_that_is_enough_is_not_mirrored_and_of_others_those_in_doubt() -> None:
    assert glance(LARGE, mirror=MIRROR)[0] == 1
    looks, faces = glance(
        [*LARGE, ((0, 0, 50, 50), 0.5)], mirror=MIRROR
    )  # a head for which the close look answers
    assert looks == 2
    assert len(faces) == 2
    looks, _ = glance([((20, 20, 90, 90), 0.5)], mirror=MIRROR)
    assert looks == 3


def test_boxes_are_clipped_and_those_outside_dropped() -> None:
    answer: Found = [
        ((-10, -5, 20, 20), 0.9),
        ((100, 100, 300, 300), 0.8),
        ((200, 0, 220, 20), 0.7),  # right of the picture
        ((50, 50, 50.5, 70), 0.7),  # a line
        ((70, 70, 60, 60), 0.7),  # inside out
        ((float("nan"), 0, 20, 20), 0.7),
        ((0, 60, 20, 80), float("nan")),
    ]
    faces = detect(blank(128, 128), answer)
    assert [face.box for face in faces] == [Box(0, 0, 20, 20), Box(100, 100, 128, 128)]


def test_no_more_than_max_faces_and_no_score_above_one() -> None:
    answer: Found = [((x, 0, x + 9, 9), 0.6 + x / 220) for x in range(0, 100, 10)]
    faces = detect(blank(128, 128), answer, max_faces=3)
    assert [face.box.x0 for face in faces] == [90, 80, 70]
    assert [face.score for face in faces] == pytest.approx([1, 0.9636, 0.9182], abs=1e-4)


def test_another_signature_is_refused(tiny_bundle: Path) -> None:
    session = Session((tiny_bundle / "recogniser.onnx").read_bytes(), name="r.onnx")
    with pytest.raises(ModelError, match=r"r\.onnx: a detector has one input 'images'.*found faces and"):
        Detector(session, spec()).detect(blank(64, 64))


def test_another_shape_is_refused() -> None:
    session = Scripted([])
    session.run = lambda feeds: {"boxes": np.zeros((4,)), "scores": np.zeros((1, 0))}  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"the detector's output has the shape \(4,\)"):
        Detector(session, spec()).detect(blank(64, 64))


@pytest.mark.parametrize("sides", [[256], [128, 256, 320]])
def test_a_real_network_finds_painted_faces(tmp_path: Path, sides: list[int]) -> None:
    bundle = Bundle.load(make_bundle(tmp_path, detector={"sides": sides}))
    assert bundle.detector
    painted = [Painted(40, 40, 120), Painted(300, 200, 160), Painted(200, 60, 60, weak=True)]
    picture = Picture(np.asarray(paint(painted, (640, 480))), 640, 480)
    detector = Detector(Session(bundle.read("detector.onnx")), bundle.detector)
    faces = sorted(detector.detect(picture), key=lambda face: face.box.x0)
    assert len(faces) == 2
    for face, expected in zip(faces, (painted[0], painted[1]), strict=True):
        assert face.box.iou(Box(*expected.box)) > 0.93


def test_a_picture_that_cannot_grow_further_is_looked_at_once() -> None:
    session = Scripted([], [])
    Detector(session, spec(sides=(128, 256, 512))).detect(blank(60, 40))
    assert [images.shape[-1] for images in session.fed] == [128]
    session = Scripted([], [])
    Detector(session, spec(sides=(128, 256))).detect(blank(100, 80))
    assert [images.shape[-1] for images in session.fed] == [128, 224]


def test_a_look_for_several_sides_answers_for_the_heads_of_all() -> None:
    found: Found = [((0, 0, 10, 10), 0.9), ((20, 0, 80, 60), 0.8), ((0, 62, 118, 78), 0.7)]
    session = Scripted(found)
    bounds = ((0.5, 1.0), (0.0, 0.2))  # of 120 pixels that the network sees of 60
    faces = Detector(session, spec(sides=(128, 256), head_shares=bounds)).detect(blank(60, 40))
    assert len(session.fed) == 1
    assert [face.score for face in faces] == pytest.approx([0.9, 0.8, 0.7])
    session = Scripted(found)
    bounds = ((0.6, 1.0), (0.0, 0.2))
    faces = Detector(session, spec(sides=(128, 256), head_shares=bounds)).detect(blank(60, 40))
    assert [face.score for face in faces] == pytest.approx([0.9, 0.7])


CURVE = ScoreCurve(slope=2.0, level=-1.0)


def test_calibrated_scores_are_shares_of_heads_and_so_is_the_threshold() -> None:
    answer: Found = [((10, 20, 30, 40), 0.9), ((50, 0, 60, 10), 0.7), ((80, 0, 90, 10), 0.6)]
    raw = detect(blank(256, 128), answer, threshold=0.1)
    assert [face.score for face in raw] == pytest.approx([0.9, 0.7, 0.6])
    found = detect(blank(256, 128), answer, threshold=0.6, calibration=CURVE)
    assert [face.box for face in found] == [face.box for face in raw[:2]]
    assert [face.score for face in found] == pytest.approx(
        [81 / (81 + math.e), 49 / (49 + 9 * math.e)], rel=1e-5
    )


@given(share=st.floats(0, 1))
def test_a_curve_leads_there_and_back(share: float) -> None:
    assert CURVE.score(CURVE.share(share)) == pytest.approx(share, abs=1e-9)
    assert 0 <= CURVE.share(share) <= 1


def test_another_head_is_as_likely_as_all_faint_boxes_together_where_scores_are_chances() -> None:
    scores = (0.03, 0.02, 0.01)
    assert spec().another(scores) == 0.03 and spec().another(()) == 0
    calibrated = spec(calibration=CURVE, second_head=0.05)
    assert calibrated.another(scores) == pytest.approx(1 - 0.97 * 0.98 * 0.99)
    assert calibrated.another(()) == 0
    assert spec().faintest == 0.15 and calibrated.faintest < 0.01

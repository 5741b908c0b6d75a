"""Faces are cut by the crop rule, once per view, and the views' answers averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Normalisation, Picture, crop, square_around
from booru_tagger.models.bundle import Bundle, RecogniserSpec, View
from booru_tagger.models.identity import Chances, Scores
from booru_tagger.models.recogniser import BATCH, Recogniser
from booru_tagger.models.session import Session
from booru_tagger.types import Box
from tests.support.bundles import EYES, HAIR, LABELS, WHO, Painted, make_bundle, paint


class Recording(Session):
    """A session that keeps what it is fed and answers with the mean of each crop's channels."""

    def __init__(self, outputs: dict[str, int] | None = None) -> None:
        super().__init__(b"", name="recording")
        self.columns = {"character": 3} if outputs is None else outputs
        self.fed: list[Any] = []

    @property
    def inputs(self) -> dict[str, Any]:
        return {"faces": ("N", 3, 8, 8)}

    @property
    def outputs(self) -> dict[str, Any]:
        return {name: ("N", columns) for name, columns in self.columns.items()}

    def run(self, feeds: Any) -> dict[str, Any]:
        faces = feeds["faces"]
        self.fed.append(faces)
        means = faces.mean(axis=(2, 3))
        return {name: np.resize(means, (len(faces), columns)) for name, columns in self.columns.items()}


def spec(**changes: Any) -> RecogniserSpec:
    plain: dict[str, Any] = {
        "size": 8,
        "normalisation": Normalisation((0, 0, 0), (1, 1, 1)),
        "expand": 1.0,
        "views": (View(1.0),),
        "hair": (),
        "eyes": (),
        "character_threshold": 0.5,
        "hair_threshold": 0.5,
        "eyes_threshold": 0.5,
        "review": 0.3,
        "sure": 0.8,
        "min_colorfulness": 6.0,
    }
    return RecogniserSpec("r.onnx", **(plain | changes))


def noise(width: int = 200, height: int = 150) -> Picture:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(pixels, width, height)


def real(folder: Path, **recogniser: Any) -> Recogniser:
    bundle = Bundle.load(make_bundle(folder, recogniser=recogniser))
    assert bundle.recogniser
    return Recogniser(Session(bundle.read("recogniser.onnx")), bundle.recogniser, len(bundle.labels))


def test_each_view_cuts_the_face_by_the_crop_rule() -> None:
    session, picture, box = Recording(), noise(), Box(50, 40, 90, 70)
    views = (View(1.0), View(1.5), View(1.0, flip=True))
    Recogniser(session, spec(views=views), 3).recognise(picture, [box])
    (fed,) = session.fed
    for index, expand in ((0, 1.0), (1, 1.5)):
        expected = crop(picture.pixels, square_around(box, expand), 8)
        assert fed[index].transpose(1, 2, 0) * 255 == pytest.approx(expected.astype(float), abs=0.01)
    assert (fed[2] == fed[0][:, :, ::-1]).all()


def test_boxes_are_of_the_original_even_in_a_reduced_decode() -> None:
    session, whole = Recording(), noise(200, 160)
    half = Picture(whole.pixels, 400, 320)
    recogniser = Recogniser(session, spec(), 3)
    recogniser.recognise(whole, [Box(50, 40, 90, 80)])
    recogniser.recognise(half, [Box(100, 80, 180, 160)])
    assert (session.fed[0] == session.fed[1]).all()


def test_all_views_of_all_faces_run_in_one_batch_and_are_averaged() -> None:
    session, picture = Recording(), noise()
    boxes = [Box(0, 0, 40, 40), Box(100, 50, 140, 90)]
    views = (View(1.0), View(2.0, flip=True))
    answers = Recogniser(session, spec(views=views), 3).recognise(picture, boxes)
    (fed,) = session.fed
    assert fed.shape == (4, 3, 8, 8)
    means = fed.mean(axis=(2, 3)).reshape(2, 2, 3).mean(axis=1)
    for answer, mean in zip(answers, means, strict=True):
        assert answer.character == pytest.approx(mean)


def test_only_a_doubtful_face_is_looked_at_again() -> None:
    """Of a bright and a dark face, the bright one is sure of its first and mirrored looks."""
    pixels = np.zeros((150, 200, 3), dtype=np.uint8)
    pixels[:, :100] = 250
    pixels[:, 100:] = np.random.default_rng(1).integers(0, 100, (150, 100, 3))
    picture, boxes = Picture(pixels, 200, 150), [Box(20, 20, 60, 60), Box(130, 20, 170, 60)]
    first, again = (View(1.0), View(1.0, flip=True)), (View(0.6), View(1.4))
    later = tuple(View(view.expand, below=0.9) for view in again)
    session = Recording({"character": 3, "embedding": 3})
    sure, doubtful = Recogniser(session, spec(views=(*later, *first)), 3).recognise(picture, boxes)
    assert [len(fed) for fed in session.fed] == [4, 1, 1]
    plain = Recogniser(Recording({"character": 3, "embedding": 3}), spec(views=first), 3)
    every = Recogniser(Recording({"character": 3, "embedding": 3}), spec(views=first + again), 3)
    assert sure.character == pytest.approx(plain.recognise(picture, boxes)[0].character)
    expected = every.recognise(picture, boxes)[1]
    assert doubtful.character == pytest.approx(expected.character)
    assert doubtful.embedding == pytest.approx(expected.embedding)


def test_a_face_that_is_like_nobody_is_not_looked_at_again() -> None:
    picture = Picture(np.full((60, 200, 3), 20, dtype=np.uint8), 200, 60)
    picture.pixels[:, 100:] = 120
    views = (View(1.0), View(1.0, flip=True, below=0.9, above=0.3))
    session = Recording({"character": 3, "embedding": 3})
    Recogniser(session, spec(views=views), 3).recognise(picture, [Box(20, 10, 60, 50), Box(130, 10, 170, 50)])
    assert [len(fed) for fed in session.fed] == [2, 1]


def test_an_identity_is_asked_about_a_face_only_where_another_look_may_follow() -> None:
    class Counting:
        told = 0

        def score(self, embedding: Any) -> Scores:
            self.told += 1
            chances = Chances(np.arange(3), np.abs(embedding))
            return Scores(chances, chances)

    identity, picture = Counting(), Picture(np.full((60, 200, 3), 20, dtype=np.uint8), 200, 60)
    picture.pixels[:, 100:] = np.arange(0, 240, 80)
    boxes = [Box(20, 10, 60, 50), Box(130, 10, 170, 50)]
    one, two = (View(1.0),), (View(1.0), View(1.0, flip=True, below=0.8))
    for views, shown, told in ((one, [2], 0), (two, [2, 1], 2)):
        session = Recording({"embedding": 3})
        recogniser = Recogniser(session, spec(views=views), 3, cast("Any", identity))
        answers = recogniser.recognise(picture, boxes)
        assert [len(fed) for fed in session.fed] == shown
        assert identity.told == told
        assert [answer.character for answer in answers] == [None, None]


def test_a_crowd_is_run_in_parts() -> None:
    session, picture = Recording(), noise()
    boxes = [Box(x, 0, x + 20, 20) for x in range(BATCH // 2 + 5)]
    views = (View(1.0), View(1.2))
    answers = Recogniser(session, spec(views=views), 3).recognise(picture, boxes)
    assert [len(fed) for fed in session.fed] == [BATCH, 10]
    alone = Recogniser(Recording(), spec(views=views), 3).recognise(picture, boxes[-1:])
    assert answers[-1].character == pytest.approx(alone[0].character)


def test_no_faces_no_run() -> None:
    session = Recording()
    assert Recogniser(session, spec(), 3).recognise(noise(), []) == []
    assert not session.fed


def test_the_mean_embedding_is_a_unit_vector_again() -> None:
    session = Recording({"character": 3, "embedding": 6})
    views = (View(1.0), View(0.2))
    (answer,) = Recogniser(session, spec(views=views), 3).recognise(noise(), [Box(20, 20, 60, 60)])
    assert answer.embedding is not None
    assert np.linalg.norm(answer.embedding) == pytest.approx(1.0)


def test_missing_outputs_are_allowed_but_for_the_characters() -> None:
    (answer,) = Recogniser(Recording(), spec(), 3).recognise(noise(), [Box(0, 0, 9, 9)])
    assert answer.embedding is None and answer.hair is None and answer.eyes is None
    with pytest.raises(ModelError, match="an output 'character'; found faces and hair"):
        Recogniser(Recording({"hair": 2}), spec(hair=("a", "b")), 3).check()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"character": 4}, "output 'character' has 4 columns, but the manifest lists 3 labels"),
        ({"character": 3, "hair": 2}, "output 'hair' has 2 columns, but the manifest lists 1 hair"),
        ({"character": 3, "eyes": 2}, "output 'eyes' has 2 columns, but the manifest lists 0 eye"),
    ],
)
def test_columns_must_agree_with_the_manifest(columns: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Recogniser(Recording(columns), spec(hair=("red",)), 3).check()


def test_columns_are_compared_again_where_the_model_leaves_them_open() -> None:
    session = Recording({"character": 4})
    recogniser = Recogniser(session, spec(), 3)
    recogniser.check = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"output 'character' has the shape \(1, 4\), expected \(1, 3\)"):
        recogniser.recognise(noise(), [Box(0, 0, 9, 9)])


def test_numbers_that_are_none_become_zero() -> None:
    session = Recording()
    session.run = lambda feeds: {"character": np.array([[np.nan, np.inf, -1]], np.float16)}  # type: ignore[method-assign]
    (answer,) = Recogniser(session, spec(), 3).recognise(noise(), [Box(0, 0, 9, 9)])
    assert answer.character is not None and answer.character.tolist() == [0, 1, 0]


def test_a_crop_is_seen_as_the_bundles_own_crops_are() -> None:
    """A picture cut by the rule ``expand`` gives the same views as the face in the whole picture."""
    views = (View(1.5), View(1.0), View(2.0))
    session, picture, box = Recording(), noise(), Box(80, 60, 120, 100)
    recogniser = Recogniser(session, spec(expand=1.5, views=views), 3)
    recogniser.recognise(picture, [box])
    recogniser.recognise_crop(picture.pixels[50:110, 70:130])
    whole, cut = session.fed
    assert abs(whole[0] - cut[0]).mean() < 0.01  # the crop itself
    assert abs(whole[1] - cut[1]).mean() < 0.01  # its middle
    assert abs(cut[2][:, 0] - 128 / 255).max() < 0.02  # beyond it there is grey


def test_a_crop_that_is_not_square_is_padded() -> None:
    session = Recording()
    Recogniser(session, spec(), 3).recognise_crop(np.full((20, 40, 3), 255, np.uint8))
    (face,) = session.fed[0]
    assert face[:, 4].mean() == 1 and abs(face[:, 0] - 128 / 255).max() < 0.01


def test_a_real_network_reads_painted_faces(tmp_path: Path) -> None:
    painted = [
        Painted(10, 10, 64, "cirno", "blue", "red"),
        Painted(100, 50, 96, "stranger", "pink", "closed"),
    ]
    picture = Picture(np.asarray(paint(painted)), 320, 240)
    answers = real(tmp_path).recognise(picture, [Box(*face.box) for face in painted])
    tags = [label["tag"] for label in LABELS]
    known, stranger = (answer.character for answer in answers)
    assert known is not None and tags[int(known.argmax())] == "cirno" and known.max() > 0.95
    assert stranger is not None and stranger.sum() < 0.05
    for face, answer in zip(painted, answers, strict=True):
        assert answer.hair is not None and HAIR[int(answer.hair.argmax())] == face.hair
        assert answer.eyes is not None and EYES[int(answer.eyes.argmax())] == face.eyes


def test_views_of_a_real_network_are_averaged(tmp_path: Path) -> None:
    """The left half of this face is one character, the right half another: a mirrored view sees the other."""
    image = paint([Painted(20, 20, 160, "hatsune_miku")])
    image.paste(WHO["kagamine_rin"], (100, 80, 160, 120))
    picture, box = Picture(np.asarray(image), 320, 240), Box(20, 20, 180, 180)
    (one,) = real(tmp_path / "a").recognise(picture, [box])
    views = [{"expand": 1.0}, {"expand": 1.0, "flip": True}]
    (both,) = real(tmp_path / "b", views=views).recognise(picture, [box])
    assert one.character == pytest.approx([1, 0, 0], abs=0.02)
    assert both.character == pytest.approx([0.5, 0.5, 0], abs=0.02)

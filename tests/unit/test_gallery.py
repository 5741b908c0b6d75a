"""Enrolled characters: thresholds, scores, the file they are kept in, and their part in tagging."""

from __future__ import annotations

import base64
import json
import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from booru_tagger.errors import ModelError
from booru_tagger.models.bundle import Bundle, Label
from booru_tagger.models.gallery import Enrolled, Gallery, Matching, dump, load, open_gallery, parse
from booru_tagger.models.gallery import stored as stored_module
from booru_tagger.models.gallery.matching import Impostors, leave_one_out
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, Face, FaceResult, ScoredTag
from tests.support.bundles import make_bundle
from tests.support.comparing import about

SPACE = "ab" * 32
Rows = npt.NDArray[np.float32]


def unit(*rows: list[float]) -> Rows:
    values = np.array(rows, np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def around(centre: int, count: int, spread: float, dimension: int = 32, seed: int = 0) -> Rows:
    """Unit vectors near one axis."""
    noise = np.random.default_rng([seed, centre]).normal(0, spread, (count, dimension))
    noise[:, centre] += 1
    return unit(*noise.tolist())


def person(tag: str, faces: Rows, **label: Any) -> Enrolled:
    return Enrolled(Label(tag, **label), faces, tuple(f"{n}.png" for n in range(len(faces))), "2020-01-02")


def gallery(*people: Enrolled, **options: Any) -> Gallery:
    return Gallery(SPACE, people, model="tiny 1", **options)


# Thresholds and scores.


def test_leave_one_out_leaves_the_face_itself_out() -> None:
    faces = unit([1, 0], [1, 0], [0, 1])
    assert leave_one_out(faces) == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0], abs=1e-6)
    assert len(leave_one_out(faces[:1])) == 0


def others(*similarities: float) -> Impostors:
    return Impostors.of(np.array(similarities, np.float32))


def test_a_threshold_is_the_mean_less_some_deviations() -> None:
    matching = Matching(spread=1, prior_weight=0, floor=0.1, ceiling=0.9)
    own = np.array([0.4, 0.6], np.float32)
    assert matching.threshold(own, others()) == pytest.approx(0.4)


def test_few_faces_are_taken_with_a_grain_of_salt() -> None:
    matching = Matching(floor=0, ceiling=1)
    prior = matching.prior_mean - matching.spread * matching.prior_deviation
    assert matching.threshold(np.zeros(0, np.float32), others()) == pytest.approx(prior)
    alike = [matching.threshold(np.full(count, 0.95, np.float32), others()) for count in (2, 10, 1000)]
    assert prior < alike[0] < alike[1] < alike[2] == pytest.approx(0.95, abs=0.05)


def test_a_threshold_stays_between_floor_and_ceiling() -> None:
    matching = Matching(floor=0.5, ceiling=0.6)
    assert matching.threshold(np.full(50, 0.99, np.float32), others()) == 0.6
    assert matching.threshold(np.full(50, 0.01, np.float32), others()) == 0.5


def test_others_of_the_gallery_raise_a_threshold_but_not_above_the_own_mean() -> None:
    matching = Matching(prior_weight=0, floor=0.3, min_impostors=3, impostor_spread=0)
    own = np.array([0.7, 0.8, 0.9], np.float32)
    alone = matching.threshold(own, others())
    assert matching.threshold(own, others(*[0.75] * 2)) == alone  # too few to tell
    assert matching.threshold(own, others(*[0.75] * 3)) == pytest.approx(0.75)
    assert matching.threshold(own, others(*[0.95] * 3)) == pytest.approx(0.8)
    assert matching.threshold(own, others(*[0.1] * 3)) == alone


def test_a_face_at_the_threshold_scores_what_the_model_asks_of_its_own() -> None:
    matching = Matching(steepness=20)
    assert matching.score(0.55, 0.55, 0.7) == pytest.approx(0.7)
    scores = [matching.score(similarity, 0.5, 0.6) for similarity in (-1, 0.3, 0.5, 0.6, 1)]
    assert scores == sorted(scores) and 0 < scores[0] < scores[-1] < 1
    assert scores[3] / (1 - scores[3]) == pytest.approx(math.exp(2) * 0.6 / 0.4)
    assert Matching(steepness=1e6).score(-1, 1, 0.5) == 0  # and does not overflow


def test_each_character_has_its_own_threshold() -> None:
    tight, loose = around(0, 12, 0.02), around(1, 12, 0.15)
    people = gallery(person("loose", loose), person("tight", tight), matching=Matching(ceiling=0.99))
    of_loose, of_tight = people.thresholds.tolist()
    assert of_tight > of_loose + 0.05


def test_a_face_is_compared_with_everybody() -> None:
    people = gallery(person("zero", around(0, 8, 0.05)), person("one", around(1, 8, 0.05)))
    matches = people.match(around(1, 1, 0.05, seed=9)[0], 0.6)
    assert [match.label.tag for match in matches] == ["one", "zero"]
    assert matches[0].similarity > 0.8 and matches[0].score > 0.9 > 0.1 > matches[1].score
    assert len(people.match(around(1, 1, 0.05)[0], 0.6, max_matches=1)) == 1
    assert Gallery(SPACE).match(around(1, 1, 0.05)[0], 0.6) == []


@pytest.mark.parametrize("embedding", [None, np.ones(3, np.float32)])
def test_another_length_of_embedding_is_refused(embedding: Any) -> None:
    with pytest.raises(ModelError, match="embeddings of 32 numbers"):
        gallery(person("zero", around(0, 3, 0.1))).match(embedding, 0.5)


# The values.


def test_a_gallery_is_changed_by_making_another() -> None:
    first = gallery(person("b", around(0, 2, 0.1)), person("a", around(1, 2, 0.1)))
    assert [enrolled.label.tag for enrolled in first] == ["a", "b"]
    newer = person("b", around(2, 3, 0.1))
    second = first.adding([newer, person("c", around(3, 2, 0.1))])
    assert second.tags == {"a", "b", "c"} and second.find("b") is newer
    assert second.without({"a", "c"}).tags == {"b"} == second.only({"b"}).tags
    assert len(first) == 2 and second.find("nobody") is None
    assert (second.recogniser, second.model) == (SPACE, "tiny 1")


def test_a_name_or_length_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="'a' is in the gallery twice"):
        gallery(person("a", around(0, 2, 0.1)), person("a", around(1, 2, 0.1)))
    with pytest.raises(ModelError, match="unequal lengths"):
        gallery(person("a", around(0, 2, 0.1)), person("b", around(1, 2, 0.1, dimension=8)))


def test_the_fingerprint_follows_what_decides_matches() -> None:
    faces = around(0, 3, 0.1)
    plain = gallery(person("a", faces)).fingerprint
    assert gallery(Enrolled(Label("a"), faces.copy())).fingerprint == plain
    others = {
        gallery(person("a", faces[:2])).fingerprint,
        gallery(person("b", faces)).fingerprint,
        gallery(person("a", faces, implied=("sword",))).fingerprint,
        gallery(person("a", faces, series="s")).fingerprint,
        gallery(person("a", faces), matching=Matching(floor=0.1)).fingerprint,
        Gallery("cd" * 32, [person("a", faces)]).fingerprint,
    }
    assert len(others | {plain}) == 7


# The file.


def test_thresholds_are_what_all_similarities_would_give() -> None:
    people = gallery(*(person(f"p{n}", around(n, 5 + n, 0.3)) for n in range(4)))
    faces = np.concatenate([enrolled.faces for enrolled in people])
    owners = np.repeat(np.arange(4), [5, 6, 7, 8])
    for number, enrolled in enumerate(people):
        centre = enrolled.faces.sum(axis=0) / np.linalg.norm(enrolled.faces.sum(axis=0))
        impostors = Impostors.of(faces[owners != number] @ centre)
        expected = people.matching.threshold(enrolled.similarities, impostors)
        assert people.thresholds[number] == pytest.approx(expected, abs=1e-5)


def two_people() -> Gallery:
    boxes = np.array([[1, 2, 30, 40], [0, 0, 0, 0], [5, 6, 70, 80]], np.int32)
    first = person("my_oc_(original)", around(0, 3, 0.1), series="original", implied=("blue_hair", "sword"))
    return gallery(replace(first, boxes=boxes), person("初音", around(1, 2, 0.1)))


def test_a_gallery_survives_being_stored(tmp_path: Path) -> None:
    first = two_people()
    path = tmp_path / "g.json"
    path.write_bytes(dump(first))
    second = load(path)
    assert second.fingerprint == first.fingerprint and second.model == "tiny 1"
    assert second.thresholds == pytest.approx(first.thresholds, abs=1e-3)
    for one, other in zip(first, second, strict=True):
        assert one.label == other.label and (one.faces * other.faces).sum(axis=1).min() > 0.9999
        assert (one.pictures, one.added) == (other.pictures, other.added)
        assert np.array_equal(one.known_boxes, other.known_boxes)
    assert dump(second) == dump(first)
    shared = parse(dump(first, pictures=False), "x")
    assert [enrolled.pictures for enrolled in shared] == [(), ()] and b".png" not in dump(shared)
    assert not any(len(enrolled.boxes) for enrolled in shared)
    assert parse(dump(Gallery(SPACE)), "empty").tags == frozenset()


def test_a_gallery_of_an_earlier_version_is_read() -> None:
    old = parse(json.dumps(stored()).encode(), "old.json")
    assert old.tags == {"a"} and np.array_equal(old.characters[0].faces, around(0, 3, 0.1))
    assert old.characters[0].pictures == ("0.png", "1.png", "2.png")
    assert parse(dump(old), "new.json").fingerprint == old.fingerprint


def stored(**changes: Any) -> dict[str, Any]:
    """A file of schema 1."""
    one = {
        "tag": "a",
        "series": "",
        "implied": ["sword"],
        "added": "2020-01-02",
        "pictures": ["0.png", "1.png", "2.png"],
        "faces": packed(around(0, 3, 0.1)),
    }
    values: dict[str, Any] = {
        "kind": "booru-tagger gallery",
        "schema": 1,
        "recogniser": SPACE,
        "model": "tiny 1",
        "dimension": 32,
        "characters": [one],
    }
    return with_changes(values, changes)


def stored_now(**changes: Any) -> dict[str, Any]:
    return with_changes(json.loads(dump(two_people())), changes)


def with_changes(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        place = values["characters"][0] if key in values["characters"][0] else values
        place[key] = value
    return values


def packed(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "photo album"}, "not a gallery"),
        ({"schema": 3}, "schema: this version reads schemas up to 2, found 3; update"),
        ({"schema": [2]}, "schema: this version reads schemas"),
        ({"recogniser": "abc"}, "recogniser: expected 64 hexadecimal digits"),
        ({"dimension": 0}, "dimension: expected a number from 1 to 16384"),
        ({"dimension": 31}, r"characters\[0\].faces: 384 bytes are not embeddings of 31 numbers"),
        ({"charactres": []}, "charactres: unknown key; did you mean 'characters'"),
        ({"tag": "a,b"}, r"characters\[0\].tag: 'a,b' is not a tag: it contains a comma"),
        ({"tag": "A"}, "not in normal form"),
        ({"series": "x y"}, "series: 'x y' is not a tag"),
        ({"implied": ["sword", "-x"]}, "implied: '-x' is not a tag"),
        ({"implied": "sword"}, "implied: expected a list"),
        ({"pictures": ["one"]}, "pictures: expected a text for each of the 3 faces"),
        ({"faces": "*"}, "faces: not base64"),
        ({"faces": ""}, "faces: 0 bytes"),
        ({"faces": packed(np.full((1, 32), np.nan))}, "faces: an embedding is not a unit vector"),
        ({"faces": packed(np.full((1, 32), np.inf))}, "faces: an embedding is not a unit vector"),
        ({"faces": packed(np.zeros((1, 32)))}, "faces: an embedding is not a unit vector"),
        ({"characters": stored()["characters"] * 2}, "'a' is in the gallery twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"^some\.json: .*{message}"):
        parse(json.dumps(stored(**changes)).encode(), "some.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 31}, "embeddings: 160 bytes are not embeddings of 31 numbers"),
        ({"faces": 4}, "embeddings: there are 5, and the characters have 6 faces"),
        ({"faces": 0}, r"characters\[0\].faces: expected a number from 1 to"),
        ({"boxes": "AAAA"}, "boxes: 3 bytes are not boxes"),
        ({"boxes": packed(np.zeros((4, 4)))}, "embeddings: there are 5"),
        ({"embeddings": ""}, "embeddings: 0 bytes"),
        (
            {"embeddings": base64.b64encode(bytes(160)).decode()},
            "embeddings: an embedding is not a unit vector",
        ),
    ],
)
def test_what_is_wrong_in_a_newer_file_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"^some\.json: .*{message}"):
        parse(json.dumps(stored_now(**changes)).encode(), "some.json")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"{}", b'{"kind": ', b"[" * 100_000])
def test_what_is_no_gallery_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^some\.json: not a gallery"):
        parse(data, "some.json")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such gallery; `booru-tagger characters add` begins one"):
        load(tmp_path / "nowhere.json")
    with pytest.raises(ModelError, match=str(tmp_path)):
        load(tmp_path)


# In tagging.

FACE = Face(Box(0, 0, 10, 10), 0.9)
LABELS = [{"tag": "known", "threshold": 0.9}, {"tag": "other", "threshold": None}]
FACES = around(0, 8, 0.05)


def read(
    folder: Path,
    scores: list[float],
    embedding: Rows,
    people: Gallery | None = None,
    thresholds: dict[str, float] | None = None,
) -> FaceResult:
    """A face's result next to a model that asks 0.9 for "known" and 0.6 for "other"."""
    bundle = Bundle.load(make_bundle(folder, labels=LABELS))
    assert bundle.recogniser is not None
    if people is None:
        people = gallery(person("mine", FACES))
    rules = Rules(bundle.recogniser, bundle.labels, thresholds or {}, gallery=people)
    answer = Recognition(np.array(scores, np.float32), embedding=embedding)
    return rules.read(FACE, answer, colored=True).face


def at(similarity: float) -> Rows:
    """A face of exactly this similarity to the prototype of ``FACES``."""
    centre = FACES.sum(axis=0) / np.linalg.norm(FACES.sum(axis=0))
    away = np.eye(32, dtype=np.float32)[5]
    away = away - centre * centre[5]
    return np.asarray(similarity * centre + math.sqrt(1 - similarity**2) * away / np.linalg.norm(away))


def test_an_enrolled_character_is_recognised(tmp_path: Path) -> None:
    face = read(tmp_path, [0.1, 0.2], at(0.95))
    assert face.character is not None
    assert (face.character.tag, face.character.source) == ("mine", "gallery")
    assert face.character.score == face.candidates[0].score > 0.9
    assert [candidate.tag for candidate in face.candidates] == ["mine", "other", "known"]


def test_a_face_not_alike_enough_is_nobody_but_a_candidate(tmp_path: Path) -> None:
    threshold = float(gallery(person("mine", FACES)).thresholds[0])
    for similarity, named in ((threshold - 0.01, False), (threshold + 0.01, True)):
        face = read(tmp_path, [0.0, 0.1], at(similarity))
        assert (face.character is not None) == named
        assert face.candidates[0] == ScoredTag("mine", about(0.6, abs=0.06))


def test_the_surer_of_model_and_gallery_wins(tmp_path: Path) -> None:
    def who(scores: list[float], similarity: float) -> Any:
        character = read(tmp_path, scores, at(similarity)).character
        return character and (character.tag, character.source)

    threshold = float(gallery(person("mine", FACES)).thresholds[0])
    assert who([0.0, 0.8], threshold + 0.01) == ("other", "model")
    assert who([0.0, 0.7], 0.95) == ("mine", "gallery")
    # what the model does not recognise, however near to it, leaves room for an enrolled one
    assert who([0.85, 0.0], threshold + 0.01) == ("mine", "gallery")
    assert who([0.85, 0.0], threshold - 0.1) is None


def test_a_character_of_both_is_one_candidate(tmp_path: Path) -> None:
    people = gallery(person("other", FACES))
    face = read(tmp_path, [0.1, 0.2], at(0.95), people)
    assert [candidate.tag for candidate in face.candidates] == ["other", "known"]
    assert face.character is not None and face.character.source == "gallery"
    face = read(tmp_path, [0.1, 0.99999], at(0.7), people)
    assert face.character is not None and face.character.source == "model"
    assert face.candidates[0].score == pytest.approx(0.99999)


def test_the_users_threshold_holds_for_enrolled_characters_too(tmp_path: Path) -> None:
    threshold = float(gallery(person("mine", FACES)).thresholds[0])
    just = at(threshold + 0.01)
    assert read(tmp_path, [0.0, 0.1], just).character is not None
    assert read(tmp_path, [0.0, 0.1], just, thresholds={"character": 0.9}).character is None
    below = at(threshold - 0.02)
    assert read(tmp_path, [0.0, 0.1], below).character is None
    assert read(tmp_path, [0.0, 0.1], below, thresholds={"character": 0.4}).character is not None


@pytest.mark.parametrize("asked", [0.0, 1.0])
def test_a_model_that_asks_for_nothing_or_all_does_not_decide_for_the_gallery(
    tmp_path: Path, asked: float
) -> None:
    folder = make_bundle(tmp_path, labels=[{"tag": "x"}], recogniser={"thresholds": {"character": asked}})
    bundle = Bundle.load(folder)
    assert bundle.recogniser is not None
    rules = Rules(bundle.recogniser, bundle.labels, {}, gallery=gallery(person("mine", FACES)))
    for similarity, named in ((0.2, False), (0.95, True)):
        answer = Recognition(np.array([-1], np.float32), embedding=at(similarity))
        character = rules.read(FACE, answer, colored=True).face.character
        assert (character is not None and character.tag == "mine") == named


def test_a_gallery_of_another_model_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_bytes(dump(gallery(person("mine", around(0, 3, 0.1, dimension=9)))))
    with pytest.raises(
        ModelError, match=r"g\.json: .*another model \(tiny 1\).*characters refresh.*--no-gallery"
    ):
        Tagger(TaggerOptions(tiny_bundle, gallery=path))
    with pytest.raises(ModelError, match="no such gallery"):
        Tagger(TaggerOptions(tiny_bundle, gallery=tmp_path / "nowhere.json"))
    empty = Gallery("cd" * 32)
    assert Tagger(TaggerOptions(tiny_bundle, gallery=empty)).gallery is not None  # nobody is in it


def fitting(folder: Path, *people: Enrolled) -> Gallery:
    sha256 = Bundle.load(folder).recogniser_sha256
    assert sha256 is not None
    return Gallery(sha256, people)


def test_the_users_own_gallery_is_used_where_there_is_one(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.json"
    monkeypatch.setattr(stored_module, "default_path", lambda: path)
    assert Tagger(tiny_bundle).gallery is None
    path.write_bytes(dump(fitting(tiny_bundle, person("mine", around(0, 3, 0.1, dimension=9)))))
    tagger = Tagger(tiny_bundle)
    assert tagger.gallery is not None and tagger.gallery.tags == {"mine"}
    assert Tagger(TaggerOptions(tiny_bundle, gallery=None)).gallery is None
    assert open_gallery("default", tagger.bundle) is not None


def test_the_taggers_fingerprint_and_pickle_have_the_gallery_in_them(tiny_bundle: Path) -> None:
    people = fitting(tiny_bundle, person("mine", around(0, 3, 0.1, dimension=9)))
    galleries = (None, people.without({"mine"}), people)
    plain, emptied, with_people = (Tagger(TaggerOptions(tiny_bundle, gallery=one)) for one in galleries)
    assert plain.fingerprint == emptied.fingerprint
    assert with_people.fingerprint != plain.fingerprint
    again = pickle.loads(pickle.dumps(with_people))
    assert again.fingerprint == with_people.fingerprint and again.gallery.tags == {"mine"}

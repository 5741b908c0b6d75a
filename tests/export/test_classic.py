"""The classic methods: fitted by scikit-learn, run by the runtime, the same answers."""

# ruff: noqa: E402 (what a module needs is looked for before it is imported)

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.extras import need

need("sklearn", "skl2onnx")


from booru_export.cli.train import train
from booru_export.comparison import classic_export
from booru_export.comparison.classic import METHODS, STRENGTHS, ClassicRecipe, Trained, train_classic
from booru_export.comparison.classic_export import export_classic, to_onnx
from booru_export.data.canon import read_canon
from booru_export.data.splits import split_faces
from booru_export.data.tables import FaceItem, read_faces
from click.testing import CliRunner, Result

from booru_tagger.errors import DataError, ModelError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Painted, paint
from tests.support.drawn_faces import make_folders


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folders(tmp_path_factory.mktemp("data") / "faces", count=20, people=5)


@pytest.fixture(scope="module")
def parts(data: Path) -> dict[str, list[FaceItem]]:
    return {str(name): items for name, items in split_faces(read_faces(data), shares=(0.2, 0.2)).items()}


def fitted(parts: dict[str, list[FaceItem]], recipe: ClassicRecipe, model: Path | None = None) -> Trained:
    return train_classic(recipe, parts["train"], model=model)


@pytest.mark.parametrize("method", METHODS)
def test_on_pixels_the_runtime_says_what_scikit_learn_says(
    method: str, parts: dict[str, list[FaceItem]], tmp_path: Path
) -> None:
    recipe = ClassicRecipe(method=method, size=24, components=24)  # type: ignore[arg-type]
    trained = fitted(parts, recipe)
    bundle, difference = export_classic(trained, tmp_path / "bundle", read_canon(), parts["test"])
    assert difference <= 1e-4
    bundle.verify()
    tagger = Tagger(TaggerOptions(tmp_path / "bundle", crops=True))
    expected = trained.probabilities(parts["test"])
    right = 0
    for item, wanted in zip(parts["test"], expected, strict=True):
        best = tagger.tag(item.path).faces[0].candidates[0]
        assert best.tag == trained.labels[int(wanted.argmax())]
        assert best.score == pytest.approx(wanted.max(), abs=1e-4)
        right += best.tag == item.label
    assert right / len(expected) > 0.6
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_on_an_embedding_the_networks_other_answers_stay(
    method: str, parts: dict[str, list[FaceItem]], tiny_bundle: Path, tmp_path: Path
) -> None:
    recipe = ClassicRecipe(method=method, features="embedding")  # type: ignore[arg-type]
    trained = fitted(parts, recipe, tiny_bundle)
    bundle, difference = export_classic(trained, tmp_path / "bundle", {}, parts["test"])
    assert difference <= 1e-4
    assert bundle.recogniser is not None
    before = Bundle.load(tiny_bundle).recogniser
    assert before is not None
    assert (bundle.recogniser.hair, bundle.recogniser.size) == (before.hair, before.size)
    faces = trained.source.faces(parts["test"])
    old = Session(tiny_bundle / "recogniser.onnx").run({"faces": faces})
    new = Session(tmp_path / "bundle" / "recogniser.onnx").run({"faces": faces})
    for name in ("embedding", "hair", "eyes"):
        np.testing.assert_allclose(new[name], old[name], atol=1e-6)
    assert new["character"].shape == (len(faces), 5) != old["character"].shape


def test_labels_bring_their_canon(parts: dict[str, list[FaceItem]], tmp_path: Path) -> None:
    trained = fitted(parts, ClassicRecipe(size=16, components=8, strength=0.1))
    bundle, _ = export_classic(trained, tmp_path, read_canon(), parts["test"])
    (miku,) = [label for label in bundle.labels if label.tag == "hatsune_miku"]
    assert miku.series == "vocaloid"
    assert "aqua_hair" in miku.implied
    assert bundle.training["recogniser"]["strength"] == 0.1


def test_a_detector_in_the_bundle_stays(
    parts: dict[str, list[FaceItem]], tiny_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    trained = fitted(parts, ClassicRecipe(size=16, components=8))
    export_classic(trained, tmp_path / "bundle", {}, parts["test"])
    paint([Painted(40, 40, 120)]).save(tmp_path / "picture.png")
    (face,) = Tagger(tmp_path / "bundle").tag(tmp_path / "picture.png").faces
    assert {candidate.tag for candidate in face.candidates} == set(trained.labels)


def test_two_characters_are_enough(parts: dict[str, list[FaceItem]]) -> None:
    two = [item for item in parts["train"] if item.label in ("hatsune_miku", "shana", "fate_testarossa")][:26]
    for method in METHODS:
        trained = train_classic(ClassicRecipe(method=method, size=16, components=6), two)
        assert classic_export.compare(trained, to_onnx(trained), two[:4]) <= 1e-4


def test_the_strength_is_chosen_where_it_is_not_given(parts: dict[str, list[FaceItem]]) -> None:
    said: list[str] = []
    recipe = ClassicRecipe(size=16, components=8)
    trained = train_classic(recipe, parts["train"], parts["validation"], say=said.append)
    assert trained.strength in STRENGTHS["logistic"]
    assert sum("right on the validation part" in line for line in said) == len(STRENGTHS["logistic"])


def test_the_same_seed_gives_the_same_classifier(parts: dict[str, list[FaceItem]]) -> None:
    recipe = ClassicRecipe("rbf-svm", size=16, components=8, seed=3)
    first, second = (fitted(parts, recipe).probabilities(parts["test"]) for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_an_export_that_differs_is_refused(
    parts: dict[str, list[FaceItem]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = fitted(parts, ClassicRecipe(size=16, components=8))
    other = fitted({"train": parts["train"][:30]}, ClassicRecipe(size=16, components=8, strength=0.0001))
    monkeypatch.setattr(classic_export, "to_onnx", lambda _: to_onnx(other))
    with pytest.raises((ModelError, ValueError)):
        export_classic(trained, tmp_path / "bundle", {}, parts["test"])
    assert not (tmp_path / "bundle").exists()


def test_too_few_pictures_are_named(parts: dict[str, list[FaceItem]]) -> None:
    with pytest.raises(DataError, match="nothing to tell apart"):
        train_classic(ClassicRecipe(), [item for item in parts["train"] if item.label == "shana"])
    lonely = FaceItem(parts["train"][0].path, "lonely_one", "s", "g")
    with pytest.raises(DataError, match="lonely_one"):
        train_classic(ClassicRecipe(), [*parts["train"], lonely])


def test_an_embedding_needs_a_network(parts: dict[str, list[FaceItem]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--model"):
        train_classic(ClassicRecipe(features="embedding"), parts["train"])
    trained = fitted(parts, ClassicRecipe(size=16, components=8))
    export_classic(trained, tmp_path, {}, parts["test"])
    with pytest.raises(ModelError, match="no embedding"):
        train_classic(ClassicRecipe(features="embedding"), parts["train"], model=tmp_path)


def test_the_command_writes_a_bundle(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    result: Result = CliRunner().invoke(
        train,
        [
            "classic",
            str(data),
            "-o",
            str(output),
            "--method",
            "linear-svm",
            "--size",
            "16",
            "--components",
            "8",
        ],
        catch_exceptions=False,
    )
    assert "largest difference from scikit-learn 0.0000" in result.output
    manifest = json.loads((output / "manifest.json").read_text("utf-8"))
    assert manifest["training"]["recogniser"]["method"] == "linear-svm"
    assert manifest["recogniser"]["size"] == 16

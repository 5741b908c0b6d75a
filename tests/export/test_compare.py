"""`booru-tagger compare`: every method on the same pictures, one page that needs no other file."""

# ruff: noqa: E402 (what a module needs is looked for before it is imported)

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.extras import need

need("torch", "torchvision", "onnxscript", "sklearn", "skl2onnx", "matplotlib")


from booru_export.cli.compare import compare
from booru_export.comparison.comparing import ALL, USUAL, Contest, ContestResult, compare_methods
from booru_export.comparison.page import page, title
from booru_export.comparison.results import MethodResult, Prediction
from booru_export.data.splits import divide
from booru_export.data.tables import FaceItem, add_faces, read_faces
from click.testing import CliRunner, Result
from PIL import Image

from booru_tagger.errors import DataError
from tests.support.drawn_faces import BACKBONE_RECIPE, NETWORK_RECIPE, make_folders


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    make_folders(folder / "faces", count=16, people=4)
    items = read_faces(folder / "faces")
    parts = divide(items, "stratified", 0, (0.2, 0.25))
    decided = [
        FaceItem(item.path, item.label, "drawn", item.group, part)
        for item, part in zip(items, parts, strict=True)
    ]
    add_faces(folder / "faces" / "faces.csv", decided)
    (folder / "network.toml").write_text(NETWORK_RECIPE, "utf-8")
    (folder / "backbone.toml").write_text(BACKBONE_RECIPE, "utf-8")
    return folder


def run(data: Path, *arguments: object) -> Result:
    recipes = ("--recipe", data / "network.toml", "--backbone-recipe", data / "backbone.toml")
    given = (data / "faces", "-o", data / "report.html", "--size", 32, "--threads", 1, *recipes, *arguments)
    return CliRunner().invoke(compare, list(map(str, given)), catch_exceptions=False)


def chosen(*methods: str) -> list[str]:
    return [part for method in methods for part in ("--method", method)]


def test_methods_are_trained_judged_and_put_on_one_page(data: Path) -> None:
    methods = ("logistic-embedding", "network", "logistic-pixels", "resnet18")
    weights = ("--weights", f"resnet18={data / 'missing.pth'}")
    result = run(data, *chosen(*methods), *weights, "--json", data / "figures.json")
    assert result.exit_code == 0, result.output
    rows = {row["method"]: row for row in json.loads((data / "figures.json").read_text("utf-8"))}
    assert list(rows) == ["logistic-pixels", "network", "logistic-embedding", "resnet18"]
    assert "missing.pth" in rows.pop("resnet18")["error"]  # the others went on
    for row in rows.values():
        assert row["accuracy"] > 0.4
        assert row["bytes"] > 1000
        assert row["train_seconds"] > 0
        assert row["pictures_per_second"] > 1
    page = (data / "report.html").read_text("utf-8")
    assert all(title(method) in page for method in methods)
    assert "missing.pth" in page
    assert page.count("alt='confusion matrix'") == 3
    assert page.count("alt='training curves'") == 1
    assert not re.search(r"(?:src|href)='(?!data:|#)", page)
    pictures = re.findall(r"src='data:image/\w+;base64,([^']+)'", page)
    assert all(Image.open(io.BytesIO(base64.b64decode(picture))).size > (0, 0) for picture in pictures)


def test_what_was_trained_is_used_again_unless_something_changed(data: Path) -> None:
    first = run(data, *chosen("logistic-pixels"))
    assert run(data, *chosen("logistic-pixels")).output.count("trained before") == 1
    assert "trained before" not in run(data, *chosen("logistic-pixels"), "--seed", 1).output
    assert "trained before" not in run(data, *chosen("logistic-pixels"), "--seed", 1, "--again").output
    assert first.exit_code == 0


def test_a_comparison_without_any_result_fails(data: Path) -> None:
    with pytest.raises(DataError, match="none of the methods"):
        run(data, *chosen("resnet18"), "--weights", f"resnet18={data / 'missing.pth'}")


def test_an_embedding_needs_the_network_or_a_bundle(data: Path, tmp_path: Path) -> None:
    outcome = compare_methods(Contest(data / "faces", tmp_path, ("linear-svm-embedding",), size=32))
    assert "add the method 'network'" in outcome.entries[0].error


def test_a_shipped_bundle_can_give_the_embedding(data: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    contest = Contest(data / "faces", tmp_path, ("rbf-svm-embedding",), model=str(tiny_bundle))
    (entry,) = compare_methods(contest).entries
    assert entry.error == ""
    assert len(entry.answers) == 16


def test_unknown_methods_and_empty_parts_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="logistic-pixels"):
        compare_methods(Contest(data / "faces", tmp_path, ("forest",)))
    items = [FaceItem(item.path, item.label, "s", "g", "train") for item in read_faces(data / "faces")]
    add_faces(tmp_path / "faces.csv", items)
    with pytest.raises(DataError, match="test part is empty"):
        compare_methods(Contest(tmp_path, tmp_path, ("logistic-pixels",)))


def test_weights_must_name_their_network(data: Path) -> None:
    assert run(data, "--weights", "weights.pth").exit_code == 2


def test_the_figures_are_those_of_the_answers() -> None:
    items = [FaceItem(Path(str(number)), label, "s", "g") for number, label in enumerate("aaaabb")]
    answers = [Prediction(item, tag, 0.75) for item, tag in zip(items, "aaabab", strict=True)]
    entry = MethodResult("x", tuple(answers))
    assert entry.accuracy == pytest.approx(4 / 6)
    assert entry.macro_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert entry.calibration_error == pytest.approx(0.75 - 4 / 6)
    assert np.array_equal(entry.confusion(["a", "b"]), [[3, 1], [1, 1]])
    assert [(label, taken, len(found)) for label, taken, found in entry.confused(5)] == [
        ("a", "b", 1),
        ("b", "a", 1),
    ]


def test_many_characters_are_shown_by_series(monkeypatch: pytest.MonkeyPatch) -> None:
    series = {"a": "one", "b": "one", "c": "two", "d": ""}
    items = [FaceItem(Path(label), label, "s", label, series=series[label]) for label in "aabbcd"]
    answers = [Prediction(item, tag, 0.5) for item, tag in zip(items, "abbcca", strict=True)]
    entry = MethodResult("network", tuple(answers))
    outcome = ContestResult(Contest(Path(), Path()), {"train": [], "validation": [], "test": items}, [entry])
    rows = [(one.series, one.faces, one.right, one.within) for one in entry.by_series(outcome.series)]
    assert rows == [("one", 4, 2, 1), ("not given", 1, 0, 0), ("two", 1, 1, 0)]
    drawn: list[tuple[list[list[int]], list[str]]] = []

    def matrix(
        values: np.ndarray[tuple[int, ...], np.dtype[np.int64]], names: list[str], title: str
    ) -> Image.Image:
        drawn.append((values.tolist(), names))
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr("booru_export.comparison.page.matrix", matrix)
    monkeypatch.setattr("booru_export.comparison.page.MANY", 3)
    text = page(outcome)
    assert drawn == [([[0, 1, 0], [0, 3, 1], [0, 0, 1]], ["not given", "one", "two"])]
    assert "<tr><td>one</td><td>4</td><td>0.500</td><td>1</td><td>1</td></tr>" in text


def test_an_rbf_svm_refuses_more_characters_than_it_can_learn(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("booru_export.comparison.classic.MAX_RBF_CHARACTERS", 3)
    (entry,) = compare_methods(Contest(data / "faces", tmp_path, ("rbf-svm-pixels",), size=32)).entries
    assert "each pair of characters: 4 are too many" in entry.error


def test_every_method_has_a_name_and_a_place() -> None:
    assert len(set(map(title, ALL))) == len(ALL) == 13
    assert set(USUAL) < set(ALL)

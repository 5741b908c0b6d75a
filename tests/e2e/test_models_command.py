"""`booru-tagger models`, and tagging with a model that others made, with the real command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import taggers
from tests.bundles import Painted, paint
from tests.e2e.command import Home, make_home


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    return make_home(tmp_path / "home", BOORU_TAGGER_FACE_MODEL=str(tiny_bundle))


def test_models_are_listed_shown_verified_and_found(home: Home, tiny_bundle: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in home.run("models", "list", "--json").out.splitlines()]
    assert {"default", "wd-vit-tagger-v3"} <= {row["name"] for row in rows}
    wd = taggers.make_wd(tmp_path / "wd")
    for model, word in ((tiny_bundle, "recogniser"), (wd, "WD")):
        shown = home.run("models", "show", model)
        assert shown.code == 0 and word.lower() in shown.out.lower()
        assert home.run("models", "verify", model).code == 0
        assert home.run("models", "path", model).out.strip() == str(model)
    (wd / "model.onnx").write_bytes(b"damaged")
    damaged = home.run("models", "verify", wd)
    assert damaged.code == 6 and "model.onnx" in damaged.err


def test_a_model_that_is_not_here_is_not_fetched(home: Home) -> None:
    ended = home.run("tag", "--batch", "--model", "wd-vit-tagger-v3")
    assert ended.code == 6 and "booru-tagger models pull wd-vit-tagger-v3" in ended.err


def test_a_foreign_tagger_and_our_faces_are_made_one(home: Home, tmp_path: Path) -> None:
    wd = taggers.make_wd(tmp_path / "wd")
    paint([Painted(40, 40, 120)], (256, 256)).save(home.work / "a.png")
    ended = home.run("tag", "a.png", "--model", wd, "--dry-run", "--format", "jsonl")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["schema"] == 1 and len(result["faces"]) == 1
    assert "tagger" in {tag["source"] for tag in result["tags"]}
    assert "rating" in {tag["category"] for tag in result["tags"]}
    alone = home.run("tag", "a.png", "--model", wd, "--no-faces", "--dry-run", "--format", "jsonl")
    assert json.loads(alone.out)["faces"] == []

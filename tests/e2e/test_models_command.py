"""`booru-tagger models`, and tagging with a model that others made, with the real command."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.support import taggers
from tests.support.bundles import Painted, paint
from tests.support.command import Home, make_home
from tests.support.hub import COMMIT, Repository, running


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
    facts = home.run("models", "show", tiny_bundle).out
    assert "character 0.6 (review from 0.3), hair 0.5, eyes 0.5" in facts and "MB" in facts
    assert "vocaloid" in facts and "3 characters" in facts
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


def test_a_model_is_pulled_used_and_removed(tiny_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="the extra 'hub' is not installed")
    wd = taggers.make_wd(tmp_path / "wd")
    files = {path.name: path.read_bytes() for path in wd.iterdir()}
    name = "wd-vit-tagger-v3"
    with running({f"SmilingWolf/{name}": Repository(files)}) as hub:
        variables = {"HF_ENDPOINT": hub.address, "BOORU_TAGGER_FACE_MODEL": str(tiny_bundle)}
        home = make_home(tmp_path / "home", **variables)
        offline = make_home(tmp_path / "offline", HF_HUB_OFFLINE="1", **variables)
        refused = offline.run("models", "pull", name)
        assert refused.code == 6 and "HF_HUB_OFFLINE" in refused.err
        assert hub.asked == []
        hub.cut["model.onnx"] = 500
        broken = home.run("models", "pull", name)
        assert broken.code == 6 and "run the same command again to go on" in broken.err
        pulled = home.run("models", "pull", name)
        assert pulled.code == 0, pulled.err
        assert pulled.out == f"Pulled {name} (hf:SmilingWolf/{name}@{COMMIT}; licence: apache-2.0)\n"
        assert ("model.onnx", "bytes=500-") in hub.downloads()
        assert home.run("models", "pull", name).out.startswith("Up to date: ")
    assert home.run("models", "verify", name).out == f"{name}: 2 files, as the hub or the archive had it\n"
    paint([Painted(40, 40, 120)], (256, 256)).save(home.work / "a.png")
    tagged = home.run("tag", "a.png", "--model", name, "--dry-run", "--format", "jsonl")
    assert json.loads(tagged.out)["model"] == f"{name} + tiny 1"
    removed = home.run("models", "remove", name)
    assert removed.code == 0 and home.run("tag", "a.png", "--model", name, "--dry-run").code == 6
    assert home.run("models", "remove", wd).code == 6 and wd.is_dir()


def test_a_zipped_tagger_is_unpacked_once_and_a_rating_says_so(home: Home, tmp_path: Path) -> None:
    wd = taggers.make_wd(tmp_path / "wd", [0.1, 0.9, 0.1, 0.1, *[0.8] * 7])
    archive = home.work / "wd.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in wd.iterdir():
            opened.write(path, f"wd-tiny/{path.name}")
        opened.writestr("wd-tiny/notes.txt", "not unpacked")
    paint([Painted(40, 40, 120)], (256, 256)).save(home.work / "a.png")
    ended = home.run("tag", "a.png", "--model", "wd.zip", "--no-faces", "--writer", "txt", "--spaces")
    assert ended.code == 0, ended.err
    caption = (home.work / "a.png.txt").read_text("utf-8").strip().split(", ")
    assert {"rating:sensitive", "^_^", "long hair"} <= set(caption) and "hatsune miku" not in caption
    folder = Path(home.run("models", "path", "wd.zip").out.strip())
    assert sorted(path.name for path in folder.iterdir()) == [
        "booru-tagger-model.json",
        "model.onnx",
        "selected_tags.csv",
    ]
    assert str(folder) in home.run("models", "list").out
    assert home.run("models", "remove", folder).code == 0 and not folder.exists() and archive.exists()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("readme.txt", "nothing here")
    nothing = home.run("tag", "a.png", "--model", "wd.zip")
    assert nothing.code == 6 and "is not a zipped model" in nothing.err

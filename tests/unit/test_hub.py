"""Pulling models from a hub: whole, checked, resumed; and never without being asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from booru_tagger.errors import MissingExtraError, ModelError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.model_record import FILE_RECORD, read_record
from booru_tagger.models.store import local, model_folders
from booru_tagger.models.store.catalogue import CATALOGUE
from booru_tagger.models.store.hub import Hub, hub_id
from booru_tagger.models.store.model_folders import HubId
from tests.support import newer_taggers, taggers
from tests.support.bundles import make_bundle
from tests.support.hub import COMMIT, FakeHub, Repository, running

pytest.importorskip("huggingface_hub", reason="the extra 'hub' is not installed")

NAME = "SmilingWolf/wd-vit-tagger-v3"
WD = HubId(NAME)


@pytest.fixture(scope="module")
def wd_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = taggers.make_wd(tmp_path_factory.mktemp("remote") / "wd")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {**files, "README.md": b"# WD", "model.safetensors": b"weights", "sub/other.onnx": b"else"}


@pytest.fixture
def fake(wd_files: dict[str, bytes]) -> Iterator[FakeHub]:
    with running({NAME: Repository(dict(wd_files))}) as hub:
        yield hub


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model_folders, "_root", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "models"


def test_a_pulled_tagger_is_ready_to_use(fake: FakeHub, cache: Path, wd_files: dict[str, bytes]) -> None:
    seen: list[tuple[str, int, int]] = []
    pulled = Hub(fake.address).pull(WD, lambda *step: seen.append(step))
    assert pulled.fresh and pulled.folder == cache / "SmilingWolf--wd-vit-tagger-v3@main"
    assert sorted(path.name for path in pulled.folder.iterdir()) == [
        FILE_RECORD,
        "model.onnx",
        "selected_tags.csv",
    ]
    record = read_record(pulled.folder)
    assert record and record.source == f"hf:{NAME}@{COMMIT}" and record.licence == "apache-2.0"
    assert record.files["model.onnx"].bytes == len(wd_files["model.onnx"])
    tagger = local.open_model("wd-vit-tagger-v3")
    assert isinstance(tagger, ForeignTagger) and tagger.name == "wd-vit-tagger-v3"
    again = local.open_model(f"hf:{NAME}")
    assert isinstance(again, ForeignTagger) and again.folder == pulled.folder
    local.verify("wd-vit-tagger-v3")
    size = len(wd_files["model.onnx"])
    assert seen[-2][0] == "model.onnx" or ("model.onnx", size, size) in seen
    assert {name for name, _ in fake.downloads()} == {"model.onnx", "selected_tags.csv"}
    assert [path.name for path in cache.iterdir() if not path.name.endswith(".lock")] == [pulled.folder.name]


def test_what_is_here_already_is_not_fetched_again(fake: FakeHub, wd_files: dict[str, bytes]) -> None:
    hub = Hub(fake.address)
    folder = hub.pull(WD).folder
    before = len(fake.downloads())
    assert not hub.pull(WD).fresh and len(fake.downloads()) == before
    (folder / "model.onnx").write_bytes(b"damaged")
    assert hub.pull(WD).fresh
    assert (folder / "model.onnx").read_bytes() == wd_files["model.onnx"]


def test_a_newer_commit_takes_the_place_of_the_older(fake: FakeHub, cache: Path) -> None:
    hub = Hub(fake.address)
    old = hub.pull(WD)
    repository = fake.repositories[NAME]
    repository.commit = "f" * 40
    rows = (*taggers.ROWS[:-1], ("racing_miku", 4))
    repository.files["selected_tags.csv"] = taggers.selected_tags(rows).encode()
    new = hub.pull(WD)
    assert new.fresh and new.folder == old.folder and new.record.source.endswith("@" + "f" * 40)
    assert "racing_miku" in ForeignTagger(new.folder).columns
    hidden = [path.name for path in cache.iterdir() if path.is_dir() and path.name.startswith(".")]
    assert hidden == []


def test_a_revision_has_a_place_of_its_own(fake: FakeHub, cache: Path) -> None:
    pulled = Hub(fake.address).pull(HubId(NAME, "", "v1.0"))
    assert pulled.folder.name == "SmilingWolf--wd-vit-tagger-v3@v1.0"
    assert local.locate(f"hf:{NAME}@v1.0") == pulled.folder
    with pytest.raises(ModelError, match="not on this machine"):
        local.locate(f"hf:{NAME}")
    assert [model.name for model in local.stored()] == [f"hf:{NAME}@v1.0"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(fake: FakeHub, cache: Path, ranges: bool) -> None:
    fake.cut["model.onnx"], fake.ranges = 1_000, ranges
    with pytest.raises(ModelError, match="run the same command again to go on"):
        Hub(fake.address).pull(WD)
    assert not (cache / "SmilingWolf--wd-vit-tagger-v3@main").exists()
    with pytest.raises(ModelError, match="not on this machine"):
        local.open_model("wd-vit-tagger-v3")
    assert Hub(fake.address).pull(WD).fresh
    spans = [span for name, span in fake.downloads() if name == "model.onnx"]
    assert spans == ["", "bytes=1000-"]
    local.verify("wd-vit-tagger-v3")


@pytest.mark.parametrize("file", ["model.onnx", "selected_tags.csv"])
def test_a_file_that_is_not_as_stated_is_thrown_away(fake: FakeHub, cache: Path, file: str) -> None:
    fake.damaged.add(file)
    with pytest.raises(ModelError, match=rf"{file} is not the file that the hub describes"):
        Hub(fake.address).pull(WD)
    assert not list(cache.glob(f"*/{file}*")) and not (cache / WD.path.name).exists()
    fake.damaged.clear()
    assert Hub(fake.address).pull(WD).fresh


def test_a_model_that_does_not_load_never_takes_its_place(fake: FakeHub, cache: Path) -> None:
    fake.repositories[NAME].files["model.onnx"] = b"not a network"
    with pytest.raises(ModelError, match="cannot load the model"):
        Hub(fake.address).pull(WD)
    assert not (cache / WD.path.name).exists()


def test_a_folder_of_a_repository(wd_files: dict[str, bytes], tmp_path: Path) -> None:
    tags = {"0": {"tag": "1girl", "category": "General"}}
    folder = taggers.make_folder(tmp_path / "cl", "model.onnx", taggers.CL, 1, {"tag_mapping.json": tags})
    files = {f"cl_tagger_1_02/{path.name}": path.read_bytes() for path in folder.iterdir()}
    with running({"cella110n/cl_tagger": Repository({**files, "README.md": b""})}) as fake:
        pulled = Hub(fake.address).pull(hub_id("cl_tagger_1_02"))
        assert pulled.record.name == "cl_tagger_1_02"
        assert ForeignTagger(local.locate("cl_tagger_1_02")).format.name == "cl"
        with pytest.raises(ModelError, match=r"its top folder holds README\.md\. A folder of a repository"):
            Hub(fake.address).pull(HubId("cella110n/cl_tagger"))


def test_a_look_alike_is_refused_before_its_network_is_fetched(tmp_path: Path, cache: Path) -> None:
    folder = newer_taggers.make("oppai-oracle", tmp_path / "oppai")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "preprocessing.json"}
    haruka = {"haruka-tagger.onnx": b"", "haruka-tagger_metadata.json": b"{}"}
    with running({"some/one": Repository(files), "some/other": Repository(haruka)}) as fake:
        with pytest.raises(ModelError, match=r"names of a WD tagger's, but .* as that of OppaiOracle"):
            Hub(fake.address).pull(HubId("some/one"))
        with pytest.raises(ModelError, match="the files of a Haruka tagger"):
            Hub(fake.address).pull(HubId("some/other"))
        assert not any(name.endswith(".onnx") for name, _ in fake.downloads())
        assert not (cache / HubId("some/one").path.name).exists()


def test_a_layout_that_shares_its_names_is_pulled_with_just_its_own_files(tmp_path: Path) -> None:
    folder = newer_taggers.make("pixai-v1", tmp_path / "pixai")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    tags = json.dumps(newer_taggers.V1_BLOCKS).encode()
    files |= {"tags.json": tags, "metadata.json": b"{}"}
    with running({"some/one": Repository(files)}) as fake:
        pulled = Hub(fake.address).pull(HubId("some/one"))
        assert ForeignTagger(pulled.folder).format.name == "pixai-v1"
        assert set(pulled.record.files) == {"model.onnx", "tags.json", "config.json"}
        assert {path.name for path in pulled.folder.iterdir()} == {*pulled.record.files, FILE_RECORD}


def test_a_bundle_on_a_hub(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundle")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with running({"someone/tiny": Repository(files, licence=None)}) as fake:
        Hub(fake.address).pull(HubId("someone/tiny"))
        opened = local.open_bundle("hf:someone/tiny")
        assert isinstance(opened, Bundle) and opened.name == "tiny"
        del fake.repositories["someone/tiny"].files["detector.onnx"]
        fake.repositories["someone/tiny"].commit = "e" * 40
        with pytest.raises(ModelError, match=r"detector\.onnx is missing there"):
            Hub(fake.address).pull(HubId("someone/tiny"))


@pytest.mark.parametrize(
    ("hub", "message"),
    [(HubId("no/such"), "could not be pulled"), (HubId(NAME, "", "v9"), "could not be pulled")],
)
def test_what_the_hub_does_not_have(fake: FakeHub, hub: HubId, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Hub(fake.address).pull(hub)


def test_a_hub_that_is_in_trouble(fake: FakeHub) -> None:
    fake.refused["/cdn/"] = 503
    with pytest.raises(ModelError, match="the hub answers 503"):
        Hub(fake.address).pull(WD)
    with pytest.raises(ModelError, match="could not be pulled"):
        Hub("http://127.0.0.1:9").pull(WD)


def test_no_room_is_said_before_anything_is_fetched(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(ModelError, match="the disk has only 100 free"):
        Hub(fake.address).pull(WD)
    assert fake.downloads() == []


def test_two_processes_do_not_write_into_one_file(fake: FakeHub, cache: Path) -> None:
    from filelock import FileLock

    cache.mkdir(parents=True)
    with (
        FileLock(cache / f".pulling-SmilingWolf--wd-vit-tagger-v3@{COMMIT}.lock"),
        pytest.raises(ModelError, match="by another process just now"),
    ):
        Hub(fake.address).pull(WD)


def test_without_the_extra_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'booru-tagger\[hub\]'"):
        Hub()


@pytest.mark.parametrize(
    ("text", "hub"),
    [
        ("hf:a/b", HubId("a/b")),
        ("hf:a/b@v1.0", HubId("a/b", "", "v1.0")),
        ("hf:a/b/c/d@refs/pr/1", HubId("a/b", "c/d", "refs/pr/1")),
    ],
)
def test_ids_are_read_and_written(text: str, hub: HubId) -> None:
    assert HubId.parse(text) == hub and str(hub) == text


@pytest.mark.parametrize(
    "text", ["hf:a", "hf:a/../b", "hf:/a/b", "hf:a/b@", "hf:a/b@../x", "hf:a/b c", "hf:"]
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ModelError, match="is not a model on a hub"):
        local.open_model(text)


def test_the_catalogue_s_ids_and_names_are_of_one_kind() -> None:
    assert all(name == entry.name for name, entry in CATALOGUE.items())
    assert all(HubId.parse(str(entry.hub)) == entry.hub for entry in CATALOGUE.values())
    assert len({entry.hub.path for entry in CATALOGUE.values()}) == len(CATALOGUE)
    with pytest.raises(ModelError, match="cannot be pulled"):
        hub_id("default")


def test_a_record_is_checked(fake: FakeHub) -> None:
    folder = Hub(fake.address).pull(WD).folder
    path = folder / FILE_RECORD
    data = json.loads(path.read_text())
    (folder / "selected_tags.csv").write_text(taggers.selected_tags((("changed", 0), *taggers.ROWS[1:])))
    with pytest.raises(ModelError, match=r"selected_tags\.csv: its SHA-256 begins .* get it again"):
        ForeignTagger(folder).check()
    path.write_text(json.dumps({**data, "schema": 9}))
    with pytest.raises(ModelError, match="reads schema 1"):
        read_record(folder)
    assert next(iter(local.stored())).problem
    path.write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        read_record(folder)
    assert Hub(fake.address).pull(WD).fresh

"""Bundles are checked to the last byte before anything runs them."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booru_tagger.errors import ConfigError, MissingExtraError, ModelError
from booru_tagger.models.bundle import Bundle, View
from booru_tagger.models.manifest import Coincidence
from booru_tagger.models.session import Session
from booru_tagger.models.store import local
from booru_tagger.models.store.archives import unpack
from tests.support.bundles import Graph, make_bundle, read_manifest, write_manifest

MANIFEST = "manifest.json"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that a test may change."""
    return make_bundle(tmp_path / "bundle")


def change(folder: Path, place: str, value: object) -> None:
    """Set (or, given ``...``, remove) the value at a dotted place of the manifest."""
    data = read_manifest(folder)
    *way, last = place.split(".")
    inner: Any = data
    for key in way:
        inner = inner[int(key) if isinstance(inner, list) else key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    write_manifest(folder, data)


def test_a_good_manifest(tiny_bundle: Path) -> None:
    bundle = Bundle.load(tiny_bundle)
    assert bundle.name == "tiny" and bundle.licence == "CC0"
    assert bundle.detector and bundle.detector.sides == (256,)
    assert bundle.recogniser and bundle.recogniser.views == (View(1.0),)
    assert bundle.recogniser.character_threshold == 0.6
    assert bundle.labels[0].series == "vocaloid" and "twintails" in bundle.labels[0].implied
    bundle.verify()


def test_what_may_be_left_out_has_defaults(bundle: Path) -> None:
    for place in ("multiple", "max_upscale", "nms_iou", "max_faces"):
        change(bundle, f"detector.{place}", ...)
    for place in ("views", "hair", "eyes", "review", "min_colourfulness", "expand"):
        change(bundle, f"recogniser.{place}", ...)
    for key in ("category", "series", "implied", "threshold"):
        change(bundle, f"labels.0.{key}", ...)
    change(bundle, "labels.1.series", None)
    loaded = Bundle.load(bundle)
    assert loaded.detector and loaded.detector.multiple == 32
    assert loaded.recogniser and loaded.recogniser.views == (View(1.0),) and loaded.recogniser.hair == ()
    assert loaded.labels[0].category == "character" and loaded.labels[1].series == ""


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("schema", 2, "schema: this version reads schema 1, found 2"),
        ("name", ..., "name: missing"),
        ("name", 5, "name: expected a text, found a number"),
        ("nmae", "x", "nmae: unknown key; did you mean 'name'?"),
        ("detector.file", "other.onnx", "detector.file: 'other.onnx' is not listed under 'files'"),
        ("detector.sides", [], "detector.sides: expected at least one side"),
        ("detector.sides", [31], "detector.sides.0: expected a number from 32 to 8192, found 31"),
        ("detector.head_shares", [[0, 1], [0, 1]], "detector.head_shares: expected a pair for each of the 1"),
        ("detector.head_shares", [[0.5]], "detector.head_shares.0: expected two numbers"),
        ("detector.head_shares", [[0, 1.5]], "detector.head_shares.0.high: expected a number from 0 to 1"),
        ("detector.sides", [64.5], "detector.sides.0: expected a whole number, found 64.5"),
        ("detector.threshold", 1.5, "detector.threshold: expected a number from 0 to 1, found 1.5"),
        ("detector.threshold", float("nan"), "detector.threshold: expected a number"),
        ("detector.threshold", True, "detector.threshold: expected a number, found true or false"),
        ("detector.calibration", {"slope": 0, "level": 0}, "detector.calibration.slope: expected a number"),
        ("detector.calibration", {"slope": 1}, "detector.calibration.level: missing"),
        ("detector.calibration", {"slope": 1, "level": 0, "x": 1}, "detector.calibration.x: unknown key"),
        ("detector.second_head", 2, "detector.second_head: expected a number from 0 to 1"),
        ("detector.glance", {"sure": 0.5, "faint": 0.1}, "detector.glance.smallest: missing"),
        ("detector.glance", {"sure": 0.5, "faint": 0.6, "smallest": 0.1}, "detector.glance.faint: expected"),
        ("detector.mirror", {"sure": 0.5, "faint": 0.6}, "detector.mirror.faint: expected"),
        ("detector.treshold", 0.5, "unknown key; did you mean 'threshold'?"),
        ("detector.mean", [0.5], "detector.mean: expected three numbers"),
        ("detector.std", [0.5, 0, 0.5], "detector.std.g: expected a number"),
        ("detector", [], "detector: expected an object, found a list"),
        ("detector", None, "the manifest: it has neither a detector nor a recogniser"),
        ("recogniser.size", ..., "recogniser.size: missing"),
        ("recogniser.thresholds", ..., "recogniser.thresholds: missing"),
        ("recogniser.thresholds.eye", 0.5, "recogniser.thresholds.eye: unknown key; did you mean 'eyes'?"),
        ("recogniser.hair", ["red", "red"], "recogniser.hair: 'red' is listed twice"),
        ("recogniser.eyes", "blue", "recogniser.eyes: expected a list, found a text"),
        ("recogniser.views", [{"expand": 1, "flip": "no"}], "recogniser.views[0].flip: expected true or"),
        (
            "recogniser.views",
            [{"expand": 1, "below": 2}],
            "recogniser.views[0].below: expected a number from",
        ),
        (
            "recogniser.views",
            [{"expand": 1, "below": 0.9}],
            "recogniser.views: one view at least must be without",
        ),
        ("labels", [], "labels: the recogniser needs at least one label"),
        ("labels.1.tag", "hatsune_miku", "labels[1].tag: 'hatsune_miku' is listed twice"),
        ("labels.1.tag", "Kagamine Rin", "labels[1].tag: 'Kagamine Rin' is not a tag"),
        ("labels.1.implied", ["hair bow"], "labels[1].implied: 'hair bow' is not a tag"),
        ("labels.1.category", "people", "labels[1].category: unknown category 'people'"),
        ("labels.1.threshold", -1, "labels[1].threshold: expected a number from 0 to 1"),
        ("files", {}, "is not listed under 'files'"),
        ("files", {"../x.onnx": {}}, "files.../x.onnx: a file's name may have letters"),
        ("files", {"a/b.onnx": {}}, "and no folder"),
        ("files.detector.onnx", {"sha256": "abc", "bytes": 1}, "expected 64 hexadecimal digits"),
    ],
)
def test_a_bad_manifest_says_where_and_what(bundle: Path, place: str, value: object, message: str) -> None:
    if value is None:
        change(bundle, "recogniser", None)
    if place == "files.detector.onnx":
        place, value = "files", {"detector.onnx": value}
    change(bundle, place, value)
    with pytest.raises(ModelError) as caught:
        Bundle.load(bundle)
    assert str(bundle / MANIFEST) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("coincidence", "message"),
    [
        ({"once_in_1_000": 0.5}, "once_in_100_000: missing"),
        ({"once_in_1_000": 0.5, "once_in_100_000": 1.5}, "once_in_100_000: expected a number from 0 to 1"),
        ({"once_in_1_000": 0.5, "once_in_100_000": 0.5}, "once_in_100_000: expected a similarity above"),
        ({"once_in_1_000": 0.7, "once_in_100_000": 0.5}, "once_in_100_000: expected a similarity above"),
        (
            {"once_in_1000": 0.5, "once_in_100_000": 0.7},
            "once_in_1000: unknown key; did you mean 'once_in_1_0",
        ),
    ],
)
def test_the_rarer_coincidence_is_the_more_alike(
    bundle: Path, coincidence: dict[str, float], message: str
) -> None:
    weights = dict.fromkeys(("level", "learned", "mean", "nearest", "rival", "faces"), 1.0)
    section = {
        "file": "recogniser.onnx",
        "trained": weights,
        "enrolled": weights,
        "same_person": 0.5,
        "alike": 0.6,
        "coincidence": {"once_in_1_000": 0.5, "once_in_100_000": 0.7},
    }
    change(bundle, "recogniser.identity", section)
    spec = Bundle.load(bundle).recogniser
    assert spec and spec.identity and spec.identity.coincidence == Coincidence(0.5, 0.7)
    change(bundle, "recogniser.identity.coincidence", coincidence)
    with pytest.raises(ModelError, match=r"recogniser\.identity\.coincidence\." + message):
        Bundle.load(bundle)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff\xfe", "[" * 100_000])
def test_what_is_no_manifest(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=MANIFEST):
        Bundle.load(bundle)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no manifest\.json there"):
        Bundle.load(tmp_path)


def test_a_changed_file_is_named(bundle: Path) -> None:
    path = bundle / "recogniser.onnx"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    loaded = Bundle.load(bundle)
    loaded.read("detector.onnx")
    with pytest.raises(ModelError, match=r"recogniser\.onnx: its SHA-256 begins .* install the model again"):
        loaded.read("recogniser.onnx")
    with pytest.raises(ModelError, match=r"recogniser\.onnx"):
        loaded.verify()
    path.write_bytes(data[:100])
    with pytest.raises(ModelError, match=r"recogniser\.onnx: it has 100 bytes where"):
        loaded.verify()
    path.unlink()
    with pytest.raises(ModelError, match=r"recogniser\.onnx: No such file"):
        loaded.verify()


def test_the_fingerprint_follows_what_decides_results(bundle: Path) -> None:
    first = Bundle.load(bundle).fingerprint
    assert len(first) == 16 and int(first, 16) >= 0
    told: dict[str, object] = {"created": "2024-01-01", "version": "2", "figures": {"f1": 0.9}}
    for place, value in told.items():
        change(bundle, place, value)
        assert Bundle.load(bundle).fingerprint == first
    seen = {first}
    used: dict[str, object] = {
        "detector.threshold": 0.4,
        "recogniser.review": 0.2,
        "labels.0.implied": [],
        "files": {name: {"sha256": "0" * 64, "bytes": 1} for name in ("detector.onnx", "recogniser.onnx")},
    }
    for place, value in used.items():
        change(bundle, place, value)
        seen.add(Bundle.load(bundle).fingerprint)
    assert len(seen) == 5


def test_a_model_is_found_by_folder_manifest_and_zip(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "cache_folder", lambda: tmp_path / "cache")
    expected = Bundle.load(bundle).fingerprint
    archive = zipped(bundle, tmp_path / "tiny.zip")
    for model in (bundle, str(bundle), bundle / MANIFEST, archive, str(archive)):
        assert local.open_bundle(model).fingerprint == expected


def test_what_is_not_found_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'nowhere': give 'default', a folder .* or a zip file"):
        local.open_bundle("nowhere")
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(ModelError, match=r"a\.zip: not a zip file"):
        local.open_bundle(tmp_path / "a.zip")


def test_a_missing_shipped_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "SHIPPED", tmp_path)
    with pytest.raises(ModelError, match="reinstall booru-tagger, or name a model"):
        local.open_bundle("default")


def test_the_default_is_the_shipped_model(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "SHIPPED", tiny_bundle)
    assert local.open_bundle("default").name == "tiny"


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "booru-tagger" in local.cache_folder().parts


def zipped(
    folder: Path, target: Path, name: Callable[[str], str] = str, extra: dict[str, bytes] | None = None
) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, name(path.name))
        for place, data in (extra or {}).items():
            archive.writestr(place, data)
    return target


def test_unpacking_is_done_once_and_repairs_itself(bundle: Path, tmp_path: Path) -> None:
    archive, cache = zipped(bundle, tmp_path / "tiny.zip"), tmp_path / "cache"
    folder = unpack(archive, cache)
    before = (folder / "detector.onnx").stat().st_mtime_ns
    assert unpack(archive, cache) == folder
    assert (folder / "detector.onnx").stat().st_mtime_ns == before
    (folder / "detector.onnx").write_bytes(b"rubbish")
    Bundle.load(unpack(archive, cache)).verify()
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_unpacking_in_several_threads_at_once(bundle: Path, tmp_path: Path) -> None:
    archive, cache = zipped(bundle, tmp_path / "tiny.zip"), tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: unpack(archive, cache), range(8)))
    assert len(folders) == 1 and list(cache.iterdir()) == list(folders)


def test_a_zip_with_a_top_folder(bundle: Path, tmp_path: Path) -> None:
    archive = zipped(bundle, tmp_path / "tiny.zip", lambda name: f"tiny/{name}")
    Bundle.load(unpack(archive, tmp_path / "cache")).verify()


def test_path_tricks_write_nothing(bundle: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    extra = {"../escaped": b"x", "/abs": b"x", "sub/../../escaped2": b"x", "notes.txt": b"x"}
    archive = zipped(bundle, tmp_path / "tiny.zip", extra=extra)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    folder = unpack(archive, tmp_path / "cache" / "deep")
    assert sorted(path.name for path in folder.iterdir()) == [
        "detector.onnx",
        MANIFEST,
        "recogniser.onnx",
    ]
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {archive.name}
    assert written == {"detector.onnx", MANIFEST, "recogniser.onnx"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no-manifest", r"holds no manifest\.json"),
        ("missing", r"detector\.onnx is missing, though the manifest lists it"),
        ("too-long", r"detector\.onnx is larger than"),
        ("changed", r"tiny\.zip.*detector\.onnx: its SHA-256"),
        ("cut", r"tiny\.zip: not a zip file"),
    ],
)
def test_a_bad_zip_leaves_nothing_behind(bundle: Path, tmp_path: Path, damage: str, message: str) -> None:
    model = bundle / "detector.onnx"
    if damage == "no-manifest":
        (bundle / MANIFEST).unlink()
    elif damage == "missing":
        model.unlink()
    elif damage == "too-long":
        model.write_bytes(model.read_bytes() + b"\0" * 10_000_000)
    elif damage == "changed":
        model.write_bytes(model.read_bytes()[::-1])
    archive = zipped(bundle, tmp_path / "tiny.zip")
    if damage == "cut":
        archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(ModelError, match=message):
        unpack(archive, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*")) and not list((tmp_path / "cache").glob(".*"))


def doubling() -> bytes:
    g = Graph()
    g("Add", "x", "x", name="y")
    return g.model({"x": ["N", 3]}, {"y": ["N", 3]})


def test_a_session_runs_a_file_bytes_or_a_promise_of_them(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(doubling())
    feeds = {"x": np.ones((2, 3), np.float32)}
    for source in (path, path.read_bytes(), path.read_bytes):
        session = Session(source)
        assert session.inputs == {"x": ("N", 3)} and list(session.outputs) == ["y"]
        assert session.run(feeds)["y"].tolist() == [[2.0] * 3] * 2


def test_a_session_is_lazy_and_loads_once_among_threads() -> None:
    loads = []

    def source() -> bytes:
        loads.append(1)
        return doubling()

    session = Session(source)
    assert not loads
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda k: session.run({"x": np.full((1, 3), k, np.float32)}), range(32)))
    assert len(loads) == 1
    assert [answer["y"][0, 0] for answer in answers] == [2.0 * k for k in range(32)]


def test_a_session_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for source in (b"rubbish", Path("nowhere.onnx"), external_weights()):
        with pytest.raises(ModelError):
            Session(source, name="bad").run({})
    session = Session(doubling())
    with pytest.raises(ModelError, match="the model failed"):
        session.run({"x": np.ones((1, 5), np.float32)})
    assert capfd.readouterr() == ("", "")


def external_weights() -> bytes:
    """A model whose weights lie in a file of its author's choice."""
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=1, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "outside",
        [helper.make_tensor_value_info("x", 1, [3])],
        [helper.make_tensor_value_info("y", 1, [3])],
        [tensor],
    )
    data: bytes = helper.make_model(graph, ir_version=8).SerializeToString()
    return data


def test_weights_outside_the_file_are_refused() -> None:
    with pytest.raises(ModelError, match="bad: keeps weights in another file"):
        Session(external_weights(), name="bad").run({})


def test_a_provider_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="unknown provider 'gpu'; known: cpu, cuda"):
        Session(doubling(), provider="gpu")
    with pytest.raises(ConfigError, match="threads"):
        Session(doubling(), threads=0)
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingExtraError, match="pip install onnxruntime-gpu"):
        Session(doubling(), provider="cuda").run({})


def test_a_provider_that_does_not_start_is_no_silent_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda model, options, providers: real(model, options)
    )
    with pytest.raises(ModelError, match="'cuda' is installed but does not start here"):
        Session(doubling(), provider="cuda").run({})

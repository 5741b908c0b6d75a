"""Runs of several threads put together, and what is said of providers that are not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booru_tagger.app import make_workers
from booru_tagger.config import RunningSettings, Settings
from booru_tagger.errors import MissingExtraError, ModelError
from booru_tagger.imaging import Picture
from booru_tagger.models.batching import CombiningSession
from booru_tagger.models.detector import Detector
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.session import Array, Session
from booru_tagger.parallel import SerialExecutor, ThreadExecutor
from booru_tagger.providers import PROVIDERS, Provider
from booru_tagger.tagging.failures import attempt
from booru_tagger.tagging.tagger import Tagger
from tests.support import taggers
from tests.support.bundles import Painted, detector_model, paint
from tests.support.here import Here

FREE = {"x": ("batch", 2)}


PLUG = np.zeros((1, 1), np.float32)
"""Keeps the device busy until a whole crowd waits for it."""


class DoublingDevice(CombiningSession):
    """A device that doubles what it is given. ``runs`` has the rows of each run but that of the plug."""

    def __init__(self, shapes: Mapping[str, tuple[Any, ...]] = FREE) -> None:
        super().__init__(b"", provider="cuda")
        self.runs: list[int] = []
        self.shapes = shapes
        self.crowd = 0
        self.plugged = threading.Event()

    def stay_busy(self) -> None:
        self.plugged.set()
        while len(self._waiting) < self.crowd:
            time.sleep(0.001)

    @property
    def inputs(self) -> dict[str, tuple[int | str | None, ...]]:
        return dict(self.shapes)


@pytest.fixture
def doubling(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: DoublingDevice, feeds: Mapping[str, Array]) -> dict[str, Array]:
        if feeds["x"] is PLUG:
            self.stay_busy()
            return {"y": PLUG}
        self.runs.append(len(feeds["x"]))
        if (feeds["x"] < 0).any():
            raise ModelError("negative")
        return {"y": feeds["x"] * 2}

    monkeypatch.setattr(Session, "run", run)


def at_once(device: DoublingDevice, inputs: list[np.ndarray]) -> list[Any]:
    """The answers to inputs that all come while the device is busy."""
    device.crowd = len(inputs)

    def one(value: np.ndarray) -> Any:
        try:
            return device.run({"x": value})["y"]
        except ModelError as error:
            return str(error)

    with ThreadPoolExecutor(1 + len(inputs)) as pool:
        pool.submit(device.run, {"x": PLUG})
        device.plugged.wait()
        return list(pool.map(one, inputs))


@pytest.mark.usefixtures("doubling")
def test_each_gets_its_own_rows_back() -> None:
    device = DoublingDevice()
    inputs = [np.full((1 + number % 3, 2), number, np.float32) for number in range(12)]
    for value, answer in zip(inputs, at_once(device, inputs), strict=True):
        assert np.array_equal(answer, value * 2)
    assert device.runs == [sum(map(len, inputs))]


@pytest.mark.usefixtures("doubling")
def test_what_has_another_shape_goes_by_itself_and_no_batch_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DoublingDevice, "batch", 3)
    device = DoublingDevice()
    inputs = [np.full((1, 2 + number % 2), number, np.float32) for number in range(10)]
    for value, answer in zip(inputs, at_once(device, inputs), strict=True):
        assert np.array_equal(answer, value * 2)
    assert sorted(device.runs) == [2, 2, 3, 3]


@pytest.mark.usefixtures("doubling")
def test_a_network_for_one_picture_gets_one() -> None:
    device = DoublingDevice({"x": (1, 2)})
    at_once(device, [np.ones((1, 2), np.float32)] * 6)
    assert device.runs == [1] * 6


@pytest.mark.usefixtures("doubling")
def test_an_error_reaches_everyone_whose_batch_failed_and_the_next_goes_on() -> None:
    device = DoublingDevice()
    answers = at_once(device, [np.full((1, 2), -1, np.float32)] * 4)
    assert answers == ["negative"] * 4 and device.runs == [4]
    assert np.array_equal(device.run({"x": np.ones((1, 2), np.float32)})["y"], np.full((1, 2), 2))


def test_squares_give_the_same_boxes(tiny_bundle: Path) -> None:
    """What a device that batches is given is padded to a square; nothing else changes."""
    spec = Tagger(tiny_bundle).bundle.detector
    assert spec is not None

    class Square(Session):
        batch = 8

    picture = Picture(paint([Painted(30, 40, 80)], (320, 200)), 320, 200)
    plain = Detector(Session(detector_model()), spec).detect(picture)
    square = Detector(Square(detector_model()), spec).detect(picture)
    assert plain
    assert [face.box for face in square] == [face.box for face in plain]


def test_what_an_install_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    install = PROVIDERS["cuda"].install
    assert install == (
        "install it with: pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
    )
    assert PROVIDERS["directml"].install == "it exists on Windows only"
    assert Provider("X", "onnxruntime").install.startswith("install it with: pip uninstall -y onnxruntime &&")


def test_a_provider_that_is_missing_ends_the_command(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    paint([Painted(30, 40, 80)]).save(work / "a.png")
    here = Here(work, tiny_bundle, monkeypatch, capsys)
    absent = next(name for name in ("directml", "coreml", "cuda") if not _is_there(name))
    done = here.run("tag", "a.png", "--provider", absent)
    assert done.code == MissingExtraError.exit_code
    assert f"provider {absent!r} is not in the installed onnxruntime" in done.err
    assert not (work / "a.png.txt").exists()


def _is_there(name: str) -> bool:
    import onnxruntime

    return PROVIDERS[name].onnx in onnxruntime.get_available_providers()


def test_it_is_no_matter_of_one_picture() -> None:
    def tag() -> Any:
        raise MissingExtraError("no such device")

    with pytest.raises(MissingExtraError):
        attempt(tag, "a.png")


def test_the_provider_in_use_is_named(tiny_bundle: Path) -> None:
    assert Tagger(tiny_bundle).networks.provider == "CPUExecutionProvider"


def test_threads_that_wait_for_a_device_leave_cores_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app.parts", "parallel"):
        monkeypatch.setattr(f"booru_tagger.{module}.available_cores", lambda: 4)
    for settings, jobs in (
        (Settings(), 4),
        (Settings.of(provider="cuda"), 8),
        (Settings.of(jobs=3, provider="cuda"), 3),
    ):
        executor = make_workers(settings.running, settings.tagging.provider)
        assert isinstance(executor, ThreadExecutor) and executor.jobs == jobs
    assert isinstance(make_workers(RunningSettings(jobs=1), "cpu"), SerialExecutor)


def test_whole_pictures_of_several_threads_go_to_a_device_together(tmp_path: Path) -> None:
    folder = taggers.make_wd(tmp_path / "wd")
    assert isinstance(ForeignTagger(folder, provider="cuda").session, CombiningSession)
    assert not isinstance(ForeignTagger(folder).session, CombiningSession)

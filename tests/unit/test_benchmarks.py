"""The measurements run and write what they found. How fast anything is, no test says."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("onnx", reason="the stand-in for other taggers is made with the extra [export]")

from click.testing import CliRunner

from benchmarks import __main__ as benchmarks
from benchmarks import command, pictures, rivals, stages
from benchmarks.experiment import FOLDER, experiments
from benchmarks.experiments import accelerator, scale
from benchmarks.report import FigureTable, Workload
from booru_tagger.models import batching, session
from booru_tagger.models.session import Session
from booru_tagger.providers import PROVIDERS, Provider
from tests.support.bundles import Painted, paint

TINY = Workload(pictures=10, repeats=1, counts=(4, 8), rival_pictures=2)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures with one face for the tests' model, in the place of large drawn ones."""

    def draw(seed: int, suffix: str) -> bytes:
        return pictures._encoded(paint([Painted(20 + seed, 30, 90)]), suffix)

    monkeypatch.setattr(pictures, "_drawn", draw)


@pytest.mark.usefixtures("painted")
def test_the_command_measures_and_writes_json(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks, "QUICK", TINY)
    monkeypatch.setattr(pictures, "FORMATS", {"jpg": pictures.FORMATS["jpg"]})
    output = tmp_path / "figures.json"
    options = ["--model", str(tiny_bundle), "--work", str(tmp_path / "work"), "--output", str(output)]
    result = CliRunner().invoke(
        benchmarks.main,
        ["--quick", "--only", "stages", "--only", "scaling", *options],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "recogniser, one face (jpg)" in result.output
    content = json.loads(output.read_text("utf-8"))
    figures = {row["name"]: row for row in content["figures"]}
    assert content["machine"]["cores"] >= 1
    assert figures["decode (jpg)"]["value"] > 0
    assert figures["one 3-megapixel JPEG beyond decoding"]["wanted"] == "<= 25"
    assert figures["memory at 8"]["value"] > 10
    assert figures["passing over 8 done before"]["unit"] == "s"


def test_a_bound_is_the_sum_of_its_parts() -> None:
    found = stages.Stages(decode=10, detect=25, recognise=5, networks=20)
    assert found.bound == pytest.approx(25)
    assert found.networks_bound == pytest.approx(1000 / 30)


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("suffix", list(pictures.FORMATS))
def test_copies_differ_in_bytes_and_not_in_pixels(tmp_path: Path, suffix: str) -> None:
    paths = pictures.large(tmp_path / suffix, suffix, pictures.DIFFERENT + 1)
    first, copy = paths[0].read_bytes(), paths[-1].read_bytes()
    assert first != copy
    one, other = (Image.open(io.BytesIO(data)).convert("RGB").tobytes() for data in (first, copy))
    assert one == other


def test_the_stand_in_has_the_shape_of_a_wd_tagger(tmp_path: Path) -> None:
    folder = rivals.stand_in(tmp_path / "stand-in")
    session = Session(folder / "model.onnx")
    assert session.inputs["input"][1:] == (448, 448, 3)
    assert session.outputs["output"][1] == rivals.TAGS
    rows = (folder / "selected_tags.csv").read_text("utf-8").splitlines()
    assert rows[0] == "tag_id,name,category,count"
    assert len(rows) == rivals.TAGS + 1


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        command.run(sys.executable, "-c", "raise SystemExit(3)")


def test_a_figure_is_found_by_its_name() -> None:
    report = FigureTable({})
    report.add("speed", 1.5, "pictures/s", wanted=">= 1")
    assert report.value("speed") == 1.5
    assert report.value("weight") is None


def test_experiments_are_listed_with_what_they_measure() -> None:
    result = CliRunner().invoke(benchmarks.main, ["experiment"], catch_exceptions=False)
    listed = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert set(listed) == {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert all(said.endswith(".") for said in listed.values())


@pytest.mark.parametrize("name", experiments())
def test_an_experiment_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("torch", "selenium"):
        pytest.importorskip(package)
    with pytest.raises(SystemExit):
        benchmarks.main(["experiment", name, "--help"], standalone_mode=False)
    assert f"usage: python -m benchmarks experiment {name}" in capsys.readouterr().out


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(benchmarks.main, ["experiment", "luck"])
    assert result.exit_code == 2
    assert "strips" in result.output


@pytest.mark.usefixtures("painted")
def test_an_accelerator_is_given_what_waits_and_watched(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = {**PROVIDERS, "cuda": Provider("CPUExecutionProvider", "onnxruntime", batch=4)}
    for module in (session, batching):
        monkeypatch.setattr(module, "PROVIDERS", fake)
    output = tmp_path / "figures.json"
    options = ["--model", str(tiny_bundle), "--work", str(tmp_path), "--output", str(output)]
    accelerator.main([*options, "--pictures", "6", "--rounds", "1", "--jobs", "3"])
    content = json.loads(output.read_text("utf-8"))
    figures = {row["name"]: row["value"] for row in content["figures"]}
    assert content["machine"]["device"] == "CPUExecutionProvider"
    assert figures["with the accelerator"] > 0 and figures["decoding alone"] > 0
    assert 0 < figures["share of the time in which it works"] <= 1
    assert figures["rows that it is given at once"] >= 1


def test_without_an_accelerator_one_sentence_says_so(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PROVIDERS", {"cuda": Provider("NoExecutionProvider", "onnxruntime", 4)})
    with pytest.raises(SystemExit, match="nothing was measured: provider 'cuda' is not in the") as caught:
        accelerator.main(["--model", str(tiny_bundle)])
    assert isinstance(caught.value.code, str)  # which Python prints, and ends with 1


def test_time_in_which_two_networks_work_counts_once() -> None:
    work = accelerator.DeviceWork([(4, 5), (0, 2), (1, 3), (1.5, 2)], [1, 3, 2, 2])
    assert work.seconds == 4 and work.batch == 2


def scale_figures(folder: Path, **changed: float) -> Path:
    """What the whole command took, on two cores."""
    values = {"jpg: core time of the whole": 40.0, "jpg: share of it in the stages": 0.95, **changed}
    values |= {f"whole command, {suffix}, 2 workers": 20.0 for suffix in scale.FORMATS}
    machine = {"cores": 2, "processor": "P", "model": "default 5 (abc)", "date": "2026-01-02"}
    rows = [{"name": name, "value": value} for name, value in values.items()]
    path = folder / "figures.json"
    path.write_text(json.dumps({"machine": machine, "figures": rows}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "cores, 1,000/s"),
        (["--link", "0.3", "--megabytes", "3"], "link, 100/s"),
        (["--cores-each", "100"], "writing, 500/s"),
    ],
)
def test_the_first_limit_is_the_lowest(
    options: list[str], first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main([str(scale_figures(tmp_path)), *options])
    printed = capsys.readouterr().out
    assert "| JPEG | 10/s | 2,780 |" in printed and f"| {first} |" in printed


def test_a_page_s_table_is_renewed_and_nothing_else(tmp_path: Path) -> None:
    page, figures = tmp_path / "scale.md", scale_figures(tmp_path)
    page.write_text(f"before\n{scale.BEGIN}\nold\n{scale.END}\nafter\n", "utf-8")
    scale.main([str(figures), "--write", str(page)])
    text = page.read_text("utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "Measured 2026-01-02 on 2 cores" in text
    scale.main([str(figures), "--write", str(page)])
    assert page.read_text("utf-8") == text


def test_missing_figures_are_named(tmp_path: Path) -> None:
    path = scale_figures(tmp_path)
    path.write_text(path.read_text("utf-8").replace("whole command, png", "no"), "utf-8")
    with pytest.raises(SystemExit, match="whole command, png, 2 workers' is not in it"):
        scale.main([str(path)])

"""The measurements run and write what they found. How fast anything is, no test says."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("onnx", reason="the stand-in for other taggers is made with the extra [export]")

from click.testing import CliRunner

from benchmarks import __main__ as benchmarks
from benchmarks import characters, command, pictures, pipeline, rival_loop, rivals, stages
from benchmarks.experiment import FOLDER, experiments
from benchmarks.experiments import accelerator, scale
from benchmarks.report import FigureTable, Workload, machine
from booru_tagger.models import batching, session
from booru_tagger.models.session import Session
from booru_tagger.providers import PROVIDERS, Provider
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Painted, paint

TINY = Workload(pictures=10, repeats=1, counts=(4, 8), rival_pictures=2, faces=6)


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
    output, page = tmp_path / "figures.json", tmp_path / "figures.md"
    options = ["--model", str(tiny_bundle), "--work", str(tmp_path / "work"), "--output", str(output)]
    result = CliRunner().invoke(
        benchmarks.main,
        ["--quick", "--only", "stages", "--only", "scaling", "--markdown", str(page), *options],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "**scaling**" in page.read_text("utf-8")
    assert "recogniser, one face (jpg)" in result.output
    content = json.loads(output.read_text("utf-8"))
    figures = {row["name"]: row for row in content["figures"]}
    assert content["machine"]["cores"] >= 1
    assert figures["decode (jpg)"]["value"] > 0
    assert figures["one 3-megapixel JPEG beyond decoding"]["wanted"] == "<= 15"
    assert figures["memory at 8"]["value"] > 10
    assert figures["passing over 8 done before"]["unit"] == "s"


@pytest.mark.usefixtures("painted")
def test_a_library_is_measured_picture_by_picture(tiny_bundle: Path, tmp_path: Path) -> None:
    pictures.large(tmp_path / "art", "png", 3)
    (tmp_path / "art/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    output = tmp_path / "figures.json"
    options = ["--model", str(tiny_bundle), "--output", str(output), "--library", str(tmp_path / "art")]
    arguments = ["--only", "library", *options]
    result = CliRunner().invoke(benchmarks.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads(output.read_text("utf-8"))["pictures"]
    assert len(rows) == 3
    assert all(size > 0 and decoding > 0 and rest > 0 and heads == 1 for size, decoding, rest, heads in rows)


def test_what_cannot_be_measured_is_left_out_and_the_rest_kept(tiny_bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    found = FigureTable(machine(str(tiny_bundle)))
    for found.section in ("startup", "library"):
        found.add(f"a figure of {found.section}", 1, "s")
    found.save(output)
    arguments = ["--only", "library", "--model", str(tiny_bundle), "--output", str(output)]
    result = CliRunner().invoke(benchmarks.main, arguments)
    assert result.exit_code == 1
    assert "library is left out: no --library is given" in result.output
    rows = json.loads(output.read_text("utf-8"))["figures"]
    assert [row["name"] for row in rows] == ["a figure of startup"]


def test_figures_of_another_model_are_not_kept(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    found = FigureTable({"model": "old"}, section="startup")
    found.add("speed", 1, "s")
    found.save(output)
    assert FigureTable.resumed(output, {"model": "new"}, ()).rows == []
    assert FigureTable.resumed(output, {"model": "old"}, ()).rows == found.rows


def test_the_networks_of_a_picture_are_those_that_it_needs(tiny_bundle: Path) -> None:
    tagger = Tagger(TaggerOptions(str(tiny_bundle), gallery=None))
    data = pictures._encoded(paint([Painted(20, 30, 90)]), "png")
    picture = tagger.networks.decode(data, "a")
    runs = stages._runs(tagger, picture, [face.box for face in tagger.networks.detect(picture)])
    assert len(runs) == 2  # one look, and the recogniser once
    stages._ask(runs)


def test_a_tool_that_is_not_there_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tool(weights: Path, threads: int, repeats: int, paths: list[str]) -> rival_loop.Rows:
        found = rival_loop.both_ways("tool", len, threads, repeats, paths)
        return found + rival_loop.with_a_face("tool", lambda path: [] if path == "none" else [1], paths)

    def missing(*_: object) -> rival_loop.Rows:
        raise ImportError("no such module")

    monkeypatch.setattr(rival_loop, "TOOLS", {"missing": missing, "tool": tool})
    rival_loop.main(["missing", "tool"], tmp_path, 2, 1, ["one", "none"])
    printed = capsys.readouterr()
    assert "missing is left out: no such module" in printed.err
    rows = {name: value for name, value, _unit in json.loads(printed.out)}
    assert rows["tool, one after the other"] > 0 and rows["tool, thread pool"] > 0
    assert rows["tool: share of pictures with a face"] == 0.5


def test_faces_are_compared_with_characters_of_a_model_and_of_a_gallery(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(characters, "OWN", (30,))
    monkeypatch.setattr(characters, "ENROLLED", (0, 30))
    monkeypatch.setattr(characters, "ASKED", 3)
    characters.main("default")
    rows = json.loads(capsys.readouterr().out)
    assert {name for name, _value, _unit, _note in rows} == {
        "a face, a model of 30",
        "file of a model's 30",
        "a face, 0 enrolled",
        "a face, 30 enrolled",
        "reading 30 enrolled",
    }


@pytest.mark.usefixtures("painted")
def test_pictures_of_an_earlier_run_with_more_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tag(folder: Path, *_: object) -> command.Cost:
        pictures_there = len(list(folder.iterdir()))
        return command.Cost(wall=3 + 0.5 * pictures_there, cpu=2 + 0.25 * pictures_there, megabytes=1)

    monkeypatch.setattr(command, "tag", tag)
    for count in (20, 12):
        sizes = dataclasses.replace(TINY, pictures=count)
        found = pipeline.rate("jpg", "default", tmp_path, 1, sizes)
        assert found.steady == pytest.approx(2) and found.core == pytest.approx(250)


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
    assert content["machine"]["provider"] == "CPUExecutionProvider"
    assert figures["with the accelerator"] > 0 and figures["decoding alone"] > 0
    assert 0 < figures["share of the time in which it works"] <= 1
    assert figures["rows that it is given at once"] >= 1
    assert figures["the processor alone"] > 0 and figures["the accelerator over it"] > 0


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


def scale_figures(folder: Path, *pictures_of_a_library: tuple[float, ...]) -> Path:
    """What the whole command took on two cores: 0.1 s of a core a picture, 2 ms of it for writing."""
    values = {f"whole command, {suffix}, 2 workers": 20.0 for suffix in scale.DRAWN}
    values |= {f"{suffix}: a file": 1.0 for suffix in scale.DRAWN}
    for suffix in ("jpg", "png"):
        values |= {f"{suffix}: core time of the whole": 40.0, f"{suffix}: share of it in the stages": 0.95}
        values |= {f"{suffix}: decoding, of that": 8.0, f"{suffix}: networks, of that": 20.0}
    machine = {"cores": 2, "processor": "P", "model": "default 5 (abc)", "date": "2026-01-02"}
    rows = [{"name": name, "value": value} for name, value in values.items()]
    path = folder / "figures.json"
    content = {"machine": machine, "figures": rows, "pictures": pictures_of_a_library}
    path.write_text(json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "cores, 9"),  # of 1,000: filling and draining count
        (["--link", "0.1"], "link, 100/s"),
        (["--cores-each", "100"], "writing, 49"),
    ],
)
def test_the_first_limit_is_the_lowest(
    options: list[str], first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main([str(scale_figures(tmp_path)), *options])
    printed = capsys.readouterr().out
    assert "| JPEG | 1 MB | 10/s | 2,780 |" in printed and f"| {first}" in printed
    assert "of 40 ms of a core for a JPEG, decoding takes 8, the networks 20, files and journal 2;" in printed


def test_a_library_is_reckoned_by_its_own_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Half take 20 ms of a core alone, half 60: with writing 42, and with both cores busy 2.5 times that.
    scale.main([str(scale_figures(tmp_path, (0.5, 5, 15, 1), (3.5, 20, 40, 4))), "--price", "1"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| library")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:4] == ["2 MB", "9.52/s", "2,920"]
    assert cells[8] == "200 TB, 10"
    assert 2_920 <= float(cells[7].replace(",", "")) <= 3_100  # every core is paid, also while it waits


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

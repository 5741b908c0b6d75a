"""The same pictures through other taggers, each with its own loop, and weights of the same shape.

Their own weights cannot be counted on, so both sides run a stand-in that is made here: a network with the
input and output of a WD tagger (448 pixels, 10,861 tags) and weights by chance. It is small, so that what is
compared is the way to the network and back. This program reads it as a foreign model where it can; where it
cannot, its own bundle is run on the same pictures, and the rows say so.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import pictures
from benchmarks.report import FigureTable, Workload
from benchmarks.rival_loop import Rows, rate
from booru_tagger.errors import BooruTaggerError
from booru_tagger.parallel import available_cores, make_executor
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger

TAGS = 10_861
SIDE = 448
TOOLS = ("imgutils", "wdtagger")
PACKAGES = ("dghs-imgutils", "onnxruntime", "wdtagger", "timm", "torch", "torchvision")
CONSTRAINTS = Path(__file__).parents[1] / "constraints" / "cpu.txt"
LOOP = Path(__file__).with_name("rival_loop.py")
WANTED = {"imgutils, one after the other": ">= 4", "imgutils, thread pool": ">= 3"}


def stand_in(folder: Path) -> Path:
    """``model.onnx`` and ``selected_tags.csv`` in the form of a WD tagger v3, with weights by chance.

    ``weights.npz`` has the same weights for tools that do not take ONNX.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    widths, nodes, weights, before = (3, 24, 48, 96, 160, 256), [], [], "planes"
    nodes.append(helper.make_node("Transpose", ["input"], ["bytes"], perm=[0, 3, 1, 2]))
    weights.append(numpy_helper.from_array(np.asarray(1 / 255, np.float32), "scale"))
    nodes.append(helper.make_node("Mul", ["bytes", "scale"], ["planes"]))
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        kernel = rng.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{index}"))
        names = [before, f"w{index}"]
        nodes.append(helper.make_node("Conv", names, [f"c{index}"], strides=[2, 2], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        before = f"r{index}"
    head = rng.normal(0, 0.2, (widths[-1], TAGS)).astype(np.float32)
    bias = np.full(TAGS, -4, np.float32)
    weights += [numpy_helper.from_array(head, "head"), numpy_helper.from_array(bias, "bias")]
    nodes.append(helper.make_node("GlobalAveragePool", [before], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["embedding"]))
    nodes.append(helper.make_node("Gemm", ["embedding", "head", "bias"], ["logits"]))
    nodes.append(helper.make_node("Sigmoid", ["logits"], ["output"]))
    shape = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", SIDE, SIDE, 3])
    answers = [
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", TAGS]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", widths[-1]]),
    ]
    graph = helper.make_graph(nodes, "stand_in", [shape], answers, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    save: Any = np.savez  # its types let no names through
    save(folder / "weights.npz", **{item.name: numpy_helper.to_array(item) for item in weights})
    rows = ["tag_id,name,category,count"]
    ratings = ("general", "sensitive", "questionable", "explicit")
    rows += [f"{9999990 + index},{name},9,100" for index, name in enumerate(ratings)]
    rows += [f"{index},tag_{index},{4 if index >= 8000 else 0},100" for index in range(len(ratings), TAGS)]
    (folder / "selected_tags.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def environment(place: Path, *packages: str) -> Path:
    """Python of an environment with these packages, made by pip. Raises CalledProcessError."""
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(place, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(CONSTRAINTS), *packages]
    subprocess.run(install, check=True)
    return python


def of_others(python: Path, tools: Sequence[str], weights: Path, paths: Sequence[Path], repeats: int) -> Rows:
    """What :mod:`benchmarks.rival_loop` finds with another Python. Raises CalledProcessError."""
    arguments = [LOOP, ",".join(tools), weights, available_cores(), repeats, *paths]
    command = [str(item) for item in (python, *arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows: Rows = json.loads(done.stdout.splitlines()[-1])
    return rows


def add(report: FigureTable, label: str, ours: float, others: Rows) -> None:
    """Rows with the figures of all, and how many times theirs ours are."""
    report.add(f"this program, {label}", ours, "pictures/s")
    for name, value, unit in others:
        report.add(name, value, unit)
        if unit == "pictures/s":
            report.add(f"this program over {name}", ours / value, "times", wanted=WANTED.get(name, ""))


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    weights = stand_in(folder / "stand-in")
    paths = pictures.large(folder / "run-jpg", "jpg", sizes.rival_pictures)
    python = sizes.rivals_python or environment(folder / "rivals", *PACKAGES)
    ours, label = _ours(weights, model, paths, sizes.repeats)
    others = of_others(python, TOOLS, weights, paths, sizes.repeats)
    ours = max(ours, _ours(weights, model, paths, sizes.repeats)[0])  # as the machine was before and after
    add(report, label, ours, others)


def _ours(weights: Path, model: str, paths: list[Path], repeats: int) -> tuple[float, str]:
    """Pictures a second through the program's own workers, and with what model."""
    try:
        # Whole-picture taggers come with a search for faces unless told otherwise; the others have none.
        tagger, label = Tagger(TaggerOptions(str(weights), gallery=None, faces=False)), "the same weights"
        tagger.tag(paths[0])
    except BooruTaggerError:
        tagger, label = (
            Tagger(TaggerOptions(model, gallery=None)),
            "its own bundle (it does not read the stand-in)",
        )
        tagger.tag(paths[0])
    return throughput(tagger, paths, repeats), label


def throughput(tagger: Tagger, paths: Sequence[Path], repeats: int) -> float:
    """Pictures a second through the program's own workers; nothing is written."""
    executor = make_executor(None)

    def all_of_them() -> None:
        for _result in executor.run(tagger.tag, paths):
            pass

    return rate(all_of_them, len(paths), repeats)

"""Two processes on the CPU train one net, as torchrun starts them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")

from booru_export.training.checkpoint import read_checkpoint

from tests.support.command import TIMEOUT, Ended
from tests.support.serving import free_port
from tests.support.toy_data import RECOGNISER_RECIPE, make_faces

PROGRAM = """
import hashlib, sys
from booru_export.training import loop
from booru_tagger.cli import main
nets = []
step = loop._step
def spied(task, *rest):
    nets[:] = [task.net]
    return step(task, *rest)
loop._step = spied
try:
    main()
finally:
    values = b"".join(value.detach().contiguous().numpy().tobytes() for value in nets[0].parameters())
    print("weights", hashlib.sha256(values).hexdigest(), flush=True)
"""


def two_processes(command: list[str]) -> list[Ended]:
    """Run a command as torchrun does, twice at once."""
    common = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "LOCAL_WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=TIMEOUT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [Ended(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def test_two_processes_end_with_the_same_weights_and_one_checkpoint(tmp_path: Path) -> None:
    faces = make_faces(tmp_path / "faces")
    recipe = tmp_path / "recogniser.toml"
    recipe.write_text(RECOGNISER_RECIPE.replace("steps = 90", "steps = 12"), "utf-8")
    command = [sys.executable, "-c", PROGRAM, "train", "recogniser", "--recipe", str(recipe)]
    command += ["--faces", str(faces), "--out", str(tmp_path / "out"), "--threads", "1", "--device", "cpu"]
    ended = two_processes(command)
    while any("EADDRINUSE" in process.err for process in ended):  # somebody was faster at the port
        ended = two_processes(command)
    assert [process.code for process in ended] == [0, 0], [process.err[-2000:] for process in ended]
    weights = [line for one in ended for line in one.out.splitlines() if line.startswith("weights")]
    assert len(weights) == 2
    assert weights[0] == weights[1]
    assert read_checkpoint(tmp_path / "out" / "last.ckpt")["progress"]["step"] == 12
    with (tmp_path / "out" / "metrics.csv").open(encoding="utf-8") as handle:
        assert len(list(csv.DictReader(handle))) == 1

"""The real command on a real cluster of three Ray nodes on this machine, one of which is killed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundles import Painted, paint
from tests.support.command import TIMEOUT, Home, make_home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: [cluster]"),
    pytest.mark.skipif(sys.platform == "win32", reason="several nodes on one machine need POSIX"),
]
PICTURES = 240
MEMORY = 100_000_000
"""Bytes that a node keeps for objects: paths and results are small."""


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and two further nodes of one core each, with ports of their own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def test_every_picture_is_done_though_a_node_is_killed(nodes: Any, tmp_path: Path, tiny_bundle: Path) -> None:
    home: Home = make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle), RAY_AUTH_MODE="disabled")
    paint([Painted(20, 20, 80)]).save(home.work / "0.png")
    for number in range(1, PICTURES):
        (home.work / f"{number}.png").write_bytes((home.work / "0.png").read_bytes())
    command = ["tag", "--batch", ".", "--executor", "ray", "--address", nodes.address]
    running = home.start(
        *command,
        "--records",
        "tags.jsonl",
        "--format",
        "jsonl",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    first = [running.stdout.readline() for _ in range(PICTURES // 8)]
    nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
    rest, errors = running.communicate(timeout=TIMEOUT)
    assert running.returncode == 0, os.fsdecode(errors)
    # Ray itself tells of the lost node on standard output.
    told = [json.loads(line) for line in (*first, *rest.splitlines()) if line.startswith(b"{")]
    assert {Path(one["path"]).name for one in told} == {f"{number}.png" for number in range(PICTURES)}
    assert all(one["error"] is None and one["faces"] for one in told)
    kept = [json.loads(line) for line in (home.work / "tags.jsonl").read_text("utf-8").splitlines()]
    assert len(kept) == PICTURES

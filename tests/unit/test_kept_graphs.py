"""Graphs that onnxruntime optimised once: used where nothing has changed, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Picture
from booru_tagger.models import kept_graphs
from booru_tagger.models.session import Session
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Graph, Painted, make_bundle, paint
from tests.unit.test_bundle import doubling

FLAGS = b"processor\t: 0\nflags\t\t: sse avx2\n\nprocessor\t: 1\nflags\t\t: none\n\n"


@pytest.fixture(autouse=True)
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the graphs; the processor is one that any system knows."""
    (tmp_path / "cpuinfo").write_bytes(FLAGS)
    monkeypatch.setattr(kept_graphs, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(kept_graphs, "folder", lambda: tmp_path / "graphs")
    return tmp_path / "graphs"


WIDTH = 1000
"""Numbers in a row; so many weights have a file of their own."""


def adding() -> bytes:
    graph = Graph()
    graph("Add", "x", graph.constant([1.0] * WIDTH), name="y")
    return graph.model({"x": ["N", WIDTH]}, {"y": ["N", WIDTH]})


class Network:
    """Adds one, and counts how often it is asked for."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self) -> bytes:
        self.reads += 1
        return adding()

    def works(self, network: str = "adding") -> bool:
        answer = Session(self.read, network=network).run({"x": np.ones((2, WIDTH), np.float32)})
        return bool((answer["y"] == 2).all())


def kept_in(folder: Path) -> tuple[Path, Path]:
    """The only graph there, and its weights."""
    weights, graph = sorted(folder.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert (graph.suffix, weights.suffix) == (".onnx", ".weights")
    return graph, weights


def test_a_kept_graph_stands_for_its_network(graphs: Path) -> None:
    network = Network()
    assert network.works() and network.works() and network.works()
    assert network.reads == 1
    assert kept_in(graphs)[1].stat().st_size == 4 * WIDTH


def test_a_network_without_weights_is_kept_too(graphs: Path) -> None:
    reads = []

    def read() -> bytes:
        reads.append(1)
        return doubling()

    for _ in range(2):
        answer = Session(read, network="doubling").run({"x": np.ones((2, 3), np.float32)})
        assert (answer["y"] == 2).all()
    assert len(reads) == 1 and kept_in(graphs)[1].stat().st_size == 0


def test_a_network_that_is_not_known_beforehand_is_not_kept(graphs: Path) -> None:
    network = Network()
    assert network.works(network="") and network.works(network="")
    assert network.reads == 2 and not graphs.exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("which", [0, 1], ids=["graph", "weights"])
@pytest.mark.parametrize("damage", [cut, change, empty, Path.unlink])
def test_a_damaged_graph_is_made_again(graphs: Path, damage: Callable[[Path], None], which: int) -> None:
    network = Network()
    assert network.works()
    whole = [path.read_bytes() for path in kept_in(graphs)]
    damage(kept_in(graphs)[which])
    assert network.works() and network.reads == 2
    assert [path.read_bytes() for path in kept_in(graphs)] == whole
    assert network.works() and network.reads == 2


def test_weights_of_another_network_are_not_used(graphs: Path) -> None:
    network = Network()
    assert network.works() and network.works("another")
    first, second = sorted(graphs.glob("*.weights"))
    first.write_bytes(b"\0" * second.stat().st_size)
    assert network.works() and network.works("another") and network.reads == 3


@pytest.mark.parametrize("which", [0, 1], ids=["graph", "weights"])
def test_a_folder_in_its_place_is_no_error(graphs: Path, which: int) -> None:
    network = Network()
    assert network.works()
    make_folder(kept_in(graphs)[which])
    assert network.works() and network.works() and network.reads == 3


def test_a_whole_file_that_is_no_graph_is_made_again(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another build of onnxruntime with the same name may leave it."""
    network = Network()
    with monkeypatch.context() as patch:
        patch.setattr(kept_graphs.KeptGraph, "_keep", keep_rubbish)
        assert network.works()
    assert kept_in(graphs)[0].read_bytes() == b"rubbish"
    assert network.works() and network.reads == 2
    assert network.works() and network.reads == 2


KEEP = kept_graphs.KeptGraph._keep


def keep_rubbish(kept: kept_graphs.KeptGraph, graph: Path, weights: Path) -> None:
    graph.write_bytes(b"rubbish")
    KEEP(kept, graph, weights)


def test_another_network_runtime_or_processor_has_another_graph(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    network = Network()
    assert network.works()
    assert network.works("another") and network.reads == 2
    (tmp_path / "cpuinfo").write_bytes(FLAGS.replace(b"avx2", b"avx2 avx512f"))
    assert network.works() and network.reads == 3
    monkeypatch.setattr(onnxruntime, "__version__", "0.0")
    assert network.works() and network.reads == 4
    assert len(list(graphs.glob("*.onnx"))) == 4


@pytest.mark.parametrize("text", [None, b"", b"processor\t: 0\nmodel name\t: one\n\n"])
def test_without_a_word_on_the_processor_nothing_is_kept(
    graphs: Path, tmp_path: Path, text: bytes | None
) -> None:
    (tmp_path / "cpuinfo").unlink()
    if text is not None:
        (tmp_path / "cpuinfo").write_bytes(text)
    assert Network().works() and not graphs.exists()


def test_a_folder_that_cannot_be_made_is_no_error(graphs: Path) -> None:
    graphs.write_text("a file")
    network = Network()
    assert network.works() and network.works() and network.reads == 2


def test_a_disk_that_is_full_is_no_error(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/dev/full/none")
    monkeypatch.setattr("tempfile.tempdir", None)
    network = Network()
    monkeypatch.setattr(kept_graphs.KeptGraph, "_keep", fail)
    assert network.works() and network.works() and network.reads == 2


def fail(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_network_that_does_not_load_is_the_error_it_was(graphs: Path) -> None:
    with pytest.raises(ModelError, match="bad: onnxruntime cannot load the model"):
        Session(lambda: b"rubbish", name="bad", network="rubbish").run({})
    assert not list(graphs.iterdir())


def test_old_graphs_go(graphs: Path) -> None:
    network = Network()
    for number in range(kept_graphs.KEPT + 3):
        assert network.works(str(number))
    assert len(list(graphs.iterdir())) == 2 * kept_graphs.KEPT
    reads = network.reads
    assert network.works(str(number)) and network.reads == reads
    assert network.works("0") and network.reads == reads + 1


def test_a_bundle_gives_the_same_with_kept_graphs_and_a_changed_file_is_noticed(
    graphs: Path, tmp_path: Path
) -> None:
    folder = make_bundle(tmp_path / "tiny")
    picture = Picture(paint([Painted(30, 40, 80)], (320, 200)), 320, 200)
    first = Tagger(TaggerOptions(folder)).tag_picture(picture, "a.png")
    assert len(list(graphs.glob("*.onnx"))) == 2
    assert Tagger(TaggerOptions(folder)).tag_picture(picture, "a.png") == first
    change(folder / "detector.onnx")
    with pytest.raises(ModelError, match="damaged or changed"):
        Tagger(TaggerOptions(folder)).tag_picture(picture, "a.png")

"""Networks as onnxruntime optimised them for this processor, kept in the user's cache folder.

Optimising is most of what loading a network takes, and comes out the same each time: for one picture it is
more than looking at it. What is kept may be deleted at any time. It is used where all is as it was when it
was made: the network, onnxruntime, the processor, and the files themselves, by a sum of their bytes.

Weights are in a file of their own, which onnxruntime maps into memory rather than copy it thrice.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.user_folders import user_folder

KEPT = 8
"""Graphs that are kept; those that were made longest ago go."""

_KEY_DIGITS = 32
_CPU = Path("/proc/cpuinfo")
_CPU_BYTES = 8192
"""Enough for the first core; the text has as many paragraphs as there are cores."""
_DECISIVE = (b"model name", b"flags", b"Features", b"CPU implementer", b"CPU part")


def folder() -> Path:
    return user_folder("cache") / "graphs"


class KeptGraph:
    """One network's graph: two files that are named by ``key``, what it was made from.

    The name of the graph itself also has the sum of both. That finds damage; only the user can write here.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    @classmethod
    def of(cls, network: str, runtime: str) -> KeptGraph | None:
        """The two change with whatever may change the graph, but for the processor.

        ``None`` where that is not known: Linux alone says what all it can do, and a graph for another one may
        give wrong numbers.
        """
        processor = _processor()
        if processor is None:
            return None
        made_from = b"\0".join([network.encode(), runtime.encode(), processor])
        return cls(hashlib.sha256(made_from).hexdigest()[:_KEY_DIGITS])

    @property
    def weights(self) -> str:
        """Name of the file beside the graph that onnxruntime is to put its weights into."""
        return f"{self._key}.weights"

    def find(self) -> Path | None:
        """The graph; ``None`` where there is none that is whole."""
        with contextlib.suppress(OSError):
            for path in self._graphs():
                if path == self._path(_sum_of(path, folder() / self.weights)):
                    return path
        return None

    @contextlib.contextmanager
    def to_fill(self) -> Iterator[Path | None]:
        """Where onnxruntime is to leave the graph, which is then kept; ``None`` where none can be kept."""
        with contextlib.ExitStack() as stack:
            made = None
            with contextlib.suppress(OSError):
                import tempfile  # 1 ms that only the first run pays

                folder().mkdir(parents=True, exist_ok=True)
                scratch = tempfile.TemporaryDirectory(prefix="booru-tagger-", ignore_cleanup_errors=True)
                made = Path(stack.enter_context(scratch)) / "graph.onnx"
            yield made
            if made is not None:
                with contextlib.suppress(OSError, OutputError):  # it can be made again
                    self._keep(made, made.with_name(self.weights))

    def _keep(self, graph: Path, weights: Path) -> None:
        weights.touch()  # a network of few numbers has none
        target = self._path(_sum_of(graph, weights))
        replace_file(folder() / self.weights, weights.read_bytes(), flush=False)
        replace_file(target, graph.read_bytes(), flush=False)
        kept = sorted(folder().glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns)
        for path in {*kept[:-KEPT], *self._graphs()} - {target}:
            path.unlink(missing_ok=True)
        used = {path.name[:_KEY_DIGITS] for path in kept[-KEPT:]}
        for path in folder().glob("*.weights"):
            if path.stem not in used:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return folder() / f"{self._key}-{digest}.onnx"

    def _graphs(self) -> list[Path]:
        return [path for path in folder().iterdir() if path.name.startswith(f"{self._key}-")]


def _sum_of(graph: Path, weights: Path) -> str:
    """CRC-32 of both: five times as fast as a hash, where the processor has no instructions for that."""
    return f"{_crc(weights, _crc(graph)):08x}"


def _crc(path: Path, before: int = 0) -> int:
    with path.open("rb") as handle:
        if not path.stat().st_size:
            return before
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return zlib.crc32(mapped, before)


def _processor() -> bytes | None:
    """What the first core is and can do; ``None`` where the system does not say."""
    try:
        with _CPU.open("rb") as handle:
            first = handle.read(_CPU_BYTES).split(b"\n\n", 1)[0]
    except OSError:
        return None
    said = b"\n".join(line for line in first.split(b"\n") if line.startswith(_DECISIVE))
    return said if b"flags" in said or b"Features" in said else None

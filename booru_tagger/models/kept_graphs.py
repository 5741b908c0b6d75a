"""Networks as onnxruntime optimised them for this processor, kept in the user's cache folder.

Optimising is most of what loading a network takes, and comes out the same each time: for one picture it is
more than looking at it. What is kept may be deleted at any time. It is used where all is as it was when it
was made: the network, onnxruntime, the processor, and the file itself to the last byte.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_bytes, sha256_of_file
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
    """One network's graph: a file that is named by ``key``, what it was made from, and by its own hash."""

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

    def find(self) -> Path | None:
        """The file; ``None`` where there is none that is whole."""
        with contextlib.suppress(OSError):
            for path in self._files():
                if path == self._path(sha256_of_file(path)):
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
                    self._keep(made.read_bytes())

    def _keep(self, graph: bytes) -> None:
        target = self._path(sha256_of_bytes(graph))
        replace_file(target, graph, flush=False)
        others = [path for path in self._files() if path != target]
        kept = sorted(folder().glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns)
        for path in {*others, *kept[:-KEPT]}:
            path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return folder() / f"{self._key}-{digest}.onnx"

    def _files(self) -> list[Path]:
        return [path for path in folder().iterdir() if path.name.startswith(self._key)]


def _processor() -> bytes | None:
    """What the first core is and can do; ``None`` where the system does not say."""
    try:
        with _CPU.open("rb") as handle:
            first = handle.read(_CPU_BYTES).split(b"\n\n", 1)[0]
    except OSError:
        return None
    said = b"\n".join(line for line in first.split(b"\n") if line.startswith(_DECISIVE))
    return said if b"flags" in said or b"Features" in said else None

"""The only door to onnxruntime: one model file, one execution provider, arrays in and arrays out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ConfigError, MissingExtraError, ModelError
from booru_tagger.models import int8_check
from booru_tagger.models.kept_graphs import KeptGraph
from booru_tagger.providers import PROVIDERS

Array: TypeAlias = npt.NDArray[Any]
Source: TypeAlias = Path | bytes | Callable[[], bytes]

_FATAL = 4
"""onnxruntime's severity above which it prints: whatever matters reaches us as an exception."""

_WEIGHTS_FILE = "session.optimized_model_external_initializers_file_name"

_OUTSIDE = b"\x0a\x08location"
"""How ONNX begins the name of another file that holds a model's weights (protobuf: field 1, 8 letters)."""


class Session:
    """A model that is loaded on first use and may be shared between threads.

    ``source`` is a file, its bytes, or a function that returns them; ``name`` appears in messages.
    ``network`` changes whenever ``source`` would give something else. Where that is known before ``source``
    is asked, the optimised graph is kept (:mod:`booru_tagger.models.kept_graphs`), and used without asking.
    ``threads`` is the number of threads of one run: one, by default, because several pictures at a time scale
    better than several threads on one. Raises :class:`ConfigError` for an unknown ``provider``.
    """

    def __init__(
        self, source: Source, *, name: str = "", threads: int = 1, provider: str = "cpu", network: str = ""
    ) -> None:
        if provider not in PROVIDERS:
            raise ConfigError(f"unknown provider {provider!r}; known: {', '.join(PROVIDERS)}")
        if threads < 1:
            raise ConfigError(f"threads must be at least 1, not {threads}")
        self.name = name or (str(source) if isinstance(source, Path) else "model")
        self.provider = provider
        self.threads = threads
        self._network = network
        self._source: Source | None = source
        self._session: Any = None
        self._names: list[str] = []
        self._lock = threading.Lock()

    @property
    def batch(self) -> int:
        """Pictures that the provider should be given at once, where there are so many."""
        return PROVIDERS[self.provider].batch

    @property
    def used(self) -> str:
        """onnxruntime's name of the provider that the model really runs on. Loads it."""
        return str(self._loaded().get_providers()[0])

    @property
    def inputs(self) -> dict[str, tuple[int | str | None, ...]]:
        """Name of each input -> its shape; a free dimension is a name or ``None``."""
        return {item.name: tuple(item.shape) for item in self._loaded().get_inputs()}

    @property
    def outputs(self) -> dict[str, tuple[int | str | None, ...]]:
        """Name of each output -> its shape, as :attr:`inputs`."""
        return {item.name: tuple(item.shape) for item in self._loaded().get_outputs()}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model; returns all its outputs by name. Raises :class:`ModelError`."""
        session = self._loaded()
        try:
            values = session.run(self._names, dict(feeds))
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise ModelError(f"{self.name}: the model failed: {_first_line(error)}") from error
        return {name: np.asarray(value) for name, value in zip(self._names, values, strict=True)}

    def _loaded(self) -> Any:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    session = self._load()
                    self._names = [item.name for item in session.get_outputs()]
                    self._session = session
                    self._source = None  # the bytes are not needed twice
        return self._session

    def _load(self) -> Any:
        # Some builds report their use to their maker, and leave files in the user's cache folder for it.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime  # 0.1 s that only a program which runs a model should pay

        wanted = PROVIDERS[self.provider].onnx
        if wanted not in onnxruntime.get_available_providers():
            raise MissingExtraError(
                f"provider {self.provider!r} is not in the installed onnxruntime; "
                f"{PROVIDERS[self.provider].install}"
            )
        onnxruntime.set_default_logger_severity(_FATAL)
        kept = self._kept(onnxruntime)
        session = None if kept is None else self._from_kept(onnxruntime, kept)
        if session is None:
            session = self._optimised(onnxruntime, kept)
        if session.get_providers()[0] != wanted:
            raise ModelError(
                f"{self.name}: provider {self.provider!r} is installed but does not start here "
                f"(onnxruntime fell back to {session.get_providers()[0]}); check its driver, or use 'cpu'"
            )
        return session

    def _kept(self, onnxruntime: Any) -> KeptGraph | None:
        """Other providers compile parts of a network into what no file can hold."""
        if not self._network or self.provider != "cpu":
            return None
        return KeptGraph.of(self._network, f"{onnxruntime.__version__} {onnxruntime.get_build_info()}")

    def _from_kept(self, onnxruntime: Any, kept: KeptGraph) -> Any:
        """``None`` where there is no graph, or one that onnxruntime does not take."""
        path = kept.find()
        if path is None:
            return None
        options = self._options(onnxruntime)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return self._opened(onnxruntime, str(path), options)
        except Exception:  # as above: it is then made again
            return None

    def _optimised(self, onnxruntime: Any, kept: KeptGraph | None) -> Any:
        """The model itself, whose graph is kept on the way. Raises :class:`ModelError`."""
        source = self._model()
        try:
            options = self._options(onnxruntime)
            if int8_check.is_quantised(source) and int8_check.overflows(onnxruntime):
                options.add_session_config_entry("session.x64quantprecision", "1")
            if kept is not None:
                with contextlib.suppress(Exception), kept.to_fill() as path:  # the disk may be full
                    if path is not None:
                        options.optimized_model_filepath = str(path)
                        options.add_session_config_entry(_WEIGHTS_FILE, kept.weights)
                        return self._opened(onnxruntime, source, options)
                options.optimized_model_filepath = ""
            return self._opened(onnxruntime, source, options)
        except Exception as error:  # as above
            raise ModelError(
                f"{self.name}: onnxruntime cannot load the model: {_first_line(error)}"
            ) from error

    def _options(self, onnxruntime: Any) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        return options

    def _opened(self, onnxruntime: Any, model: str | bytes, options: Any) -> Any:
        return onnxruntime.InferenceSession(model, options, providers=[PROVIDERS[self.provider].onnx])

    def _model(self) -> str | bytes:
        """What onnxruntime is given: a path or checked bytes."""
        if isinstance(self._source, Path):
            return str(self._source)
        data = self._source() if callable(self._source) else self._source
        if data is None or _OUTSIDE in data:
            # Such a name would be looked up from the current folder, whoever wrote it and whatever it says.
            raise ModelError(f"{self.name}: keeps weights in another file; export it as one file")
        return data


def available_providers() -> list[str]:
    """onnxruntime's names of what the installed build can compute on."""
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]

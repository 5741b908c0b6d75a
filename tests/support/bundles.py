"""A model small enough to read: real ONNX files whose answers can be worked out by hand.

The detector finds magenta frames; the recogniser looks at three bands inside a frame and compares their mean
colors with fixed ones: the top band is the hair, the middle one says who it is, the bottom one is the eyes.
:func:`paint` draws pictures for them. So the whole program runs in a test, fast and without a trained model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]

SIDE = 256
"""Longest side that the tiny detector sees."""
SIZE = 32
"""Input side of the tiny recogniser."""
SLOTS = 6
"""Faces that the tiny detector can find in one picture; no two may share a column of pixels."""

WHO: dict[str, RGB] = {
    "hatsune_miku": (0, 200, 200),
    "kagamine_rin": (255, 230, 0),
    "cirno": (40, 80, 255),
    "stranger": (120, 60, 20),
    "nobody": (128, 128, 128),
}
"""Color of the middle band. The last two are no labels: they stand for everybody else."""

COLORS: dict[str, RGB] = {
    "black": (0, 0, 0),
    "brown": (115, 64, 25),
    "blonde": (255, 230, 100),
    "red": (215, 25, 25),
    "orange": (255, 140, 25),
    "pink": (255, 165, 205),
    "purple": (140, 50, 190),
    "blue": (50, 75, 240),
    "aqua": (75, 215, 215),
    "green": (50, 190, 65),
    "grey": (140, 140, 140),
    "white": (255, 255, 255),
    "multicolored": (0, 100, 100),
    "unclear": (190, 165, 140),
}
HAIR = tuple(COLORS)
EYES = (*tuple(COLORS)[:12], "heterochromia", "closed")
"""Eyes use the same colors; the last two stand where hair has ``multicolored`` and ``unclear``."""

LABELS: list[dict[str, Any]] = [
    {
        "tag": "hatsune_miku",
        "category": "character",
        "series": "vocaloid",
        "implied": ["aqua_hair", "aqua_eyes", "twintails"],
        "threshold": None,
    },
    {
        "tag": "kagamine_rin",
        "category": "character",
        "series": "vocaloid",
        "implied": ["blonde_hair", "blue_eyes", "hair_bow"],
        "threshold": None,
    },
    {
        "tag": "cirno",
        "category": "character",
        "series": "touhou",
        "implied": ["blue_hair", "blue_eyes", "ice_wings"],
        "threshold": None,
    },
]


@dataclass(frozen=True)
class Painted:
    """A face for :func:`paint`: a square of ``side`` pixels at ``x``, ``y``.

    ``who``, ``hair`` and ``eyes`` are keys of the tables above, or colors. ``weak`` faces score about 0.3.
    """

    x: int
    y: int
    side: int
    who: str | RGB = "hatsune_miku"
    hair: str | RGB = "aqua"
    eyes: str | RGB = "aqua"
    weak: bool = False

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.x + self.side, self.y + self.side


def paint(
    faces: Iterable[Painted] = (), size: tuple[int, int] = (320, 240), background: RGB = (236, 240, 232)
) -> Image.Image:
    """A picture with these faces. A face should be an eighth of the picture or more."""
    image = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0] // 16, size[1] // 16), fill=(250, 120, 20))  # some color, and an "up"
    for face in faces:
        draw.rectangle(_rectangle(face, 0, 0, 1, 1), fill=(255, 90 if face.weak else 0, 255))
        bands = (
            (face.hair, COLORS),
            (face.who, WHO),
            (face.eyes, dict(zip(EYES, COLORS.values(), strict=True))),
        )
        for index, (color, table) in enumerate(bands):
            top = 0.125 + 0.25 * index
            fill = table[color] if isinstance(color, str) else color
            draw.rectangle(_rectangle(face, 0.125, top, 0.875, top + 0.25), fill=fill)
    return image


def _rectangle(face: Painted, x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
    return (
        face.x + round(x0 * face.side),
        face.y + round(y0 * face.side),
        face.x + round(x1 * face.side) - 1,
        face.y + round(y1 * face.side) - 1,
    )


def make_bundle(folder: Path, **changes: Any) -> Path:
    """Write the tiny bundle into ``folder`` (made if need be) and return it.

    ``changes`` replace parts of the manifest: tables are merged, ``None`` removes, anything else replaces, as
    in ``make_bundle(folder, recogniser={"views": [...]}, detector=None)``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {"detector.onnx": detector_model(), "recogniser.onnx": recogniser_model()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    write_manifest(folder, _merged(manifest(files), changes))
    return folder


def make_newer_bundle(folder: Path) -> Path:
    """A later version of the tiny bundle, whose recogniser is another file."""
    import onnx  # which most tests do without

    make_bundle(folder, version="2")
    model = onnx.load(folder / "recogniser.onnx")
    model.producer_name = "another"
    content = model.SerializeToString()
    (folder / "recogniser.onnx").write_bytes(content)
    data = read_manifest(folder)
    data["files"]["recogniser.onnx"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    write_manifest(folder, data)
    return folder


def write_manifest(folder: Path, data: Mapping[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps(data, indent=1), "utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return data


def manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest of the tiny bundle."""
    half = [0.5, 0.5, 0.5]
    return {
        "schema": 1,
        "name": "tiny",
        "version": "1",
        "created": "2020-01-01",
        "licence": "CC0",
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in files.items()
        },
        "detector": {
            "file": "detector.onnx",
            "sides": [SIDE],
            "multiple": 32,
            "max_upscale": 2.0,
            "mean": half,
            "std": half,
            "threshold": 0.5,
            "nms_iou": 0.5,
            "max_faces": 200,
        },
        "recogniser": {
            "file": "recogniser.onnx",
            "size": SIZE,
            "mean": half,
            "std": half,
            "expand": 1.0,
            "views": [{"expand": 1.0, "flip": False}],
            "hair": list(HAIR),
            "eyes": list(EYES),
            "thresholds": {"character": 0.6, "hair": 0.5, "eyes": 0.5},
            "review": 0.3,
            "min_colourfulness": 6.0,
        },
        "labels": LABELS,
        "training": {},
        "figures": {},
    }


def _merged(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(data)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


class Graph:
    """A few lines that make the ``onnx`` helper bearable: each call adds a node and names its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: object, kind: str = "float32") -> str:
        import numpy as np
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def whole(self, *values: int) -> str:
        return self.constant(values, "int64")

    def model(
        self,
        inputs: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, Sequence[Any]],
        truths: Collection[str] = (),
    ) -> bytes:
        """The ONNX file; those of the inputs in ``truths`` are true or false, all others numbers."""
        from onnx import TensorProto, checker, helper

        def infos(shapes: Mapping[str, Sequence[Any]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(
                    name, TensorProto.BOOL if name in truths else TensorProto.FLOAT, list(shape)
                )
                for name, shape in shapes.items()
            ]

        graph = helper.make_graph(self.nodes, "tiny", infos(inputs), infos(outputs), self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data


def detector_model() -> bytes:
    """Finds the bounding box of each magenta frame; a frame's score falls with the green in it."""
    g = Graph()
    image = _bytes_again(g, "images")
    red, green, blue = (_channel(g, image, index) for index in range(3))
    pure = g("And", g("Greater", red, g.constant(0.75)), g("Greater", blue, g.constant(0.75)))
    mask = _number(g, g("And", pure, g("Less", green, g.constant(0.45))))
    columns = g("ReduceMax", mask, axes=[2], keepdims=1)  # (N, 1, 1, W): which columns hold a frame
    shifted = g("Pad", columns, g.whole(0, 0, 0, 1, 0, 0, 0, -1))
    starts = g("Mul", columns, g("Sub", g.constant(1.0), shifted))
    number = g("Mul", g("CumSum", starts, g.constant(3, "int64")), columns)  # which frame a column is of
    slots = g.constant([[[[float(index + 1)]] for index in range(SLOTS)]])
    frames = g("Mul", mask, _number(g, g("Equal", number, slots)))  # (N, SLOTS, H, W)
    across = g("ReduceMax", frames, axes=[2], keepdims=0)
    down = g("ReduceMax", frames, axes=[3], keepdims=0)
    corners = [_edge(g, across, 0), _edge(g, down, 0), _edge(g, across, 1), _edge(g, down, 1)]
    g("Concat", *corners, axis=2, name="boxes")
    count = g("ReduceSum", frames, g.whole(2, 3), keepdims=0)
    tint = g("ReduceSum", g("Mul", frames, green), g.whole(2, 3), keepdims=0)
    tint = g("Div", tint, g("Max", count, g.constant(1.0)))
    score = g("Clip", g("Sub", g.constant(1.0), g("Mul", tint, g.constant(2.0))), g.constant(0.0))
    g("Mul", score, g("Clip", count, g.constant(0.0), g.constant(1.0)), name="scores")
    return g.model({"images": ["N", 3, "H", "W"]}, {"boxes": ["N", "M", 4], "scores": ["N", "M"]})


def recogniser_model() -> bytes:
    """Compares three bands with the fixed colors: a softmax over the squared distances.

    It looks at the left half of a face only, so that a mirrored view may say something else.
    """
    g = Graph()
    image = _bytes_again(g, "faces")
    hair, who, eyes = (_band(g, image, row) for row in (6, 14, 22))
    joined = g("Sub", g("Concat", who, hair, eyes, axis=1), g.constant(0.5))
    g("LpNormalization", joined, axis=1, p=2, name="embedding")
    labels = len(LABELS)
    everyone = _nearest(g, who, list(WHO.values()))
    g("Slice", everyone, g.whole(0), g.whole(labels), g.whole(1), name="character")
    g("Identity", _nearest(g, hair, list(COLORS.values())), name="hair")
    g("Identity", _nearest(g, eyes, list(COLORS.values())), name="eyes")
    outputs = {"embedding": 9, "character": labels, "hair": len(HAIR), "eyes": len(EYES)}
    return g.model(
        {"faces": ["N", 3, SIZE, SIZE]}, {name: ["N", columns] for name, columns in outputs.items()}
    )


GREEN: RGB = (0, 255, 0)
"""Color of the dot that :func:`roll_model` looks for: it is above the middle of an upright head."""


def add_roll(folder: Path, **changes: Any) -> Path:
    """Give the tiny bundle in ``folder`` a network that says how far heads are turned. ``changes`` as for
    :func:`make_bundle`, of its section of the manifest."""
    content = roll_model()
    (folder / "roll.onnx").write_bytes(content)
    data = read_manifest(folder)
    data["files"]["roll.onnx"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    half = [0.5, 0.5, 0.5]
    section = {"file": "roll.onnx", "size": SIZE, "mean": half, "std": half, "expand": 1.0, "sure": 0.8}
    data["roll"] = _merged(section, changes)
    write_manifest(folder, data)
    return folder


def roll_model() -> bytes:
    """Where the green dot is, seen from the middle: as long as 1, or 0 where there is none."""
    g = Graph()
    image = _bytes_again(g, "faces")
    red, green, blue = (_channel(g, image, index) for index in range(3))
    plain = g("And", g("Less", red, g.constant(0.3)), g("Less", blue, g.constant(0.3)))
    mask = _number(g, g("And", plain, g("Greater", green, g.constant(0.8))))
    axis = [(index + 0.5) / (SIZE / 2) - 1 for index in range(SIZE)]
    right = g("ReduceSum", g("Mul", mask, g.constant([[[axis]]])), g.whole(1, 2, 3), keepdims=0)
    down = [[[[value] for value in axis]]]
    up = g("Neg", g("ReduceSum", g("Mul", mask, g.constant(down)), g.whole(1, 2, 3), keepdims=0))
    both = g("Concat", *(g("Unsqueeze", value, g.whole(1)) for value in (up, right)), axis=1)
    length = g("Sqrt", g("ReduceSum", g("Mul", both, both), g.whole(1), keepdims=1))
    g("Div", both, g("Max", length, g.constant(1e-6)), name="roll")
    return g.model({"faces": ["N", 3, SIZE, SIZE]}, {"roll": ["N", 2]})


def _bytes_again(g: Graph, name: str) -> str:
    """Undo the normalisation: colors from 0 to 1."""
    return g("Add", g("Mul", name, g.constant(0.5)), g.constant(0.5))


def _number(g: Graph, value: str) -> str:
    return g("Cast", value, to=1)  # 1 is ONNX's number for float32


def _channel(g: Graph, image: str, index: int) -> str:
    return g("Slice", image, g.whole(index), g.whole(index + 1), g.whole(1))


def _edge(g: Graph, present: str, last: int) -> str:
    """Position of the first (or just behind the last) 1 along the last axis: ``(N, SLOTS, 1)``."""
    index = g("ArgMax", present, axis=2, keepdims=1, select_last_index=last)
    return g("Add", _number(g, index), g.constant(float(last)))


def _band(g: Graph, image: str, row: int) -> str:
    part = g("Slice", image, g.whole(row, 9), g.whole(row + 4, 15), g.whole(2, 3))
    return g("ReduceMean", part, axes=[2, 3], keepdims=0)


def _nearest(g: Graph, color: str, table: Sequence[RGB]) -> str:
    rows = g.constant([[[channel / 255 for channel in row] for row in table]])  # (1, K, 3)
    difference = g("Sub", g("Unsqueeze", color, g.whole(1)), rows)
    distance = g("ReduceSum", g("Mul", difference, difference), g.whole(2), keepdims=0)
    return g("Softmax", g("Mul", distance, g.constant(-60.0)), axis=1)
